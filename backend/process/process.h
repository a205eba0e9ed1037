/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.h - processes that serve one VM each: QEMU, tapdisk.  The store
 * says which, procfs what they burn.  docs/processes.md.
 */
#ifndef PROCESS_PROCESS_H
#define PROCESS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "backend/kernel/kernel.h"

/* Whose a process is, as the store has it. */
struct served {
	unsigned int domid; /* of the frontend */
	unsigned int kind, id; /* ACCTRING_KIND_*, device; 0: of several */
};

struct kproc {
	LIST_ENTRY(kproc) link;
	pid_t pid;
	uint64_t start; /* ticks from boot: another process of this number has another */
	unsigned int claims; /* VMs that call it theirs, in the scan that runs */
	bool several; /* and were more than one in the last: billed to none */
	bool lost; /* none in the last; it may be named again */
	bool gone; /* ended, or another's now; what it cost is not all posted */
	char name[THREAD_NAME];
	struct served serves;
	unsigned int pays; /* domid: of the VM, not of its stub domain */
	struct counter cpu; /* its stat: ns, of all its threads */
	struct share share; /* level 2, while it divides */
	struct kcost cost; /* not yet posted */
	uint64_t pool_ns; /* of that: a part of a pool */
	struct payer payer;
};

/* Looks for processes. 0 or -errno: no procfs, no file left, or the store is gone. */
int kernel_find_processes(struct kernel *k);
/* Reads their clocks; true: one has ended. */
bool kernel_gather_processes(struct kernel *k);
void kproc_free(struct kernel *k, struct kproc *p);

/* guests.c: the part that asks the store */
/* What is to be done with a process that the store names; the rest is *arg. */
typedef void found_process(void *arg, pid_t pid, const struct served *s, bool tapdisk);
/* Calls `found` for each. 0, or -errno: the store is gone. */
int guests_processes(struct xs_handle *xsh, found_process *found, void *arg);
/*
 * Who pays for what is done for domid: the VM whose stub domain it is, else
 * itself. 0, or -errno: the store is gone.
 */
int guests_payer(struct xs_handle *xsh, unsigned int domid, unsigned int *pays);

#endif
