/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ring_seccomp - posts from a thread that any system call would kill.
 *
 *	alone	nobody drains: the ring fills, then rows, then the overflow row
 *	drained	another thread drains, now fast, now not at all: through
 *		overflow into the rows and back, many times
 *	moved	as drained, and the lane is moved to other pages meanwhile
 *	break	makes one system call: the process must die of it
 *
 * The filter is on the posting thread only; its results are handed out
 * through memory.  Afterwards the sums must be exact.
 */
#include "ring/barrier.h"
#include "ring/drain.h"
#include "ring/link.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

struct totals {
	uint64_t ns, bytes, units, posts;
};

struct test {
	uint64_t posts; /* to do */
	unsigned int keys;
	bool move, bad;
	struct acctring *r;
	/* the poster's, read once `over` */
	struct lane *lane;
	struct totals posted;
	int ready, over, error;
	/* the accountant's */
	struct drain d;
	struct totals got;
	uint64_t records, overflow, returns, moves;
	bool spilling;
};

static int forbid_all(void)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS) };
	struct sock_fprog prog = { 1, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int post_all(struct test *t, struct acctring_lane *l)
{
	struct totals sum = { 0 };
	uint64_t n, x = 88172645463325252u;

	for (n = 0; n < t->posts; n++) {
		struct acctring_cost c = { .end = n, .klass = ACCTRING_CLASS_READ };

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		c.ns = x & 0xffff;
		c.bytes = x >> 16 & 0xffff;
		c.units = x >> 32 & 7;
		c.payer = (uint16_t)(8 + (x >> 40) % t->keys);
		if (!acctring_admit(l, c.payer) || acctring_post(l, &c))
			return -1;
		sum.ns += c.ns;
		sum.bytes += c.bytes;
		sum.units += c.units;
		sum.posts++;
	}
	t->posted = sum;
	return 0;
}

/* Never returns: to end a thread takes a system call. */
static void *poster(void *arg)
{
	struct test *t = arg;
	struct acctring_lane *l = acctring_lane_open(t->r);
	int error = 1;

	t->lane = (struct lane *)l;
	if (l && !forbid_all()) {
		st_release(&t->ready, 1);
		if (t->bad)
			getppid();
		error = post_all(t, l);
	}
	t->error = error;
	st_release(&t->ready, 1);
	st_release(&t->over, 1);
	for (;;)
		__asm__ volatile("" ::: "memory");
	return NULL;
}

/* ------------------------------------------------------------------ */

static void add(void *ctx, const struct acctring_item *it, unsigned int n)
{
	struct test *t = ctx;

	for (; n; n--, it++) {
		t->got.ns += it->ns;
		t->got.bytes += it->bytes;
		t->got.units += it->units;
		t->got.posts += it->posts;
		t->overflow += it->overflow ? it->posts : 0;
		if (it->spilled) {
			t->spilling = true;
			continue;
		}
		t->records++;
		t->returns += t->spilling; /* from the rows back into the ring */
		t->spilling = false;
	}
}

static struct lane_pages *pages_of(struct test *t)
{
	return &t->r->sets->lane[t->lane->number];
}

static void drain(struct test *t, unsigned int flags)
{
	if (drain_lane(&t->d, add, t, flags) < 0) {
		printf("# violation: %s\n", t->d.reason);
		exit(1);
	}
	drain_commit(&t->d, pages_of(t)->kreply);
}

static void nap(unsigned int us)
{
	nanosleep(&(struct timespec){ 0, us * 1000l }, NULL);
}

static void move(struct test *t)
{
	struct pages *p = pages_local(&t->r->geo);

	if (!p)
		exit(1);
	pthread_mutex_lock(&t->r->lock);
	if (link_install(t->r, p))
		exit(1);
	pthread_mutex_unlock(&t->r->lock);
	t->d.kpage = pages_of(t)->page;
	t->d.kring = pages_of(t)->ring;
	t->moves++;
}

/* Now in a hurry, now asleep. */
static void accountant(struct test *t)
{
	unsigned int i, phase = 0;

	while (!ld_acquire(&t->over)) {
		for (i = 0; i < 100 && !ld_acquire(&t->over); i++) {
			drain(t, 0);
			if (phase & 1)
				nap(50);
		}
		nap(1000 * (phase % 7));
		if (t->move)
			move(t);
		phase++;
	}
}

static int judge(struct test *t, bool alone)
{
	const struct totals *a = &t->posted, *b = &t->got;
	bool exact = !memcmp(a, b, sizeof(*a)), through;

	through = t->records && t->got.posts > t->records &&
		  (alone ? t->overflow != 0 : t->returns > 2) && (!t->move || t->moves > 2);
	printf("posts=%llu records=%llu spilled=%llu overflowed=%llu returns=%llu moves=%llu "
	       "ns=%llu/%llu %s%s\n",
	       (unsigned long long)b->posts, (unsigned long long)t->records,
	       (unsigned long long)(b->posts - t->records), (unsigned long long)t->overflow,
	       (unsigned long long)t->returns, (unsigned long long)t->moves,
	       (unsigned long long)a->ns, (unsigned long long)b->ns, exact ? "exact" : "DIFFERENT",
	       through ? "" : " NOT THROUGH ALL STATES");
	return exact && through ? 0 : 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: ring_seccomp alone|drained|moved|break [POSTS]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct test t;
	bool alone;
	pthread_t th;

	if (argc < 2 || argc > 3 || !strstr(" alone drained moved break ", argv[1]))
		return usage();
	alone = !strcmp(argv[1], "alone");
	t.posts = argc > 2 ? strtoull(argv[2], NULL, 0) : 10000000;
	t.keys = alone ? 100 : 50;
	t.move = !strcmp(argv[1], "moved");
	t.bad = !strcmp(argv[1], "break");
	t.r = acctring_open(NULL);
	if (!t.r || pthread_create(&th, NULL, poster, &t))
		return 4;
	while (!ld_acquire(&t.ready))
		nap(100);
	drain_init(&t.d, pages_of(&t)->page, pages_of(&t)->ring, t.lane->slots, t.lane->payers, 0);
	if (!alone)
		accountant(&t);
	while (!ld_acquire(&t.over))
		nap(1000);
	if (t.error) {
		printf("# the poster could not\n");
		return 1;
	}
	if (t.move)
		lane_move(t.lane);
	drain(&t, ACCTRING_DRAIN_LAST);
	return judge(&t, alone);
}
