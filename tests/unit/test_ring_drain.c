/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hostile lane: each violation of docs/protocol.md section 7 by its words. */
#include "tests/unit/test_ring.h"

static struct fix *good(unsigned int slots)
{
	struct fix *f = fix_new(slots, ACCTRING_ROW_OVERFLOW, 0);
	unsigned int i;

	for (i = 0; i < 5; i++) {
		struct acctring_cost c = fix_cost(f, 3);

		fix_post(f, &c);
	}
	return f;
}

/* Quarantined with this reason, once and for all; then frees. */
static void quarantined(struct fix *f, const char *reason)
{
	assert_int_equal(drain_lane(&f->drain, fix_item, f, 0), -EPROTO);
	assert_non_null(f->drain.reason);
	assert_string_equal(f->drain.reason, reason);
	assert_int_equal(drain_lane(&f->drain, fix_item, f, ACCTRING_DRAIN_LAST), -EPROTO);
	fix_free(f);
}

static void prod_ahead(void **state)
{
	static const uint32_t prod[] = { FIX_SLOTS + 1, 0x7fffffff, 0x80000000, 0xffffffff };
	struct fix *f;
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		f = good(FIX_SLOTS);
		f->page.prod = prod[i];
		quarantined(f, "prod ahead of ring");
	}
	f = good(0);
	f->page.prod = 1; /* no ring at all */
	quarantined(f, "prod ahead of ring");
}

/* Good records before the bad one are given, and the position says so. */
static void bad_position(void **state)
{
	struct fix *f = good(FIX_SLOTS);
	unsigned int i;

	(void)state;
	f->ring[3].pos ^= 0x100;
	assert_int_equal(drain_lane(&f->drain, fix_item, f, 0), -EPROTO);
	assert_int_equal(f->drain.s.pos, 3);
	for (i = 0; i < FIX_KEYS; i++)
		f->overflow.posts += f->got[i].posts;
	assert_int_equal(f->overflow.posts, 3);
	quarantined(f, "bad position");
}

static void bad_record(void **state)
{
	static const uint16_t numbers[] = { FIX_PAYERS, FIX_PAYERS + 8, 0x7fff, 0xffff };
	struct fix *f;
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		f = good(FIX_SLOTS);
		f->ring[2].payer = numbers[i];
		quarantined(f, "bad record");
		f = good(FIX_SLOTS);
		f->ring[2].cause = numbers[i];
		quarantined(f, "bad record");
		f = good(FIX_SLOTS);
		f->ring[2].payer = (uint16_t)(i * 2);
		quarantined(f, "bad record");
		f = good(FIX_SLOTS);
		f->ring[2].zero = numbers[i];
		quarantined(f, "bad record");
		f = good(FIX_SLOTS);
		f->ring[2].klass = (uint8_t)(i ? 31 + i * i * 10 : 0);
		quarantined(f, "bad record");
	}
}

/* Classes, causes, flags that are not known are taken as they are. */
static void unknown_is_fine(void **state)
{
	struct fix *f = good(FIX_SLOTS);

	(void)state;
	f->ring[0].klass = 31;
	f->ring[1].flags = 0xff;
	f->ring[2].payer = 258; /* no row can be there: the accountant's matter */
	f->ring[3].cause = FIX_PAYERS - 1;
	assert_int_equal(drain_lane(&f->drain, fix_item, f, 0), 5);
	fix_free(f);
}

static void bad_sequence(void **state)
{
	static const uint32_t seq[][2] = { { 3, 3 }, { 3, 5 },		{ 0, 2 },
					   { 7, 0 }, { 0x80000000, 0 }, { 0xffffffff, 1 } };
	struct fix *f;
	unsigned int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		f = good(0);
		f->page.row[1].copy[0].seq = seq[i][0];
		f->page.row[1].copy[1].seq = seq[i][1];
		quarantined(f, "bad row sequence");
	}
}

static void bad_key(void **state)
{
	static const uint32_t key[] = {
		0,
		0xffffffff,
		ACCTRING_KEY(7, 0, 1),
		ACCTRING_KEY(FIX_PAYERS, 0, 1),
		ACCTRING_KEY(9, FIX_PAYERS, 1),
		ACCTRING_KEY(9, 0, 0),
		ACCTRING_KEY(9, 0, 32),
	};
	struct fix *f;
	unsigned int i;

	(void)state;
	for (i = 0; i < 7; i++) {
		f = good(0);
		f->page.row[0].copy[0].key = f->page.row[0].copy[1].key = key[i];
		quarantined(f, "bad row key");
	}
	f = good(0);
	f->page.row[ACCTRING_ROW_OVERFLOW].copy[1].seq = 1;
	f->page.row[ACCTRING_ROW_OVERFLOW].copy[1].key = ACCTRING_KEY(9, 0, 1);
	quarantined(f, "bad row key");
}

static void sum_back(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct fix *f = good(0);
		struct acctring_row_copy *c = f->page.row[0].copy;
		unsigned int later;

		fix_drain(f, 0);
		later = c[1].seq - c[0].seq == 1;
		c[!later] = c[later];
		c[!later].seq++;
		*(&c[!later].ns + i) -= 1;
		f->page.spilled++;
		quarantined(f, "row sum went back");
	}
}

static void bad_rows(void **state)
{
	static const uint32_t rows[] = { 62, 63, 0x80000000, 0xffffffff };
	struct fix *f;
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		f = good(0);
		f->page.rows = rows[i];
		quarantined(f, "bad row count");
	}
}

/* Not a violation: the old value counts. */
static void cpu_back(void **state)
{
	struct fix *f = good(FIX_SLOTS);

	(void)state;
	f->page.cpu_ns = 1000;
	fix_drain(f, 0);
	f->page.cpu_ns = 10;
	fix_drain(f, 0);
	assert_int_equal(f->drain.s.cpu_ns, 1000);
	fix_free(f);
}

/* Nothing is read of a lane that is not here yet, not even its lies. */
static void not_here(void **state)
{
	struct fix *f = good(FIX_SLOTS);

	(void)state;
	f->page.here = 0;
	f->page.prod = 0x12345678;
	f->page.rows = 1000;
	fix_drain(f, ACCTRING_DRAIN_LAST);
	assert_int_equal(f->drain.s.pos, 0);
	fix_free(f);
}

/* Random bytes everywhere: bounded, no crash, nothing out of range given. */
static void in_range(void *ctx, const struct acctring_item *it, unsigned int n)
{
	(void)ctx;
	assert_in_range(n, 1, 64);
	for (; n; n--, it++) {
		assert_in_range(it->payer, 8, FIX_PAYERS - 1);
		assert_in_range(it->cause, 0, FIX_PAYERS - 1);
		assert_in_range(it->klass, 1, 31);
	}
}

static void noise(void **state)
{
	unsigned int i, j;

	(void)state;
	for (i = 0; i < 20000; i++) {
		struct fix *f = good(FIX_SLOTS);
		uint8_t *bytes = i & 1 ? (uint8_t *)&f->page : (uint8_t *)f->ring;

		f->rng ^= i * 0x9e3779b97f4a7c15u;
		for (j = fix_random(f) % 40; j; j--)
			bytes[fix_random(f) % 4096 % (i & 2 ? 256 : 4096)] = (uint8_t)fix_random(f);
		drain_lane(&f->drain, in_range, f, i & 4 ? ACCTRING_DRAIN_LAST : 0);
		assert_in_range(f->drain.s.rows, 0, ACCTRING_ROWS);
		fix_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prod_ahead),	cmocka_unit_test(bad_position),
		cmocka_unit_test(bad_record),	cmocka_unit_test(unknown_is_fine),
		cmocka_unit_test(bad_sequence), cmocka_unit_test(bad_key),
		cmocka_unit_test(sum_back),	cmocka_unit_test(bad_rows),
		cmocka_unit_test(cpu_back),	cmocka_unit_test(not_here),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests_name("ring_drain", tests, NULL, NULL);
}
