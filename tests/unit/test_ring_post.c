/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Posting and draining: nothing is lost or told twice, whatever the load. */
#include "tests/unit/test_ring.h"

#include <unistd.h>

static const struct acctring_cost plain = {
	.end = 7,
	.ns = 1000,
	.bytes = 4096,
	.wait = 5,
	.units = 1,
	.payer = 9,
	.cause = 10,
	.klass = ACCTRING_CLASS_READ,
	.flags = ACCTRING_F_FIRST,
};

static void one(void *ctx, const struct acctring_item *it, unsigned int n)
{
	assert_int_equal(n, 1);
	*(struct acctring_item *)ctx = *it;
}

/* Every field of a cost is in the item. */
static void fields(void **state)
{
	struct fix *f = fix_new(FIX_SLOTS, ACCTRING_ROW_OVERFLOW, 0);
	struct acctring_item it;

	(void)state;
	fix_post(f, &plain);
	assert_int_equal(f->page.prod, 1);
	assert_int_equal(drain_lane(&f->drain, one, &it, 0), 1);
	assert_int_equal(it.ns, 1000);
	assert_int_equal(it.bytes, 4096);
	assert_int_equal(it.units, 1);
	assert_int_equal(it.end, 7);
	assert_int_equal(it.wait, 5);
	assert_int_equal(it.posts, 1);
	assert_int_equal(it.lane, 3);
	assert_int_equal(it.payer, 9);
	assert_int_equal(it.cause, 10);
	assert_int_equal(it.klass, ACCTRING_CLASS_READ);
	assert_int_equal(it.flags, ACCTRING_F_FIRST);
	assert_false(it.spilled || it.overflow);
	assert_int_equal(f->spent[9], 1000);
	fix_free(f);
}

static void random_load(unsigned int slots, unsigned int rows, unsigned int keys, uint32_t prod)
{
	struct fix *f = fix_new(slots, rows, prod);
	unsigned int i, j, n;

	for (i = 0; i < 3000; i++) {
		n = (unsigned int)(fix_random(f) % 300);
		for (j = 0; j < n; j++) {
			struct acctring_cost c = fix_cost(f, keys);

			fix_post(f, &c);
		}
		if (fix_random(f) & 1)
			fix_drain(f, 0);
		if (!(fix_random(f) & 3))
			fix_commit(f);
	}
	fix_drain(f, ACCTRING_DRAIN_LAST);
	fix_equal(f);
	assert_int_equal(f->page.overflowed, f->overflow.posts);
	if (slots)
		assert_true(f->drain.s.pos != prod);
	fix_free(f);
}

static void exact_ring(void **state)
{
	(void)state;
	random_load(FIX_SLOTS, ACCTRING_ROW_OVERFLOW, 40, 0);
}

static void exact_wrap(void **state)
{
	(void)state;
	random_load(FIX_SLOTS, ACCTRING_ROW_OVERFLOW, 40, 0xffffff00u);
	random_load(8, ACCTRING_ROW_OVERFLOW, 40, 0xfffffffdu);
}

static void exact_rekeyed(void **state)
{
	(void)state;
	random_load(FIX_SLOTS, 8, 1000, 0xfffffff0u);
	random_load(16, ACCTRING_ROW_OVERFLOW, 100, 0);
}

static void exact_sums_only(void **state)
{
	(void)state;
	random_load(0, ACCTRING_ROW_OVERFLOW, 40, 0);
	random_load(0, 4, 50, 0);
}

/* What is larger than a field goes to a row, whole. */
static void large(void **state)
{
	static const uint64_t edge[] = {
		0, 1, 0xffff, 0x10000, 0xffffffff, 0x100000000, 1ull << 62
	};
	struct fix *f = fix_new(FIX_SLOTS, ACCTRING_ROW_OVERFLOW, 0);
	unsigned int i, j, k, big = 0;

	(void)state;
	for (i = 0; i < 7; i++)
		for (j = 0; j < 6; j++)
			for (k = 0; k < 5; k++) {
				struct acctring_cost c = plain;

				c.ns = edge[i] >> (i == 6 ? 4 : 0);
				c.bytes = edge[j];
				c.units = (uint32_t)edge[k];
				big += i >= 5 || j >= 5 || k >= 3;
				fix_post(f, &c);
				fix_drain(f, 0);
				fix_commit(f);
				fix_equal(f);
			}
	assert_int_equal(f->lane.spill.spilled, big);
	assert_int_equal(f->page.prod, 7 * 6 * 5 - big);
	fix_free(f);
}

static void bad_cost(struct fix *f, uint16_t payer, uint16_t cause, uint8_t klass)
{
	struct acctring_cost c = plain;

	c.payer = payer;
	c.cause = cause;
	c.klass = klass;
	assert_int_equal(acctring_post(&f->lane.pub, &c), -EINVAL);
	assert_int_equal(acctring_post_fn(&f->lane.pub, &c), -EINVAL);
	c.ns = (uint64_t)1 << 40;
	assert_int_equal(acctring_post(&f->lane.pub, &c), -EINVAL);
}

static void out_of_range(void **state)
{
	struct fix *f = fix_new(FIX_SLOTS, ACCTRING_ROW_OVERFLOW, 0);

	(void)state;
	fix_post(f, &plain);
	bad_cost(f, 0, 0, 1);
	bad_cost(f, 7, 0, 1);
	bad_cost(f, FIX_PAYERS, 0, 1);
	bad_cost(f, 0xffff, 0, 1);
	bad_cost(f, 9, FIX_PAYERS, 1);
	bad_cost(f, 9, 0xffff, 1);
	bad_cost(f, 9, 0, 0);
	bad_cost(f, 9, 0, 32);
	bad_cost(f, 9, 0, 255);
	fix_drain(f, ACCTRING_DRAIN_LAST);
	fix_equal(f);
	fix_free(f);
}

/* An accountant that lies in cons loses records that it says it has; others spill. */
static void lie_in_cons(void **state)
{
	static const uint32_t lies[] = { 1, 129, 0x7fffffff, 0x80000000, 0xffffffff };
	struct fix *f;
	unsigned int i, j;

	(void)state;
	for (i = 0; i < 5; i++) {
		f = fix_new(FIX_SLOTS, ACCTRING_ROW_OVERFLOW, 0);
		f->reply[0].cons = lies[i];
		for (j = 0; j < 100; j++)
			fix_post(f, &plain);
		fix_drain(f, ACCTRING_DRAIN_LAST);
		fix_equal(f);
		fix_free(f);
	}
}

/* 2^32 and more units, bytes, ns, in rows: 64-bit sums. */
static void sums_wrap(void **state)
{
	struct fix *f = fix_new(0, ACCTRING_ROW_OVERFLOW, 0);
	struct acctring_cost c = plain;
	unsigned int i;

	(void)state;
	c.ns = (uint64_t)1 << 61;
	c.units = 0xffffffff;
	for (i = 0; i < 40; i++) { /* five times round */
		fix_post(f, &c);
		fix_drain(f, 0);
	}
	fix_equal(f);
	fix_free(f);
}

/* ------------------------------------------------------------------ */

static void admit(void **state)
{
	struct fix *f = fix_new(FIX_SLOTS, ACCTRING_ROW_OVERFLOW, 0);
	struct acctring_allowance *a = (struct acctring_allowance *)f->reply;
	struct acctring_lane *l = &f->lane.pub;

	(void)state;
	assert_true(acctring_admit(l, 9)); /* no limit */
	fix_post(f, &plain);
	assert_true(acctring_admit(l, 9));
	a[9].until = acctring_counter(l) + 1000000000;
	a[9].ns = 1001;
	assert_true(acctring_admit(l, 9)); /* 1 ns left */
	assert_false(acctring_admit_more(l, 9, 1)); /* which what is pending will take */
	a[9].ns = 1101;
	assert_true(acctring_admit_more(l, 9, 100));
	assert_false(acctring_admit_more_fn(l, 9, 101));
	assert_true(acctring_admit_more(l, 10, (uint64_t)1 << 61)); /* no limit */
	a[9].ns = 1000;
	assert_false(acctring_admit(l, 9)); /* all of it is spent */
	a[9].ns = 999;
	assert_false(acctring_admit(l, 9));
	assert_false(acctring_admit_fn(l, 9));
	assert_true(acctring_admit(l, 10)); /* another payer */
	assert_true(acctring_admit(l, 0));
	assert_true(acctring_admit(l, 100000));
	a[9].until = acctring_counter(l) - 1; /* the lease is over */
	assert_true(acctring_admit(l, 9));
	a[9].until = ~(uint64_t)0; /* longer than a lease can be */
	assert_true(acctring_admit(l, 9));
	a[9].until = acctring_counter(l) + 1000000000;
	assert_false(acctring_admit(l, 9));
	f->peer.alive = 0; /* the accountant is dead */
	assert_true(acctring_admit(l, 9));
	fix_free(f);
}

/* An accountant that renews an allowance of nothing for ever: something passes each second. */
static void denied_for_ever(void **state)
{
	struct fix *f = fix_new(FIX_SLOTS, ACCTRING_ROW_OVERFLOW, 0);
	struct acctring_allowance *a = (struct acctring_allowance *)f->reply;
	struct acctring_lane *l = &f->lane.pub;
	struct denial denied[FIX_PAYERS] = { { 0 } };
	uint64_t begin, second;

	(void)state;
	f->lane.denied = denied;
	/* a second of half a one; a busy machine may stop us for some of it */
	f->lane.lease = 550000000;
	second = 500000000;
	fix_post(f, &plain);
	a[9].ns = 1;
	for (unsigned int i = 0; i < 2; i++) {
		begin = acctring_counter(l);
		do
			a[9].until = acctring_counter(l) + second;
		while (!acctring_admit(l, 9) && acctring_counter(l) - begin < 10 * second);
		assert_in_range(acctring_counter(l) - begin, second - second / 100, 5 * second);
		assert_false(acctring_admit_more(l, 9, 1)); /* one, not many */
		assert_true(acctring_admit(l, 9)); /* until it has spent */
		fix_post(f, &plain);
		assert_false(acctring_admit(l, 9));
	}
	/* a denial that ended is no part of the next one */
	usleep(300000);
	a[9].ns = 0;
	assert_true(acctring_admit(l, 9));
	fix_post(f, &plain);
	usleep(300000);
	a[9].ns = 1;
	a[9].until = acctring_counter(l) + second;
	assert_false(acctring_admit(l, 9));
	fix_free(f);
}

/* Spent counts what spilled too. */
static void admit_spilled(void **state)
{
	struct fix *f = fix_new(0, ACCTRING_ROW_OVERFLOW, 0);
	struct acctring_allowance *a = (struct acctring_allowance *)f->reply;

	(void)state;
	a[9].until = acctring_counter(&f->lane.pub) + 1000000000;
	a[9].ns = 1500;
	assert_true(acctring_admit(&f->lane.pub, 9));
	fix_post(f, &plain);
	assert_true(acctring_admit(&f->lane.pub, 9));
	fix_post(f, &plain);
	assert_false(acctring_admit(&f->lane.pub, 9));
	fix_free(f);
}

/* ------------------------------------------------------------------ */

/* Moved in mid-course to other pages: positions and sums go on. */
static void move_lane(uint32_t prod, unsigned int undrained)
{
	struct fix *f = fix_new(FIX_SLOTS, 8, prod), *g = fix_new(FIX_SLOTS, 8, 0);
	struct lane_pages from = { &f->page, f->ring, f->reply };
	struct lane_pages to = { &g->page, g->ring, g->reply };
	unsigned int i;

	for (i = 0; i < 300; i++) {
		struct acctring_cost c = fix_cost(f, 20);

		fix_post(f, &c);
		if (i == 300 - undrained) {
			fix_drain(f, 0);
			fix_commit(f);
		}
	}
	g->page.here = 0;
	g->reply[0].cons = prod; /* nobody's word: the lane has not come */
	f->drain.kpage = &g->page; /* the accountant is there before the lane */
	f->drain.kring = g->ring;
	fix_drain(f, 0);
	lane_copy(&f->lane, &from, &to);
	assert_int_equal(g->reply[0].cons, f->reply[0].cons);
	assert_int_equal(g->reply[0].ack, f->reply[0].ack);
	memset(&f->page, 0xee, sizeof(f->page));
	memset(f->ring, 0xee, sizeof(f->ring));
	for (i = 0; i < 300; i++) {
		struct acctring_cost c = fix_cost(f, 20);

		fix_post(f, &c);
		if (!(i & 31)) {
			fix_drain(f, 0);
			drain_commit(&f->drain, g->reply);
		}
	}
	fix_drain(f, ACCTRING_DRAIN_LAST);
	fix_equal(f);
	fix_free(g);
	fix_free(f);
}

static void move(void **state)
{
	(void)state;
	move_lane(0, 0);
	move_lane(0, 50);
	move_lane(0, 200);
	move_lane(0xffffff80u, 100);
	move_lane(0xfffffff0u, 299);
}

static void killed(void **state)
{
	struct fix *f = fix_new(FIX_SLOTS, ACCTRING_ROW_OVERFLOW, 0);

	(void)state;
	lane_kill(&f->lane);
	assert_int_equal(acctring_post(&f->lane.pub, &plain), -EPIPE);
	assert_int_equal(acctring_post_fn(&f->lane.pub, &plain), -EPIPE);
	assert_true(acctring_admit(&f->lane.pub, 9));
	assert_int_equal(f->page.prod, 0);
	fix_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(exact_ring),
		cmocka_unit_test(exact_wrap),
		cmocka_unit_test(exact_rekeyed),
		cmocka_unit_test(exact_sums_only),
		cmocka_unit_test(large),
		cmocka_unit_test(out_of_range),
		cmocka_unit_test(lie_in_cons),
		cmocka_unit_test(sums_wrap),
		cmocka_unit_test(admit),
		cmocka_unit_test(admit_spilled),
		cmocka_unit_test(denied_for_ever),
		cmocka_unit_test(move),
		cmocka_unit_test(killed),
	};

	return cmocka_run_group_tests_name("ring_post", tests, NULL, NULL);
}
