/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared.h - what the programs in the kernel and we have in common: whose time
 * it was, and how much.  Compiled for BPF too: fixed types only.
 */
#ifndef BPF_SHARED_H
#define BPF_SHARED_H

/* Whose time: what can be told in the kernel.  The rest is resolved later. */
enum bpf_kind {
	BPF_IDLE = 1, /* the idle loop, while the hypervisor ran it */
	BPF_USER, /* id: process */
	BPF_THREAD, /* id: thread of the kernel */
	BPF_POOL, /* a context of all: which one says `pool`; id, sub: below */
	BPF_VIF_TX, /* id: domid, sub: handle; the guest sends */
	BPF_VIF_RX, /* the guest receives */
	BPF_VBD, /* id: domid, sub: 16 bits of the device's number */
	BPF_DISK, /* id: major << 20 | minor */
	BPF_FILE, /* id: its file system's device, as above; sub: inode */
	BPF_HOST, /* somebody's, and no VM's: its count divides */
	BPF_LOST, /* no room for its key */
	BPF_KINDS
};

/* The context in which it was. */
enum bpf_pool {
	BPF_IN_TASK, /* a thread's own */
	BPF_IN_WORK, /* an item of a work queue; sub: address of its function */
	BPF_IN_FLUSH, /* writeback, between files */
	BPF_IN_EVENT, /* the hypervisor's upcall, beside the handlers */
	BPF_IN_IRQ, /* a handler; id: number of the interrupt */
	BPF_IN_SOFTIRQ, /* and the vector: Linux's numbers */
	BPF_SOFTIRQ_NET_TX = BPF_IN_SOFTIRQ + 2,
	BPF_SOFTIRQ_NET_RX,
	BPF_SOFTIRQ_BLOCK,
	BPF_SOFTIRQ_POLL,
	BPF_SOFTIRQ_TASKLET,
	BPF_POOLS = BPF_IN_SOFTIRQ + 10
};

struct bpf_key {
	unsigned short kind, pool;
	unsigned int id;
	unsigned long long sub;
};

/* For each CPU. */
struct bpf_sum {
	unsigned long long ns;
	unsigned long long count; /* times that it began, or was found to be whose it is */
};

#define BPF_SUMS 8192 /* keys */
/*
 * Frames that guests were given, by receiver and the number of the interface by
 * which they came: kind BPF_VIF_RX, id: domid.  Their count; ns: their bytes.
 */
#define BPF_PAIRS 16384
#define BPF_PAIR(from, handle) ((unsigned long long)(from) << 32 | (handle))
#define BPF_DEV(major, minor) ((unsigned int)(major) << 20 | (unsigned int)(minor))

#endif
