/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parse.h - names and texts of /proc and /sys that tell what the kernel's
 * backends do.  Pure.  Programs choose their own names, so a name is believed
 * only together with proc_stat.kernel.
 */
#ifndef KERNEL_PARSE_H
#define KERNEL_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/process/worker.h"

#define THREAD_NAME 64 /* the kernel cuts there */
#define THREAD_BASE 16 /* of a disk's threads: TASK_COMM_LEN; IFNAMSIZ */

enum thread_role {
	THREAD_RING, /* blkback: "D.dev-N" */
	THREAD_RX, /* netback: "vifD.N-qQ-guest-rx" */
	THREAD_DEALLOC, /* netback: "vifD.N-qQ-dealloc" */
	THREAD_POLL, /* "napi/vifD.N-ID": polls of an interface that is `threaded` */
	THREAD_WORKER, /* of a block device below a disk: process/worker.h */
	THREAD_SHARED, /* "kworker/...": of all, process/shared.h */
};

struct thread_name {
	enum thread_role role;
	char base[WORKER_BLOCK]; /* what its device is called: "D.dev", "vifD.N"; "253:0" */
	unsigned int number; /* of the ring, queue or NAPI */
};

/* false: none of interest. */
bool parse_thread_name(const char *name, struct thread_name *out);

/* What blkback calls its threads, but for "-N". */
void disk_base(char base[THREAD_BASE], unsigned int domid, const char *dev);
/* What the interface is called when nobody renamed it. */
void vif_base(char base[THREAD_BASE], unsigned int domid, unsigned int id);

/* "vbd-D-N", "vif-D-N"; false: another kind, or no name of a device. */
bool parse_device_name(const char *name, unsigned int *kind, unsigned int *domid, unsigned int *id);

struct proc_stat {
	char name[THREAD_NAME];
	bool kernel; /* a thread of the kernel */
	uint64_t ticks; /* USER_HZ on a CPU, all its threads together */
	uint64_t start; /* ticks (USER_HZ) from boot to its beginning */
};

/* /proc/<pid>/stat; the name may hold blanks, parentheses, line ends. */
bool parse_proc_stat(const char *text, struct proc_stat *out);
/* /proc/<pid>/schedstat: "<ns on a CPU> <ns waiting> <times>". */
bool parse_schedstat(const char *text, uint64_t *ns);
/* A file that holds one decimal number. */
bool parse_count(const char *text, uint64_t *out);
/* /proc/stat, its first line: ticks (USER_HZ) that hit a softirq, on all CPUs. */
bool parse_softirq(const char *text, uint64_t *ticks);

#endif
