/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guard.h - --guard: guests with a limit, whose threads of the kernel may burn no more than
 * the accountant lets us post for them.  docs/kernel-backends.md, "Guard".
 */
#ifndef KERNEL_GUARD_H
#define KERNEL_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "backend/kernel/cgroup.h"
#include "backend/kernel/regulator.h"

struct kernel;

/* A guest that has, or had, a limit. */
struct kguard {
	LIST_ENTRY(kguard) link;
	unsigned int domid;
	bool seen, limited, denied; /* in this step */
	bool held; /* its cgroup is there */
	uint64_t used; /* ns: what its devices' threads have burned */
	uint64_t quota; /* ns/s, that was written; CGROUP_FREE: none */
	struct regulator r;
};

LIST_HEAD(kguard_list, kguard);

struct guards {
	bool on; /* it can be done here, and shall be */
	bool acts; /* some guest has a limit */
	bool warned; /* that something failed */
	struct cgroups groups;
	struct kguard_list list;
};

/* Whether this kernel lets us; says in the log why not. */
void guard_open(struct kernel *k, const char *sys);
/* Each period, before what was burned in it is posted. */
void guard_turn(struct kernel *k);
/* Takes all back. */
void guard_close(struct kernel *k);

#endif
