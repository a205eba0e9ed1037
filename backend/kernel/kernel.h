/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kernel.h - the kernel's backends as we know them: devices by sysfs, their
 * threads by procfs, what they burned and did since it was last posted.
 * docs/kernel-backends.md says what is measured and what is not.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "backend/bill.h"
#include "backend/kernel/bpf/spread.h"
#include "backend/kernel/cost.h"
#include "backend/kernel/counter.h"
#include "backend/kernel/guard.h"
#include "backend/kernel/parse.h"
#include "backend/kernel/pour.h"
#include "backend/kernel/senders.h"
#include "common/xs.h"

#define KERNEL_KINDS (ACCTRING_KIND_OTHER + 1)
#define KDEV_COUNTS 6u
#define KDEV_STATE 16u
/* Lanes by what their clocks rest on.  Without lanes: as POUR_DIRECT. */
enum { POUR_DIRECT, POUR_POOL, POUR_MODEL, POURS };
enum kdev_work { KDEV_RING, KDEV_TX, KDEV_RX, KDEV_WORKS };

struct kdev_did {
	uint64_t reads, writes, bytes;
};

/* A device that a driver of this kernel serves. */
struct kdev {
	LIST_ENTRY(kdev) link;
	unsigned int kind, domid, id;
	unsigned int pays; /* domid: of the VM, not of its stub domain */
	bool asked; /* the store, who that is */
	bool physical; /* it is known what a disk's backend has opened: */
	uint32_t major, minor;
	int dir; /* its directory in sysfs */
	uint64_t ino; /* of that: another device of this name has another */
	bool seen; /* in the scan that runs */
	bool gone; /* it is no more; what it cost is not all posted */
	bool old; /* was there when we began: its counts are others' */
	bool changed; /* its state has, since the last scan */
	bool threaded; /* we made it so */
	char state[KDEV_STATE]; /* as sysfs says: "Connected" */
	char base[2][THREAD_BASE]; /* what its threads are called, "": not known */
	unsigned int threads;
	unsigned int lacks; /* searches in a row that found none, though it is connected */
	struct counter count[KDEV_COUNTS];
	uint64_t burned_ns; /* by all of its threads, since it was found */
	uint64_t pool_ns; /* of `cost`, not yet posted: a part of a pool, by like drivers */
	unsigned int behind; /* bits: the shared pools whose devices a disk lies on */
	struct kdev_did did, did_before; /* by a disk, in this period and the last */
	uint64_t shared_ns[POURS]; /* its part of those pools, not yet posted */
	bool posted; /* at all: */
	bool direct; /* on a lane of POUR_DIRECT, */
	unsigned int lane; /* where, the last time, there if at all */
	uint64_t ring_ns; /* of a disk's threads in this period */
	unsigned int ifindex; /* of an interface; 0: it is in another network namespace */
	struct kcost received; /* by an interface's guest in this period, not yet divided */
	struct pair_list senders; /* of that */
	struct share share[KDEV_WORKS]; /* level 2, while it divides */
	struct kcost cost[ACCTRING_CLASSES]; /* not yet posted */
	struct payer payer;
};

/* A thread of a backend, or below one.  Without a device it waits for one to be found. */
struct kthread {
	LIST_ENTRY(kthread) link;
	pid_t pid;
	uint64_t start;
	bool seen;
	struct thread_name name;
	char comm[THREAD_NAME];
	struct counter cpu;
	struct kdev *dev;
	bool guarded; /* it is where its guest's limit acts, or cannot be */
	bool host; /* a worker: it is known that no VM uses what it works for */
	struct counter stat; /* a shared worker's name says what it works for */
	int pool; /* and did when it was last read: shared.h, -1 none */
	uint64_t held; /* level 2: ns from before its device was found */
};

LIST_HEAD(kdev_list, kdev);
LIST_HEAD(kthread_list, kthread);
LIST_HEAD(kproc_list, kproc); /* process/process.h */

struct kernel {
	const char *proc, *sys; /* "/proc", "/sys" */
	struct xs_handle *xsh;
	uint64_t began; /* ticks from boot: threads before that are old */
	bool scanned; /* devices were, once */
	struct kdev_list devices;
	struct kthread_list threads;
	struct kproc_list procs;
	struct pairs pairs; /* of senders and receivers */
	struct guards guards;
	struct level2 *level2; /* NULL: level 1 */
	struct shared *shared; /* pools are billed; NULL: not */
	char level1[160]; /* why it is level 1 */
	bool unnamed; /* level 2 has seen a process that the store may name by now */
	bool warned; /* of files that cannot be opened */
	bool unthreaded; /* an interface could not be made threaded, and that was said */

	/* posting */
	struct acctring *link;
	unsigned int lanes; /* of all pours, one after the other */
	struct acctring_lane *lane[POUR_LANES];
	struct pour pour[POURS];
	struct bill bill[KERNEL_KINDS]; /* by ACCTRING_KIND_* */
	struct payer payer; /* our own domain, for */
	struct kcost own; /* this process, not yet posted */
	struct kcost host; /* level 2: other work of this domain, not yet posted */
	uint64_t own_ns; /* of this process, when last read */
	uint64_t posted_at; /* now_ns() */
};

static inline struct bill *kernel_bill(struct kernel *k, const struct kdev *d)
{
	return &k->bill[d->kind];
}

/* found.c: devices */
/*
 * Looks for devices.  0, or -errno: there is no such bus, or the store is
 * gone.  *changed: some came, went, or are in another state.
 */
int kernel_find_devices(struct kernel *k, bool *changed);
/* It is gone: forgets it, but not what it cost. */
void kdev_remove(struct kernel *k, struct kdev *d);
/* Forgets those that are gone and all of whose cost is posted. */
void kernel_drop_gone(struct kernel *k);
/* Whatever it cost. */
void kdev_free(struct kernel *k, struct kdev *d);
/* Reads its state; true when it is another. */
bool kdev_take_state(struct kdev *d);
/* Or nobody says whether it is. */
bool kdev_connected(const struct kdev *d);

/* threads.c */
/* Looks for threads, and whose they are. 0 or -errno: no procfs. */
int kernel_find_threads(struct kernel *k);
void kthread_remove(struct kthread *t);
/* Looks at one that has just been seen to run; NULL: none of a backend. */
struct kthread *kernel_take_thread(struct kernel *k, pid_t pid);
/* Disks of which it is known what blkback has opened. NULL: none, or no memory. */
struct devmap_use *kernel_disks(struct kernel *k, unsigned int *n);
/* A device that should have threads has none, and another search may find them. */
bool kernel_lacks_threads(const struct kernel *k);
/* One whose files cannot be used; says so once. */
void kernel_warn(struct kernel *k, pid_t pid, int r);

/* polls.c */
/*
 * Makes connected interfaces threaded, or those that we made so not so any
 * more.  true: some were.
 */
bool kernel_thread_polls(struct kernel *k, bool on);

/* gather.c */
/* Whose time it was: to a device, by what its thread does. */
void kdev_burned(struct kdev *d, enum kdev_work work, uint64_t ns);
enum kdev_work kthread_work(const struct kthread *t);
/* Reads all clocks and counts; true: a thread has ended. */
bool kernel_gather(struct kernel *k);
/* What a device's file is: for the list. */
unsigned int kdev_units(const struct kdev *d, uint64_t *units, uint64_t *bytes);

/* post.c */
/* Opens the lanes of each pour; dies if it cannot. */
void kernel_open_lanes(struct kernel *k, const unsigned int lanes[POURS]);
/* Posts what is due, as far as there is room. Returns how many devices, processes and pairs wait. */
unsigned int kernel_post(struct kernel *k);
/* CPU of this process. */
uint64_t process_ns(void);

/* list.c */
/* What is known, once, on standard output. */
void kernel_list(struct kernel *k);

#endif
