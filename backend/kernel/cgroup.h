/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup.h - a cgroup (version 2) for the threads that serve a guest, with a quota of CPU.
 * They are below one of our own at the root, which is no more when there is none.
 */
#ifndef KERNEL_CGROUP_H
#define KERNEL_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_FREE UINT64_MAX /* no quota */

struct cgroups {
	int root; /* its directory, -1: none */
};

/*
 * Below `sys`, as /sys/fs/cgroup is.  What an earlier one of us left there is taken back.
 * 0 or -errno: ENOENT no such hierarchy, EOPNOTSUPP one without cpu, EROFS.
 */
int cgroups_open(struct cgroups *c, const char *sys);
/* Only to look, as --list does: nothing is taken back. */
int cgroups_look(struct cgroups *c, const char *sys);
/* Takes all back that is left. */
void cgroups_close(struct cgroups *c);

/* All: 0 or -errno. */
int cgroup_make(struct cgroups *c, unsigned int domid);
/* ns/s of CPU for all its threads together, or CGROUP_FREE. */
int cgroup_quota(const struct cgroups *c, unsigned int domid, uint64_t quota);
/* ESRCH: it has ended; EINVAL: the kernel keeps it where it is. */
int cgroup_add(const struct cgroups *c, unsigned int domid, pid_t pid);
/* Its threads are in the root again. */
int cgroup_remove(struct cgroups *c, unsigned int domid);

/* Lines "quota", domid, cpu.max, how many threads; for --list. */
void cgroups_list(const struct cgroups *c);

#endif
