/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Level 2 without a kernel: what its programs would have measured, and to whom
 * it goes.  Nothing is lost or given twice.
 */
#include "tests/unit/test_store.h"

#include "tests/unit/test_madetree.h"

#include "backend/kernel/bpf/level2.h"
#include "backend/kernel/bpf/load.h"
#include "backend/kernel/bpf/rows.h"
#include "backend/kernel/irqs.h"

#include <signal.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

/* ------------------------------------------------------------------ */
/* In place of load.c                                                  */

static struct sum {
	struct bpf_key key;
	struct bpf_sum is;
} sums[64], pairs[8];
static unsigned int nsums, npairs, forgotten, forgotten_pairs;
static uint64_t fed;

/* The one of that key, which may be new. */
static struct bpf_sum *sum_of(struct sum *all, unsigned int *n, unsigned int most,
			      const struct bpf_key *key)
{
	unsigned int i;

	for (i = 0; i < *n && memcmp(&all[i].key, key, sizeof(*key)) != 0; i++)
		;
	assert_true(i < most);
	if (i == *n)
		all[(*n)++] = (struct sum){ *key, { 0, 0 } };
	return &all[i].is;
}

static unsigned int forget_sum(struct sum *all, unsigned int *n, const struct bpf_key *key)
{
	unsigned int i;

	for (i = 0; i < *n; i++)
		if (!memcmp(&all[i].key, key, sizeof(*key))) {
			all[i] = all[--*n];
			return 1;
		}
	return 0;
}

static int read_sums(const struct sum *all, unsigned int n, bpf_each *each, void *arg)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		each(arg, &all[i].key, &all[i].is);
	return 0;
}

struct bpf_load *bpf_load_open(char *why, size_t size)
{
	static char one;

	snprintf(why, size, "-");
	return (struct bpf_load *)&one;
}

void bpf_load_close(struct bpf_load *b)
{
	(void)b;
}

bool bpf_load_again(struct bpf_load *b)
{
	(void)b;
	return false;
}

int bpf_load_read(struct bpf_load *b, bpf_each *each, void *arg)
{
	(void)b;
	return read_sums(sums, nsums, each, arg);
}

void bpf_load_forget(struct bpf_load *b, const struct bpf_key *key)
{
	(void)b;
	forgotten += forget_sum(sums, &nsums, key);
}

int bpf_load_read_pairs(struct bpf_load *b, bpf_each *each, void *arg)
{
	(void)b;
	return read_sums(pairs, npairs, each, arg);
}

void bpf_load_forget_pair(struct bpf_load *b, const struct bpf_key *key)
{
	(void)b;
	forgotten_pairs += forget_sum(pairs, &npairs, key);
}

void bpf_load_measure(struct bpf_load *b)
{
	(void)b;
}

void bpf_load_cost(const struct bpf_load *b, uint64_t *ns, uint64_t *runs)
{
	(void)b;
	*ns = *runs = 0;
}

bool bpf_load_part(const struct bpf_load *b, unsigned int i, const char **name, const char **says)
{
	(void)b;
	*name = "all";
	*says = "yes";
	return i == 0;
}

bool bpf_probe_part(unsigned int i, const char **name, const char **says)
{
	return bpf_load_part(NULL, i, name, says);
}

/* The kernel has measured so much more. */
static void grow(unsigned int kind, unsigned int pool, unsigned int id, unsigned long long sub,
		 uint64_t ns, uint64_t count)
{
	struct bpf_key key = { (unsigned short)kind, (unsigned short)pool, id, sub };
	struct bpf_sum *s = sum_of(sums, &nsums, 64, &key);

	s->ns += ns;
	s->count += count;
	fed += ns;
}

/* Frames to vif `to`.0, that came by the interface of that number. */
static void give(unsigned int from, unsigned int to, uint64_t frames, uint64_t bytes)
{
	struct bpf_key key = { BPF_VIF_RX, 0, to, BPF_PAIR(from, 0) };
	struct bpf_sum *s = sum_of(pairs, &npairs, 8, &key);

	s->ns += bytes;
	s->count += frames;
}

/* ------------------------------------------------------------------ */
/* A domain with two guests                                            */

static struct kdev *disk[2], *vif[2];

static struct kdev *device(unsigned int kind, unsigned int domid)
{
	struct kdev *d;

	LIST_FOREACH(d, &k.devices, link)
		if (d->kind == kind && d->domid == domid && !d->gone)
			return d;
	return NULL;
}

static void find_all(void)
{
	bool any;

	assert_int_equal(kernel_find_devices(&k, &any), 0);
	assert_int_equal(kernel_find_threads(&k), 0);
	assert_int_equal(kernel_find_processes(&k), 0);
	level2_look(&k);
}

static int begin(void **state)
{
	unsigned int i;
	char path[60];

	nsums = npairs = forgotten = forgotten_pairs = 0;
	fed = 0;
	if (make_tree(state))
		return -1;
	k.xsh = xs_open(0);
	level2_open(&k);
	for (i = 1; i <= 2; i++) {
		make_disk(i);
		snprintf(path, sizeof(path), "vif%u.0", i);
		make_vif(i, path);
		snprintf(path, sizeof(path), "backend/vbd/%u/51712/dev", i);
		put(path, "xvda");
	}
	put("backend/vbd/1/51712/physical-device", "7:0");
	put("backend/vbd/2/51712/physical-device", "fd:1");
	make_block("loop0", "7:0", "");
	make_block("sda", "8:0", "");
	make_block("dm-0", "253:0", "dm-1 dm-2");
	make_block("dm-1", "253:1", "");
	make_block("dm-2", "253:2", "");
	make_thread(10, "1.xvda-0", 1, 1000);
	make_thread(20, "2.xvda-0", 1, 1000);
	make_thread(21, "vif2.0-q0-guest-rx", 1, 1000);
	find_all();
	for (i = 0; i < 2; i++) {
		disk[i] = device(ACCTRING_KIND_VBD, i + 1);
		vif[i] = device(ACCTRING_KIND_VIF, i + 1);
	}
	return 0;
}

static int end(void **state)
{
	int r;

	level2_close(&k);
	r = remove_tree(state);
	xs_close(k.xsh);
	store_forget();
	return r;
}

/* What nobody pays is not in any cost; it is the rest. */
static uint64_t nobodys(void)
{
	const struct kproc *p;
	uint64_t ns = k.host.ns;
	unsigned int i;

	for (i = 0; i < 2; i++)
		ns += burned(disk[i]) + burned(vif[i]);
	LIST_FOREACH(p, &k.procs, link)
		ns += p->cost.ns;
	assert_true(ns <= fed);
	return fed - ns;
}

static void threads(void **state)
{
	(void)state;
	grow(BPF_THREAD, BPF_IN_TASK, 10, 0, 500, 0);
	grow(BPF_THREAD, BPF_IN_TASK, 21, 0, 70, 0);
	grow(BPF_THREAD, BPF_IN_TASK, 5, 0, 9, 0); /* has ended: whose, nobody can tell */
	make_thread(30, "kswapd0", 1, 1);
	grow(BPF_THREAD, BPF_IN_TASK, 30, 0, 1000, 0);
	grow(BPF_USER, BPF_IN_TASK, 900, 0, 40, 0); /* a short program */
	grow(BPF_IDLE, BPF_IN_TASK, 0, 0, 6, 0);
	make_thread(10, "1.xvda-0", 1, 999999); /* its own clock has steal in it */
	kernel_gather(&k);
	assert_int_equal(burned(disk[0]), 500);
	assert_int_equal(vif[1]->cost[ACCTRING_CLASS_RX].ns, 70);
	assert_int_equal(k.host.ns, 1046);
	assert_int_equal(nobodys(), 9);
	kernel_gather(&k); /* once */
	assert_int_equal(burned(disk[0]), 500);
	assert_int_equal(k.host.ns, 1046);
}

/* A ring's thread that is new: it waits for its device, and is paid whole. */
static void new_thread(void **state)
{
	struct kdev *d;

	(void)state;
	make_thread(40, "3.xvda-0", 2000, 10);
	grow(BPF_THREAD, BPF_IN_TASK, 40, 0, 25, 0);
	kernel_gather(&k);
	assert_int_equal(nobodys(), 25);
	make_disk(3);
	put("backend/vbd/3/51712/dev", "xvda");
	find_all();
	grow(BPF_THREAD, BPF_IN_TASK, 40, 0, 5, 0);
	kernel_gather(&k);
	d = device(ACCTRING_KIND_VBD, 3);
	assert_int_equal(burned(d), 30);
	/* another one of a device that is known */
	make_thread(41, "1.xvda-1", 2000, 10);
	grow(BPF_THREAD, BPF_IN_TASK, 41, 0, 8, 0);
	kernel_gather(&k);
	assert_int_equal(burned(disk[0]), 8);
}

static void devices(void **state)
{
	(void)state;
	grow(BPF_VIF_TX, BPF_SOFTIRQ_NET_RX, 1, 0, 100, 1);
	grow(BPF_VIF_RX, BPF_SOFTIRQ_NET_RX, 2, 0, 30, 1);
	grow(BPF_VBD, BPF_IN_IRQ, 2, 51712, 7, 1);
	grow(BPF_DISK, BPF_IN_WORK, BPF_DEV(7, 0), 0, 1000, 1); /* 1's loop worker */
	grow(BPF_DISK, BPF_IN_WORK, BPF_DEV(253, 1), 0, 300, 1); /* 2's volume */
	grow(BPF_DISK, BPF_IN_WORK, BPF_DEV(8, 0), 0, 40, 1); /* the host's */
	grow(BPF_VIF_TX, BPF_SOFTIRQ_NET_RX, 9, 0, 3, 1); /* of no device */
	kernel_gather(&k);
	assert_int_equal(vif[0]->cost[ACCTRING_CLASS_TX].ns, 100);
	assert_int_equal(vif[1]->cost[ACCTRING_CLASS_RX].ns, 30);
	assert_int_equal(burned(disk[0]), 1000);
	assert_int_equal(burned(disk[1]), 307);
	assert_int_equal(k.host.ns, 40);
	assert_int_equal(nobodys(), 3);
	/* two VMs have volumes on dm-0 */
	put("backend/vbd/1/51712/physical-device", "fd:2");
	disk[0]->physical = false;
	find_all();
	grow(BPF_DISK, BPF_IN_WORK, BPF_DEV(253, 0), 0, 11, 1);
	kernel_gather(&k);
	assert_int_equal(nobodys(), 14);
}

/* Writeback of a file is its loop device's VM's. */
static void files(void **state)
{
	struct stat st;
	char path[100];

	(void)state;
	run("echo x >image && mkdir -p sys/class/block/loop0/loop && "
	    "echo %s/image >sys/class/block/loop0/loop/backing_file",
	    tree);
	snprintf(path, sizeof(path), "%s/image", tree);
	assert_int_equal(stat(path, &st), 0);
	level2_look(&k);
	grow(BPF_FILE, BPF_IN_FLUSH, BPF_DEV(major(st.st_dev), minor(st.st_dev)), st.st_ino, 600,
	     3);
	grow(BPF_FILE, BPF_IN_FLUSH, BPF_DEV(major(st.st_dev), minor(st.st_dev)), st.st_ino + 1, 50,
	     1);
	grow(BPF_POOL, BPF_IN_FLUSH, 0, 0, 40, 1); /* between files: by their number */
	kernel_gather(&k);
	assert_int_equal(burned(disk[0]), 630);
	assert_int_equal(k.host.ns, 60);
	assert_int_equal(nobodys(), 0);
}

static void pools(void **state)
{
	(void)state;
	/* completions: three of 1, one of 2 (by its thread), one of nobody known */
	grow(BPF_DISK, BPF_SOFTIRQ_BLOCK, BPF_DEV(7, 0), 0, 60, 3);
	grow(BPF_THREAD, BPF_SOFTIRQ_BLOCK, 20, 0, 10, 1);
	grow(BPF_HOST, BPF_SOFTIRQ_BLOCK, 0, 0, 20, 1);
	grow(BPF_POOL, BPF_SOFTIRQ_BLOCK, 0, 0, 100, 2);
	kernel_gather(&k);
	assert_int_equal(burned(disk[0]), 120);
	assert_int_equal(burned(disk[1]), 30);
	assert_int_equal(k.host.ns, 40);
	/* what was divided rests on a pool; what was seen to be theirs does not */
	assert_int_equal(disk[0]->pool_ns, 60);
	assert_int_equal(disk[1]->pool_ns, 20);
	/* timers and RCU are the host's, whoever was seen there */
	grow(BPF_DISK, BPF_IN_SOFTIRQ + 9, BPF_DEV(7, 0), 0, 1, 1);
	grow(BPF_POOL, BPF_IN_SOFTIRQ + 9, 0, 0, 1000, 1);
	grow(BPF_POOL, BPF_IN_WORK, 0, 0xffffffff81000000u, 500, 1);
	kernel_gather(&k);
	assert_int_equal(burned(disk[0]), 121);
	assert_int_equal(disk[0]->pool_ns, 60);
	assert_int_equal(k.host.ns, 1540);
	assert_int_equal(nobodys(), 0);
}

static void interrupts(void **state)
{
	(void)state;
	run("mkdir -p sys/kernel/irq/24 sys/kernel/irq/30 && echo timer0 "
	    ">sys/kernel/irq/24/actions && "
	    "echo 'ahci[0000:00:04.0]' >sys/kernel/irq/30/actions");
	grow(BPF_POOL, BPF_IN_IRQ, 24, 0, 700, 7);
	grow(BPF_POOL, BPF_IN_IRQ, 31, 0, 10, 2); /* of which guests' handlers claimed one */
	grow(BPF_VIF_TX, BPF_IN_IRQ, 1, 0, 5, 1);
	grow(BPF_POOL, BPF_IN_IRQ, 30, 0, 90, 1); /* by what came of it */
	grow(BPF_DISK, BPF_SOFTIRQ_BLOCK, BPF_DEV(7, 0), 0, 0, 2);
	grow(BPF_HOST, BPF_SOFTIRQ_BLOCK, 0, 0, 0, 1);
	/* ten upcalls: one of the vif, one of the disk's card, the rest ours */
	grow(BPF_POOL, BPF_IN_EVENT, 0, 0, 1000, 10);
	kernel_gather(&k);
	assert_int_equal(burned(vif[0]), 105);
	assert_int_equal(vif[0]->pool_ns, 100);
	assert_in_range(burned(disk[0]), 60, 160);
	assert_int_equal(burned(vif[0]) + burned(disk[0]) + k.host.ns, fed);
	assert_int_equal(nobodys(), 0);
	assert_true(irq_name_is_device("nvme0q1"));
	assert_false(irq_name_is_device("resched3"));
	assert_false(irq_name_is_device(""));
}

/* All polls are counted, guests' again: what is between them is divided by both. */
static void polls(void **state)
{
	(void)state;
	grow(BPF_VIF_TX, BPF_SOFTIRQ_NET_RX, 1, 0, 10, 3);
	grow(BPF_HOST, BPF_SOFTIRQ_NET_RX, 0, 0, 0, 4);
	grow(BPF_POOL, BPF_SOFTIRQ_NET_RX, 0, 0, 400, 3);
	kernel_gather(&k);
	assert_int_equal(burned(vif[0]), 310);
	assert_int_equal(k.host.ns, 100);
}

static void count_vif(unsigned int domid, uint64_t frames, uint64_t bytes)
{
	run("cd " DEVICES "/vif-%u-0/net/vif%u.0/statistics && echo %u >tx_packets && "
	    "echo %u >tx_bytes",
	    domid, domid, (unsigned int)frames, (unsigned int)bytes);
}

static void number_vif(unsigned int domid, unsigned int ifindex)
{
	run("echo %u >" DEVICES "/vif-%u-0/net/vif%u.0/ifindex", ifindex, domid, domid);
}

static const struct kcost *sent(const struct kdev *from, const struct kdev *to)
{
	static const struct kcost none;
	const struct pair *p;

	LIST_FOREACH(p, &to->senders, link)
		if (p->from == from)
			return &p->cost;
	return &none;
}

/* Frames that 1 sent to 2: its doing, and the thread's time for them. */
static void senders(void **state)
{
	const struct kcost *rx = &vif[1]->cost[ACCTRING_CLASS_RX];
	unsigned int i;

	(void)state;
	count_vif(2, 0, 0);
	kernel_gather(&k);
	memset(vif[1]->cost, 0, sizeof(vif[1]->cost));
	/* nobody's number is known yet */
	give(11, 2, 2, 200);
	count_vif(2, 2, 200);
	kernel_gather(&k);
	assert_int_equal(rx->units, 2);
	assert_int_equal(k.pairs.n, 0);
	number_vif(1, 11);
	number_vif(2, 12);
	find_all();
	assert_int_equal(vif[0]->ifindex, 11);
	/* 3 of 1's, one of 2's own, 6 by a card or a bridge, 2 of this domain */
	give(11, 2, 3, 0);
	give(12, 2, 1, 0);
	give(2, 2, 6, 0);
	count_vif(2, 2 + 12, 200);
	grow(BPF_THREAD, BPF_IN_TASK, 21, 0, 1200, 0);
	grow(BPF_VIF_RX, BPF_IN_IRQ, 2, 0, 100, 1); /* its own kicks */
	grow(BPF_VIF_RX, BPF_SOFTIRQ_NET_RX, 2, 0, 70, 1); /* the card's */
	kernel_gather(&k);
	assert_int_equal(sent(vif[0], vif[1])->ns, 300);
	assert_int_equal(sent(vif[0], vif[1])->units, 3);
	assert_int_equal(sent(vif[1], vif[1])->ns, 100);
	assert_int_equal(rx->ns, 800 + 100 + 70);
	assert_int_equal(rx->units, 2 + 8);
	assert_int_equal(burned(vif[0]), 0); /* who pays is not our question */
	/* a vif in another network namespace: the numbers there are others */
	run("rm -r " DEVICES "/vif-2-0/net/vif2.0/ifindex");
	find_all();
	give(11, 2, 5, 0);
	count_vif(2, 14 + 5, 200);
	kernel_gather(&k);
	assert_int_equal(sent(vif[0], vif[1])->units, 3);
	assert_int_equal(rx->units, 2 + 8 + 5);
	/* what is over is forgotten, here and there */
	assert_int_equal(npairs, 3);
	for (i = 0; i < 30; i++)
		kernel_gather(&k);
	assert_int_equal(forgotten_pairs, 3);
	number_vif(2, 12);
	find_all();
	give(11, 2, 1, 0);
	count_vif(2, 20, 200);
	kernel_gather(&k);
	assert_int_equal(sent(vif[0], vif[1])->units, 4);
}

static void make_qemu(int pid, unsigned int domid)
{
	run("mkdir -p proc/%d && echo '%d (qemu) S 1 0 0 0 -1 4194560 0 0 0 0 5 0 0 0 20 0 1 0 9 0 "
	    "0' "
	    ">proc/%d/stat && printf 'qemu\\000-xen-domid\\000%u\\000-xen-attach\\000' "
	    ">proc/%d/cmdline",
	    pid, pid, pid, domid, pid);
}

/* A QEMU runs before the store names it. */
static void processes(void **state)
{
	const struct kproc *p;
	unsigned int i;

	(void)state;
	make_qemu(50, 2);
	grow(BPF_USER, BPF_IN_TASK, 50, 0, 800, 0);
	kernel_gather(&k);
	assert_true(k.unnamed); /* look for it */
	assert_int_equal(nobodys(), 800);
	put("backend/qdisk/2/51712/dev", "xvda");
	put("/local/domain/2/image/device-model-pid", "50");
	find_all();
	grow(BPF_USER, BPF_IN_TASK, 50, 0, 1, 0);
	grow(BPF_USER, BPF_SOFTIRQ_BLOCK, 50, 0, 4, 1); /* its requests' completions */
	kernel_gather(&k);
	p = LIST_FIRST(&k.procs);
	assert_non_null(p);
	assert_int_equal(p->cost.ns, 805);
	assert_int_equal(nobodys(), 0);
	/* another one, that nobody ever names, is a program of the host's */
	make_qemu(51, 3);
	for (i = 0; i < 40; i++) {
		grow(BPF_USER, BPF_IN_TASK, 51, 0, 10, 0);
		kernel_gather(&k);
	}
	assert_int_equal(k.host.ns, 400);
}

static pid_t spin(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	alarm(20);
	for (;;)
		__asm__ volatile("");
}

static uint64_t clock_of(pid_t pid)
{
	struct timespec ts;
	clockid_t id;

	assert_int_equal(clock_getcpuclockid(pid, &id), 0);
	assert_int_equal(clock_gettime(id, &ts), 0);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#define SECOND 1000000000u

/* acctringd adds its own clock to the books: as much is left out of ours. */
static void accountant(void **state)
{
	pid_t pid = spin();
	uint64_t was, now;

	(void)state;
	/* its worker is started by a link */
	run("mkdir -p proc/%d && echo '%d (exe) S 1 0 0 0 -1 4194560 0 0 0 0 5 0 0 0 20 0 1 0 9 0 "
	    "0' "
	    ">proc/%d/stat && printf '/sbin/acctringd\\000--worker\\000' >proc/%d/cmdline",
	    (int)pid, (int)pid, (int)pid, (int)pid);
	grow(BPF_USER, BPF_IN_TASK, (unsigned int)pid, 0, 1000, 0);
	was = clock_of(pid);
	kernel_gather(&k);
	assert_int_equal(k.host.ns, 1000); /* its clock begins to be read */
	while (clock_of(pid) < was + SECOND / 20)
		;
	grow(BPF_USER, BPF_IN_TASK, (unsigned int)pid, 0, 5ull * SECOND, 0);
	kernel_gather(&k);
	now = clock_of(pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_in_range(k.host.ns, 1000 + 5ull * SECOND - (now - was), 5ull * SECOND - SECOND / 25);
}

/* What is over is forgotten, here and in the kernel, and may come again. */
static void forgets(void **state)
{
	unsigned int i;

	(void)state;
	grow(BPF_DISK, BPF_IN_WORK, BPF_DEV(7, 0), 0, 5, 1);
	grow(BPF_LOST, 0, 0, 0, 1, 0);
	for (i = 0; i < 60; i++)
		kernel_gather(&k);
	assert_int_equal(forgotten, 1);
	grow(BPF_DISK, BPF_IN_WORK, BPF_DEV(7, 0), 0, 7, 1);
	kernel_gather(&k);
	assert_int_equal(burned(disk[0]), 12);
	/* begun anew in the kernel without our doing */
	sums[nsums - 1].is = (struct bpf_sum){ 3, 1 };
	fed += 3;
	kernel_gather(&k);
	assert_int_equal(burned(disk[0]), 15);
	assert_int_equal(nobodys(), 1);
}

/* Whatever the kernel says, every ns is somebody's or nobody's, once. */
static void conserves(void **state)
{
	static const unsigned int ids[] = { 1, 2, 10, 20, 21, 24, 30, 99 };
	unsigned int round, i, seed = 12345;

	(void)state;
	make_thread(99, "rcu_preempt", 1, 1);
	for (round = 0; round < 200; round++) {
		nsums = nsums > 40 ? 0 : nsums;
		for (i = 0; i < 12; i++) {
			unsigned int a = (seed = seed * 1103515245u + 12345u) >> 16;
			unsigned int b = (seed = seed * 1103515245u + 12345u) >> 16;
			unsigned int kind = 1 + a % (BPF_KINDS - 1);

			if (kind == BPF_LOST || kind == BPF_USER)
				continue;
			grow(kind, b % BPF_POOLS,
			     kind == BPF_DISK ? BPF_DEV(7, 0) : ids[a / 16 % 8],
			     kind == BPF_VBD ? 51712 : 0, b % 1000, b % 5);
		}
		kernel_gather(&k);
	}
	/* vifs and disks of no guest, threads that ended, are nobody's: not more than those */
	assert_true(nobodys() < fed / 2);
	assert_true(burned(disk[0]) > 0 && burned(vif[0]) > 0 && k.host.ns > 0);
	assert_in_range(disk[0]->pool_ns, 1, burned(disk[0]) - 1);
}

static void names(void **state)
{
	struct rows r = { 0 };
	char name[ROWS + 2][4];
	unsigned int i;

	(void)state;
	for (i = 0; i < BPF_POOLS; i++)
		assert_non_null(rows_pool(i));
	for (i = 0; i < ROWS + 2; i++) {
		snprintf(name[i], sizeof(name[i]), "%u", i);
		rows_add(&r, name[i], 1);
		rows_add(&r, name[i], 1);
	}
	assert_int_equal(r.n, ROWS);
	assert_int_equal(r.row[0].ns, 2);
	assert_int_equal(r.row[ROWS - 1].ns, 6); /* and what found no row */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(threads, begin, end),
		cmocka_unit_test_setup_teardown(new_thread, begin, end),
		cmocka_unit_test_setup_teardown(devices, begin, end),
		cmocka_unit_test_setup_teardown(files, begin, end),
		cmocka_unit_test_setup_teardown(pools, begin, end),
		cmocka_unit_test_setup_teardown(interrupts, begin, end),
		cmocka_unit_test_setup_teardown(polls, begin, end),
		cmocka_unit_test_setup_teardown(senders, begin, end),
		cmocka_unit_test_setup_teardown(processes, begin, end),
		cmocka_unit_test_setup_teardown(accountant, begin, end),
		cmocka_unit_test_setup_teardown(forgets, begin, end),
		cmocka_unit_test_setup_teardown(conserves, begin, end),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("level2", tests, NULL, NULL);
}
