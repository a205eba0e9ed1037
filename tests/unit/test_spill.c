/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Spill rows: keys, re-keying, and where a kill may leave a row. */
#include "tests/unit/test_ring.h"

static struct acctring_cost cost(unsigned int key)
{
	return (struct acctring_cost){
		.ns = 100 + key,
		.bytes = 10,
		.units = 1,
		.payer = (uint16_t)(9 + key),
		.klass = ACCTRING_CLASS_WRITE,
	};
}

static void post(struct fix *f, unsigned int key)
{
	struct acctring_cost c = cost(key);

	fix_post(f, &c);
}

static void own_row_each(void **state)
{
	struct fix *f = fix_new(0, ACCTRING_ROW_OVERFLOW, 0);
	unsigned int i, n;

	(void)state;
	for (n = 0; n < 3; n++)
		for (i = 0; i < ACCTRING_ROW_OVERFLOW; i++)
			post(f, i);
	assert_int_equal(f->page.rows, ACCTRING_ROW_OVERFLOW);
	assert_int_equal(f->page.overflowed, 0);
	assert_int_equal(f->page.spilled, 3 * ACCTRING_ROW_OVERFLOW);
	post(f, 61); /* the 62nd key finds none: nothing is acknowledged */
	assert_int_equal(f->page.overflowed, 1);
	assert_int_equal(f->page.rows, ACCTRING_ROW_OVERFLOW);
	fix_drain(f, 0);
	assert_int_equal(f->overflow.posts, 1);
	assert_int_equal(f->drain.s.rows, ACCTRING_ROWS);
	fix_equal(f);
	fix_free(f);
}

/* Drained is not enough: only what is acknowledged gives its row away. */
static void rekey_after_ack(void **state)
{
	struct fix *f = fix_new(0, 2, 0);

	(void)state;
	post(f, 0);
	post(f, 1);
	fix_drain(f, 0);
	post(f, 2);
	assert_int_equal(f->page.overflowed, 1);
	fix_commit(f); /* 0 and 1, not the overflowed one */
	post(f, 1); /* is not acknowledged again */
	post(f, 3);
	assert_int_equal(f->page.overflowed, 1);
	assert_int_equal(f->lane.spill.key[0], ACCTRING_KEY(12, 0, ACCTRING_CLASS_WRITE));
	assert_int_equal(f->lane.spill.key[1], ACCTRING_KEY(10, 0, ACCTRING_CLASS_WRITE));
	post(f, 4); /* neither */
	assert_int_equal(f->page.overflowed, 2);
	fix_drain(f, 0);
	fix_equal(f);
	assert_int_equal(f->got[fix_key(12, 0, ACCTRING_CLASS_WRITE)].posts, 1);
	fix_free(f);
}

/* A row that no drain saw between two keys would be billed to the second. */
static void not_drained_not_rekeyed(void **state)
{
	struct fix *f = fix_new(0, 1, 0);

	(void)state;
	post(f, 0);
	fix_drain(f, 0);
	post(f, 0); /* after R0 */
	fix_commit(f);
	post(f, 1);
	assert_int_equal(f->page.overflowed, 1);
	fix_drain(f, 0);
	assert_int_equal(f->got[fix_key(9, 0, ACCTRING_CLASS_WRITE)].posts, 2);
	fix_free(f);
}

static void seq_wraps(void **state)
{
	struct fix *f = fix_new(0, 4, 0);
	unsigned int i;

	(void)state;
	post(f, 0);
	fix_drain(f, 0);
	f->lane.spill.seq[0] = 0xfffffffe; /* as after many posts; copy 0 is valid */
	f->page.row[0].copy[0] = f->page.row[0].copy[1];
	f->page.row[0].copy[0].seq = 0xfffffffe;
	f->page.row[0].copy[1].seq = 0xfffffffd;
	f->drain.s.base[0].seq = 0xfffffffe;
	for (i = 0; i < 6; i++) {
		post(f, 0);
		fix_drain(f, 0);
		fix_equal(f);
	}
	assert_int_equal(f->lane.spill.seq[0], 4);
	fix_free(f);
}

static void spilled_wraps(void **state)
{
	struct fix *f = fix_new(0, 2, 0);
	unsigned int i;

	(void)state;
	f->lane.spill.spilled = f->lane.spill.acked = 0xfffffff8;
	f->page.spilled = f->reply[0].ack = f->drain.s.ack = 0xfffffff8;
	for (i = 0; i < 64; i++) {
		post(f, i);
		fix_drain(f, 0);
		fix_commit(f);
	}
	assert_int_equal(f->page.overflowed, 0);
	fix_equal(f);
	fix_free(f);
}

/*
 * Without an accountant for more than 2^31 spills the low bits of what is
 * not acknowledged look acknowledged; they must not.
 */
static void long_alone(void **state)
{
	static const uint64_t many[] = { 0x7fffffff,  0x80000005,  0xffffffff,
					 0x100000000, 0x180000000, 0x200000007 };
	struct fix *f;
	unsigned int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		f = fix_new(0, 1, 0);
		post(f, 0);
		f->lane.spill.spilled += many[i];
		f->page.spilled = (uint32_t)f->lane.spill.spilled;
		post(f, 0);
		post(f, 1);
		assert_int_equal(f->page.overflowed, 1);
		fix_drain(f, 0);
		fix_equal(f);
		fix_free(f);
	}
}

/* A lie in ack harms the liar; the poster stays in bounds. */
static void lie_in_ack(void **state)
{
	static const uint32_t lies[] = { 3, 0x7fffffff, 0x80000000, 0xffffffff };
	struct fix *f;
	unsigned int i, j;

	(void)state;
	for (i = 0; i < 4; i++) {
		f = fix_new(0, 2, 0);
		f->reply[0].ack = lies[i];
		for (j = 0; j < 100; j++)
			post(f, j);
		assert_int_equal(f->page.rows, 2);
		fix_drain(f, 0);
		fix_free(f);
	}
}

/* ------------------------------------------------------------------ */
/* Kills                                                               */

/* Between S1 and S2: the row is committed, the hint does not say so. */
static void killed_before_hint(void **state)
{
	struct fix *f = fix_new(0, 4, 0);

	(void)state;
	post(f, 0);
	fix_drain(f, 0);
	post(f, 0);
	f->page.spilled--;
	fix_drain(f, 0); /* trusts the hint */
	assert_int_equal(f->got[fix_key(9, 0, ACCTRING_CLASS_WRITE)].posts, 1);
	fix_drain(f, ACCTRING_DRAIN_LAST); /* does not */
	fix_equal(f);
	fix_free(f);
}

/* The first commit of a row, and `rows` not yet stored. */
static void killed_before_rows(void **state)
{
	struct fix *f = fix_new(0, 4, 0);

	(void)state;
	post(f, 0);
	f->page.rows = 0;
	f->page.spilled = 0;
	fix_drain(f, ACCTRING_DRAIN_LAST);
	assert_int_equal(f->drain.s.rows, 1);
	fix_equal(f);
	fix_free(f);
}

/* Before S1: words of the retired copy are garbage; nothing was posted. */
static void killed_before_commit(void **state)
{
	struct fix *f = fix_new(0, 4, 0);
	unsigned int i, seq;

	(void)state;
	for (i = 0; i < 5; i++) {
		post(f, 0);
		seq = f->lane.spill.seq[0];
		f->page.row[0].copy[~seq & 1].ns = ~(uint64_t)0;
		f->page.row[0].copy[~seq & 1].bytes = 77;
		f->page.row[0].copy[~seq & 1].key = 0xffffffff;
		fix_drain(f, ACCTRING_DRAIN_LAST);
		fix_equal(f);
	}
	fix_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_row_each),
		cmocka_unit_test(rekey_after_ack),
		cmocka_unit_test(not_drained_not_rekeyed),
		cmocka_unit_test(seq_wraps),
		cmocka_unit_test(spilled_wraps),
		cmocka_unit_test(long_alone),
		cmocka_unit_test(lie_in_ack),
		cmocka_unit_test(killed_before_hint),
		cmocka_unit_test(killed_before_rows),
		cmocka_unit_test(killed_before_commit),
	};

	return cmocka_run_group_tests_name("spill", tests, NULL, NULL);
}
