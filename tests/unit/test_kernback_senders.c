/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who sent what interfaces received: what was counted and burned is divided
 * among senders, not a frame or ns more or less, and posted with its cause.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "backend/kernel/kernel.h"
#include "common/clock.h"

#define VIFS 14u
#define SECOND 1000000000u

static struct kernel k;
static struct kdev *vif[VIFS]; /* of guests 1, 2, ... */

static struct kdev *add_vif(unsigned int domid)
{
	struct kdev *d = calloc(1, sizeof(*d));
	unsigned int i;

	assert_non_null(d);
	d->kind = ACCTRING_KIND_VIF;
	d->domid = d->pays = domid;
	d->dir = -1;
	for (i = 0; i < KDEV_COUNTS; i++)
		d->count[i] = COUNTER_NONE;
	LIST_INSERT_HEAD(&k.devices, d, link);
	return d;
}

static int begin(void **state)
{
	unsigned int i;

	(void)state;
	memset(&k, 0, sizeof(k));
	TAILQ_INIT(&k.pairs.turns);
	for (i = 0; i < VIFS; i++)
		vif[i] = add_vif(i + 1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	while (!LIST_EMPTY(&k.devices))
		kdev_free(&k, LIST_FIRST(&k.devices));
	assert_int_equal(k.pairs.n, 0);
	assert_true(TAILQ_EMPTY(&k.pairs.turns));
	return 0;
}

/* A period of d's: what its own counts and clocks say. */
static void period(struct kdev *d, uint64_t ns, uint64_t units, uint64_t bytes)
{
	d->received = (struct kcost){ ns, units, bytes };
	pairs_settle(&k.pairs, d);
	assert_false(kcost_is_due(&d->received));
}

static void assert_is(const struct kcost *c, uint64_t ns, uint64_t units, uint64_t bytes)
{
	assert_int_equal(c->ns, ns);
	assert_int_equal(c->units, units);
	assert_int_equal(c->bytes, bytes);
}

static struct kcost *unknown(struct kdev *d)
{
	return &d->cost[ACCTRING_CLASS_RX];
}

static struct pair *pair_of(const struct kdev *from, const struct kdev *to)
{
	struct pair *p;

	LIST_FOREACH(p, &to->senders, link)
		if (p->from == from)
			return p;
	return NULL;
}

static void divides(void **state)
{
	(void)state;
	period(vif[0], 500, 3, 300); /* nobody has told anything */
	assert_is(unknown(vif[0]), 500, 3, 300);
	/* 10 small frames of 2, one of 60 KiB of 3, 5 of nobody's: 10, 16 and 5 pages */
	pairs_tell(&k.pairs, vif[1], vif[0], 4, 0);
	pairs_tell(&k.pairs, vif[1], vif[0], 6, 0);
	pairs_tell(&k.pairs, vif[2], vif[0], 1, 15ull * 4096);
	period(vif[0], 31000, 16, 15ull * 4096);
	assert_is(&pair_of(vif[1], vif[0])->cost, 10000, 10, 0);
	assert_is(&pair_of(vif[2], vif[0])->cost, 16000, 1, 15ull * 4096);
	assert_is(unknown(vif[0]), 500 + 5000, 3 + 5, 300);
	/* not another's */
	assert_true(LIST_EMPTY(&vif[1]->senders));
	/* it adds up until it is posted; time without a frame is nobody's */
	pairs_tell(&k.pairs, vif[1], vif[0], 1, 0);
	period(vif[0], 7, 1, 0);
	assert_is(&pair_of(vif[1], vif[0])->cost, 10007, 11, 0);
	period(vif[0], 90, 0, 0);
	assert_is(unknown(vif[0]), 5590, 8, 300);
}

/* The kernel counts a frame a little before the interface does. */
static void waits_for_the_count(void **state)
{
	(void)state;
	pairs_tell(&k.pairs, vif[1], vif[0], 5, 500);
	period(vif[0], 40, 3, 300);
	assert_is(&pair_of(vif[1], vif[0])->cost, 40, 3, 300);
	period(vif[0], 20, 2, 200); /* the other two; nothing more was told */
	assert_is(&pair_of(vif[1], vif[0])->cost, 60, 5, 500);
	assert_is(unknown(vif[0]), 0, 0, 0);
	/* what is not counted in the next period never is: it names nobody's frames later */
	pairs_tell(&k.pairs, vif[1], vif[0], 5, 500);
	period(vif[0], 0, 0, 0);
	period(vif[0], 0, 0, 0);
	period(vif[0], 9, 5, 500);
	assert_is(&pair_of(vif[1], vif[0])->cost, 60, 5, 500);
	assert_is(unknown(vif[0]), 9, 5, 500);
	memset(&pair_of(vif[1], vif[0])->cost, 0, sizeof(struct kcost)); /* posted */
	period(vif[0], 0, 0, 0);
	assert_null(pair_of(vif[1], vif[0]));
	assert_int_equal(k.pairs.n, 0);
}

static void conserves(void **state)
{
	uint64_t ns = 0, units = 0, bytes = 0, r = 88172645463325252u;
	unsigned int round, i;
	struct kcost sum;
	struct pair *p;

	(void)state;
	for (round = 0; round < 3000; round++) {
		for (i = 1; i < VIFS; i++) {
			r ^= r << 13;
			r ^= r >> 7;
			r ^= r << 17;
			if (r & 1)
				pairs_tell(&k.pairs, vif[i], vif[0], r >> 8 & 63, r >> 20 & 0xffff);
		}
		ns += r >> 40 & 0xffff;
		units += r >> 32 & 255;
		bytes += r >> 3 & 0x7ffff;
		period(vif[0], r >> 40 & 0xffff, r >> 32 & 255, r >> 3 & 0x7ffff);
	}
	sum = *unknown(vif[0]);
	assert_true(sum.ns && sum.units);
	LIST_FOREACH(p, &vif[0]->senders, link) {
		assert_true(p->cost.ns && p->cost.units);
		kcost_move(&sum, &p->cost);
	}
	assert_is(&sum, ns, units, bytes);
}

/* Whoever goes, nothing that is not posted goes with him but what he received. */
static void one_goes(void **state)
{
	(void)state;
	pairs_tell(&k.pairs, vif[1], vif[0], 1, 0);
	pairs_tell(&k.pairs, vif[0], vif[1], 1, 0);
	pairs_tell(&k.pairs, vif[2], vif[1], 1, 0);
	period(vif[0], 10, 1, 0);
	period(vif[1], 30, 2, 0);
	assert_true(pairs_wait(vif[0]));
	assert_true(pairs_wait(vif[1]));
	assert_false(pairs_wait(vif[2]));
	kdev_remove(&k, vif[0]); /* what it received is not posted: it stays for that */
	assert_true(vif[0]->gone);
	assert_int_equal(k.pairs.n, 3);
	kdev_free(&k, vif[0]);
	assert_is(unknown(vif[1]), 15, 1, 0);
	assert_int_equal(k.pairs.n, 1);
	assert_is(&pair_of(vif[2], vif[1])->cost, 15, 1, 0);
	kdev_remove(&k, vif[2]);
	assert_is(unknown(vif[1]), 30, 2, 0);
	assert_int_equal(k.pairs.n, 0);
}

static void all_pairs_are_so_many(void **state)
{
	unsigned int i, n = PAIRS_MOST / VIFS + 2;

	(void)state;
	for (i = 0; i < n * VIFS; i++) {
		struct kdev *from = i % VIFS ? LIST_FIRST(&k.devices) : add_vif(100 + i / VIFS);

		pairs_tell(&k.pairs, from, vif[i % VIFS], 1, 0);
	}
	assert_int_equal(k.pairs.n, PAIRS_MOST);
	for (i = 0; i < VIFS; i++)
		period(vif[i], 0, n, 0);
	assert_int_equal(unknown(vif[0])->units + unknown(vif[VIFS - 1])->units, 2 + 1);
}

/* ------------------------------------------------------------------ */
/* What is posted; without an accountant, so it stays in the rings     */

static const unsigned int two[POURS] = { 2 };

static void open_link(const unsigned int lanes[POURS])
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	unsigned int i;

	o.lanes = 2;
	o.ring_pages = 1;
	k.link = acctring_open(&o);
	assert_non_null(k.link);
	for (i = 0; i < KERNEL_KINDS; i++) {
		k.bill[i] = (struct bill){ .link = k.link, .kind = i };
		pthread_mutex_init(&k.bill[i].lock, NULL);
	}
	assert_true(bill_own(&k.bill[ACCTRING_KIND_OWN], &k.payer));
	kernel_open_lanes(&k, lanes);
	k.posted_at = now_ns() - SECOND;
}

static void close_link(void)
{
	unsigned int i;

	while (!LIST_EMPTY(&k.devices))
		kdev_free(&k, LIST_FIRST(&k.devices));
	acctring_close(k.link, 0);
	for (i = 0; i < KERNEL_KINDS; i++)
		bill_free(&k.bill[i]);
}

static uint64_t ns_on(unsigned int lane)
{
	uint64_t ns = 0;
	unsigned int at;

	for (at = 0; at < *k.lane[lane]->prod; at++)
		ns += k.lane[lane]->ring[at].ns;
	return ns;
}

/* What a pool's division made is on the lane that says so, and nothing else is. */
static void posts_by_basis(void **state)
{
	static const unsigned int each[POURS] = { 1, 1 };

	(void)state;
	open_link(each);
	pairs_tell(&k.pairs, vif[1], vif[0], 70000, 6);
	vif[0]->cost[ACCTRING_CLASS_TX].ns = 500;
	vif[2]->cost[ACCTRING_CLASS_TX] = (struct kcost){ .ns = 40, .units = 3 };
	vif[2]->pool_ns = 40;
	vif[3]->cost[ACCTRING_CLASS_TX] = (struct kcost){ .ns = 100, .units = 3 };
	vif[3]->pool_ns = 30;
	period(vif[0], 1000000, 120000, 15);
	k.own_ns = process_ns(); /* what this process burned is not of interest */
	assert_int_equal(kernel_post(&k), 0);
	assert_int_equal(ns_on(1), 1000000 + 40 + 30);
	assert_in_range(ns_on(0), 500 + 70, 500 + 70 + SECOND);
	assert_int_equal(k.pour[POUR_POOL].clock[0], ns_on(1));
	assert_int_equal(k.pour[POUR_DIRECT].clock[0], ns_on(0));
	assert_int_equal(vif[0]->pool_ns + vif[2]->pool_ns + vif[3]->pool_ns, 0);
	/* where the guard asks: on the lane that has most of it */
	assert_int_equal(vif[0]->lane, 0);
	assert_int_equal(vif[3]->lane, 0);
	assert_true(vif[2]->posted);
	assert_int_equal(vif[2]->lane, 1); /* it was on no other */
	close_link();
}

/* Of payer `to`, by `from` or NULL. */
static struct kcost posted(const struct kdev *to, const struct kdev *from)
{
	struct kcost sum = { 0 };
	unsigned int i, at;

	for (i = 0; i < 2; i++)
		for (at = 0; at < *k.lane[i]->prod; at++) {
			const struct acctring_record *r = &k.lane[i]->ring[at];

			if (r->payer != to->payer.row || r->cause != (from ? from->payer.row : 0))
				continue;
			assert_int_equal(r->klass, ACCTRING_CLASS_RX);
			sum.ns += r->ns;
			sum.units += r->units;
			sum.bytes += r->bytes;
		}
	return sum;
}

static void posts_the_cause(void **state)
{
	struct kcost c;

	(void)state;
	open_link(two);
	pairs_tell(&k.pairs, vif[1], vif[0], 70000, 6);
	pairs_tell(&k.pairs, vif[2], vif[0], 30000, 6);
	period(vif[0], 1000000, 120000, 15);
	assert_int_equal(kernel_post(&k), 0);
	assert_true(vif[0]->payer.row && vif[1]->payer.row && vif[2]->payer.row);
	assert_true(vif[1]->payer.row != vif[2]->payer.row);
	assert_int_equal(vif[3]->payer.row, 0); /* has done nothing */
	c = posted(vif[0], vif[1]);
	assert_is(&c, 583333, 70000, 6);
	c = posted(vif[0], vif[2]);
	assert_is(&c, 250000, 30000, 6);
	c = posted(vif[0], NULL);
	assert_is(&c, 166667, 20000, 3);
	/* who sent has received nothing */
	c = posted(vif[1], NULL);
	assert_is(&c, 0, 0, 0);
	assert_false(pairs_wait(vif[0]));
	close_link();
}

/* Both go before it is posted: it is posted all the same, with its cause, and then forgotten. */
static void posts_what_is_gone(void **state)
{
	const struct kdev *d;

	(void)state;
	open_link(two);
	pairs_tell(&k.pairs, vif[1], vif[0], 1, 0);
	period(vif[0], 10, 1, 0);
	vif[1]->cost[ACCTRING_CLASS_TX].ns = 1;
	kdev_remove(&k, vif[0]);
	kdev_remove(&k, vif[1]);
	assert_non_null(pair_of(vif[1], vif[0]));
	assert_int_equal(kernel_post(&k), 0);
	assert_int_equal(k.pairs.n, 0);
	/* this process, then the sender's own, then what he sent */
	assert_int_equal(k.lane[0]->ring[0].klass, ACCTRING_CLASS_CONTROL);
	assert_int_equal(k.lane[0]->ring[1].klass, ACCTRING_CLASS_TX);
	assert_int_equal(k.lane[0]->ring[2].klass, ACCTRING_CLASS_RX);
	assert_int_equal(k.lane[0]->ring[2].cause, k.lane[0]->ring[1].payer);
	assert_int_equal(k.lane[0]->ring[2].ns, 10);
	LIST_FOREACH(d, &k.devices, link)
		assert_false(d->gone);
	close_link();
}

/* More pairs than there is room for: the rest waits, devices' own records do not. */
static void pairs_come_last(void **state)
{
	unsigned int i, j, left;
	struct kcost c;

	(void)state;
	open_link(two);
	for (i = 0; i < VIFS; i++) {
		for (j = 0; j < VIFS; j++)
			pairs_tell(&k.pairs, vif[j], vif[i], 1, 0);
		period(vif[i], 15, VIFS + 1, 0);
	}
	left = kernel_post(&k);
	assert_in_range(left, VIFS * VIFS - 128 + VIFS, VIFS * VIFS - 128 + VIFS + 4);
	for (i = 0; i < VIFS; i++) {
		c = posted(vif[i], NULL);
		assert_is(&c, 1, 1, 0);
	}
	/* those that wait are first the next time */
	assert_true(kcost_is_due(&TAILQ_FIRST(&k.pairs.turns)->cost));
	assert_false(kcost_is_due(&TAILQ_LAST(&k.pairs.turns, pair_turns)->cost));
	close_link();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(divides, begin, end),
		cmocka_unit_test_setup_teardown(waits_for_the_count, begin, end),
		cmocka_unit_test_setup_teardown(conserves, begin, end),
		cmocka_unit_test_setup_teardown(one_goes, begin, end),
		cmocka_unit_test_setup_teardown(all_pairs_are_so_many, begin, end),
		cmocka_unit_test_setup_teardown(posts_the_cause, begin, end),
		cmocka_unit_test_setup_teardown(posts_what_is_gone, begin, end),
		cmocka_unit_test_setup_teardown(posts_by_basis, begin, end),
		cmocka_unit_test_setup_teardown(pairs_come_last, begin, end),
	};

	return cmocka_run_group_tests_name("kernback_senders", tests, NULL, NULL);
}
