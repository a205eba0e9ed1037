/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another accountant: each post is in the bills of one of the two. */
#include "tests/unit/test_ring_life.h"

#include "ring/link.h"

#define A_SET (1 + 1 + 1 + 2 * 3)
#define ACCOUNTANT "/local/domain/5/acctring/accountant"
#define PEER(a) "/local/domain/" a "/data/acctring/peer/5/0"

/* The accountant of a link that was opened for domain 3 */
static struct acctring *open_for_3(struct acctring_lane **l)
{
	struct acctring *r;

	xen_reset();
	node_set(ACCOUNTANT, "3");
	r = open_in_5(1);
	*l = acctring_lane_open(r);
	assert_non_null(*l);
	return r;
}

static void change_to(struct acctring *r, const char *domid)
{
	unsigned int i;

	node_set(ACCOUNTANT, domid);
	for (i = 0; i < 500 && stats_of(r).accountant != (unsigned int)atoi(domid); i++)
		nap(10);
	assert_int_equal(stats_of(r).accountant, atoi(domid));
}

static void await_granted(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < 300 && ld_relaxed(&xen.granted) != n; i++)
		nap(10);
	assert_int_equal(ld_relaxed(&xen.granted), n);
}

/* It lives, and has drained what it has not committed: that stays with it. */
static void alive(void **state)
{
	struct sum s1 = { 0 }, s2 = { 0 };
	struct acctring_reader *a, *b;
	struct acctring_lane *l;
	struct acctring *r = open_for_3(&l);
	uint64_t epoch = stats_of(r).epoch, cpu;

	(void)state;
	a = attach_as(41, r, NULL);
	node_set(PEER("3"), "attached");
	post_some(l, 8, 300); /* 128 in the ring, the rest in a row */
	assert_int_equal(acctring_drain(a, add, &s1, 0), 300);
	nap(120);
	post_some(l, 8, 10);
	change_to(r, "4");
	assert_true(stats_of(r).epoch != epoch);
	nap(30);
	post_some(l, 8, 200);
	b = attach_as(42, r, NULL);
	assert_int_equal(stats_of(r).pending, 510);
	assert_int_equal(acctring_drain(b, add, &s2, 0), 200);
	acctring_commit(b);
	acctring_commit(a); /* only now */
	assert_int_equal(acctring_drain(a, add, &s1, 0), 10);
	assert_int_equal(ld_relaxed(&xen.granted), 2 * A_SET); /* not yet committed */
	acctring_commit(a);
	await_granted(A_SET);
	assert_false(acctring_reader_alive(a));
	assert_int_equal(acctring_drain(a, add, &s1, ACCTRING_DRAIN_LAST), 0);
	cpu = acctring_reader_cpu(a, 0); /* its time is in one bill, too */
	acctring_detach(a);
	assert_true(cpu > 0);
	assert_int_equal(s1.posts + s2.posts, 510);
	assert_int_equal(s1.ns + s2.ns, 510 * 7);
	assert_int_equal(stats_of(r).left_behind, 0);
	assert_int_equal(acctring_close(r, 100), 0);
	acctring_detach(b);
}

/* Lanes' CPU clocks begin anew with the epoch. */
static void cpu_anew(void **state)
{
	struct acctring_reader *a, *b;
	struct acctring_lane *l;
	struct acctring *r = open_for_3(&l);
	struct timespec ts;
	uint64_t first;

	(void)state;
	a = attach_as(41, r, NULL);
	node_set(PEER("3"), "attached");
	do {
		post_some(l, 8, 1);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	} while (!ts.tv_sec && ts.tv_nsec < 200000000);
	nap(150);
	first = acctring_reader_cpu(a, 0);
	assert_true(first > 20000000);
	change_to(r, "4");
	nap(30);
	post_some(l, 8, 1);
	nap(150);
	b = attach_as(42, r, NULL);
	assert_true(acctring_reader_cpu(b, 0) < first / 2);
	acctring_detach(a);
	acctring_close(r, 0);
	acctring_detach(b);
}

/* It does not commit any more: the pages are given back, and it is counted. */
static void stuck(void **state)
{
	struct acctring_reader *a;
	struct acctring_lane *l;
	struct acctring *r = open_for_3(&l);

	(void)state;
	a = attach_as(41, r, NULL);
	node_set(PEER("3"), "attached");
	post_some(l, 8, 10);
	change_to(r, "4");
	nap(30);
	post_some(l, 8, 1);
	assert_int_equal(stats_of(r).pending, 11);
	nap(5000);
	await_granted(A_SET);
	assert_int_equal(stats_of(r).left_behind, 10);
	assert_int_equal(stats_of(r).pending, 1);
	assert_false(acctring_reader_alive(a));
	acctring_detach(a);
	acctring_close(r, 0);
}

/* It is dead, and another ledger goes on where it stopped; it cannot be back. */
static void dead(void **state)
{
	struct acctring_attach old = { .gnttab = (xengnttab_handle *)&xen, .incarnation = 41 };
	struct acctring_reader *a, *b, *c;
	struct sum s1 = { 0 }, s2 = { 0 };
	struct acctring_lane *l, *idle;
	struct acctring *r = open_for_3(&l);

	(void)state;
	idle = acctring_lane_open(r); /* keeps the old pages */
	read_id(r, &old.id);
	a = attach_as(41, r, NULL);
	post_some(l, 8, 300);
	assert_int_equal(acctring_drain(a, add, &s1, 0), 300);
	acctring_commit(a);
	post_some(l, 8, 100);
	acctring_detach(a);
	change_to(r, "4");
	assert_true(stats_of(r).epoch == old.id.epoch);
	b = attach_as(42, r, NULL); /* before the lane: it must not settle `cons` */
	acctring_drain(b, add, &s2, 0);
	acctring_commit(b);
	nap(30);
	post_some(l, 8, 1);
	assert_int_equal(acctring_drain(b, add, &s2, 0), 101);
	acctring_commit(b);
	assert_int_equal(acctring_attach(&c, &old, NULL), -ESTALE);
	assert_int_equal(s1.posts + s2.posts, 401);
	assert_int_equal(stats_of(r).pending, 0);
	acctring_lane_close(idle);
	await_granted(A_SET);
	assert_int_equal(acctring_close(r, 100), 0);
	acctring_detach(b);
}

/* Its domain was destroyed: nobody cleared `alive`, but nobody is there. */
static void gone(void **state)
{
	struct acctring_reader *a, *b;
	struct sum s1 = { 0 }, s2 = { 0 };
	struct acctring_lane *l;
	struct acctring *r = open_for_3(&l);
	uint64_t epoch = stats_of(r).epoch;

	(void)state;
	a = attach_as(41, r, NULL);
	post_some(l, 8, 50);
	assert_int_equal(acctring_drain(a, add, &s1, 0), 50);
	acctring_commit(a);
	post_some(l, 8, 60);
	node_set(ACCOUNTANT, "4");
	nap(1500);
	assert_int_equal(stats_of(r).accountant, 3); /* is it only slow? */
	change_to(r, "4");
	assert_true(stats_of(r).epoch == epoch);
	nap(30);
	post_some(l, 8, 1);
	b = attach_as(42, r, NULL);
	assert_int_equal(acctring_drain(b, add, &s2, 0), 61);
	acctring_commit(b);
	acctring_close(r, 100);
	acctring_detach(a);
	acctring_detach(b);
}

/* Dead when we plan, back when we seal: then it must be asked again. */
static void back(void **state)
{
	struct acctring_lane *l;
	struct acctring *r = open_for_3(&l);
	enum handover plan = HANDOVER_GONE;

	(void)state;
	pthread_mutex_lock(&r->lock);
	st_relaxed(&r->sets->kreply->alive, 1);
	assert_int_equal(handover_begin(r, HANDOVER_COPY), -EAGAIN);
	assert_false(r->sets->sealed);
	assert_true(r->sets->link->magic == ACCTRING_MAGIC_LINK);
	st_relaxed(&r->sets->kreply->alive, 0);
	pthread_mutex_unlock(&r->lock);
	assert_int_equal(handover_plan(r, &plan), 0);
	assert_int_equal(plan, HANDOVER_COPY);
	acctring_close(r, 0);
}

/* First one ledger, then another, then the first: nothing was rolled back. */
static void to_and_fro(void **state)
{
	struct acctring_lane_state ls[2];
	struct acctring_resume resume = { 2, ls };
	struct acctring_reader *a, *b;
	struct sum s = { 0 };
	struct acctring_lane *l;
	struct acctring *r = open_for_3(&l);
	unsigned int i;

	(void)state;
	a = attach_as(41, r, NULL);
	post_some(l, 8, 300);
	acctring_drain(a, add, &s, 0);
	for (i = 0; i < 2; i++)
		acctring_reader_lane(a, i, &ls[i]);
	acctring_commit(a);
	assert_false(acctring_reader_foreign(a));
	acctring_detach(a);
	change_to(r, "4");
	nap(30);
	post_some(l, 8, 40);
	b = attach_as(42, r, NULL);
	assert_true(acctring_reader_foreign(b));
	assert_int_equal(acctring_drain(b, add, &s, 0), 40);
	acctring_commit(b);
	acctring_detach(b);
	change_to(r, "3");
	nap(30);
	post_some(l, 8, 5);
	a = attach_as(41, r, &resume);
	assert_true(acctring_reader_rolled_back(a) == 0);
	assert_true(acctring_reader_foreign(a));
	assert_int_equal(acctring_drain(a, add, &s, 0), 5);
	acctring_commit(a);
	assert_int_equal(s.posts, 345);
	acctring_close(r, 100);
	acctring_detach(a);
}

/* It died within a commit: the same ledger knows, another one leaves it be. */
static void in_a_commit(bool same)
{
	struct acctring_lane_state ls[2];
	struct acctring_resume resume = { 2, ls };
	struct acctring_reader *a, *b;
	struct sum s1 = { 0 }, s2 = { 0 };
	struct acctring_lane *l;
	struct acctring *r = open_for_3(&l);
	unsigned int i;

	a = attach_as(41, r, NULL);
	assert_true(acctring_reader_whole(a, 0) && !acctring_reader_whole(a, 2));
	post_some(l, 8, 200); /* 128 in the ring, 72 in a row */
	acctring_drain(a, add, &s1, 0);
	acctring_prepare(a);
	for (i = 0; i < 2; i++)
		acctring_reader_lane(a, i, &ls[i]); /* durable */
	post_some(l, 8, 50);
	acctring_detach(a);
	change_to(r, "4");
	nap(30);
	post_some(l, 8, 1);
	b = attach_as(same ? 41 : 42, r, same ? &resume : NULL);
	acctring_drain(b, add, &s2, 0);
	acctring_commit(b);
	assert_true(acctring_reader_whole(b, 0) == same);
	/* of rows another ledger has no base: what is not acknowledged is lost */
	assert_int_equal(s2.posts, same ? 51 : 0);
	post_some(l, 8, 5);
	acctring_drain(b, add, &s2, 0);
	acctring_commit(b);
	assert_int_equal(s2.posts, same ? 56 : 5);
	assert_true(acctring_reader_skipped(b) == (same ? 0 : 251));
	assert_true(acctring_reader_rolled_back(b) == 0);
	acctring_close(r, 100);
	acctring_detach(b);
}

static void died_in_commit(void **state)
{
	(void)state;
	in_a_commit(true);
	in_a_commit(false);
}

/* The accountant says that it cannot have these pages: others, a new epoch. */
static void lost(void **state)
{
	struct acctring_stats s;
	struct acctring_lane *l;
	struct acctring *r = open_for_3(&l);
	struct acctring_reader *a;
	struct sum sum = { 0 };
	uint64_t epoch = stats_of(r).epoch;
	char word[40];
	unsigned int i;

	(void)state;
	post_some(l, 8, 30);
	snprintf(word, sizeof(word), "refused %016" PRIx64 " lost", epoch);
	node_set(PEER("3"), word);
	for (i = 0; i < 400 && (stats_of(r).epoch == epoch || stats_of(r).error); i++)
		nap(10);
	assert_true(stats_of(r).epoch != epoch);
	await_granted(2 * A_SET);
	nap(30);
	post_some(l, 8, 7);
	a = attach(r, NULL);
	assert_int_equal(acctring_drain(a, add, &sum, 0), 7);
	acctring_commit(a);
	await(r, ACCTRING_ATTACHED);
	await_granted(A_SET);
	s = stats_of(r);
	assert_int_equal(s.left_behind, 30);
	assert_int_equal(s.pending, 0);
	acctring_close(r, 100);
	acctring_detach(a);
}

/* Events without end: the store is asked every 10 ms at most. */
static void storm(void **state)
{
	const uint64_t one = 1;
	struct acctring_lane *l;
	struct acctring *r = open_for_3(&l);
	struct timespec from, to;
	unsigned int reads;

	(void)state;
	nap(100);
	reads = ld_relaxed(&xen.reads);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		if (write(xen.event_fd, &one, sizeof(one)) != sizeof(one))
			abort();
		nap(1);
		clock_gettime(CLOCK_MONOTONIC, &to);
	} while ((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 < 400);
	reads = ld_relaxed(&xen.reads) - reads;
	assert_in_range(reads, 5, 45);
	acctring_close(r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alive),      cmocka_unit_test(cpu_anew),
		cmocka_unit_test(stuck),      cmocka_unit_test(dead),
		cmocka_unit_test(gone),	      cmocka_unit_test(back),
		cmocka_unit_test(to_and_fro), cmocka_unit_test(died_in_commit),
		cmocka_unit_test(lost),	      cmocka_unit_test(storm),
	};

	return cmocka_run_group_tests_name("ring_handover", tests, NULL, NULL);
}
