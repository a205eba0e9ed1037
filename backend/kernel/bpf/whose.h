/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * whose.h - what a key of the kernel's sums means: whose share it is, and the
 * name of the pool where it is no VM's.
 */
#ifndef BPF_WHOSE_H
#define BPF_WHOSE_H

#include "backend/kernel/bpf/growth.h"
#include "backend/kernel/kernel.h"
#include "backend/process/process.h"

struct backing;
struct by_pid;
struct known_disk;

/* What the keys of a period are looked up in. */
struct whose {
	struct kernel *k;
	struct share *host, *none; /* this domain's own work; nobody's */
	struct by_pid *pid; /* sorted */
	unsigned int pids;
	struct known_disk *disks; /* since the last look */
	struct backing *files; /* the same */
	bool files_known;
	uint64_t told; /* ns that an acctringd here says of itself */
};

/* Before each period.  false: no memory. */
bool whose_begin(struct whose *w);
/* Devices, threads or processes may have changed: forgets what is kept between periods. */
void whose_forget(struct whose *w);
void whose_free(struct whose *w);

/* The device of that kind, domain and number; one that is gone, where there is no other. */
struct kdev *whose_device(const struct whose *w, unsigned int kind, unsigned int domid,
			  uint64_t id);

/*
 * Whose *e is; *pool is the name for host and none.  NULL: it waits until that
 * is known.
 */
struct share *whose_share(struct whose *w, struct grown *e, const char **pool);

#endif
