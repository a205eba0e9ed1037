/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is beyond the idle rate is for the users of a driver domain to pay. */
#include "accountant/rest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS 1000000ull

/* n windows of 200 ms: what was to be paid in them */
static uint64_t windows(struct rest *r, int n, uint64_t ns, bool used)
{
	uint64_t sum = 0;

	while (n--)
		sum += rest_take(r, ns, 200 * MS, used ? 100 * MS : 0);
	return sum;
}

static void beyond_idle(void **ctx)
{
	struct rest r = { 0 };

	(void)ctx;
	assert_int_equal(windows(&r, 50, 30 * MS, true), 0); /* what is idle is not known */
	assert_int_equal(windows(&r, 20, 10 * MS, false), 0);
	assert_true(r.known);
	assert_int_equal(r.idle, 50 * MS);
	assert_int_equal(windows(&r, 50, 30 * MS, true), 50 * 20 * MS);
	assert_int_equal(windows(&r, 50, 10 * MS, true), 0);
}

/* What came in one window and belongs to another: the sum is right. */
static void uneven(void **ctx)
{
	struct rest r = { .known = true, .idle = 50 * MS };
	uint64_t sum = 0;

	(void)ctx;
	for (int i = 0; i < 100; i++)
		sum += rest_take(&r, i & 1 ? 60 * MS : 0, 200 * MS, 100 * MS);
	assert_int_equal(sum, 100 * 20 * MS);
}

/* Claims come each second, and it is burned all the time: all of it is paid. */
static void lumps(void **ctx)
{
	struct rest r = { .known = true, .idle = 50 * MS };
	uint64_t sum = 0;

	(void)ctx;
	for (int i = 0; i < 100; i++)
		sum += windows(&r, 4, 30 * MS, false) + windows(&r, 1, 30 * MS, true);
	assert_int_equal(sum, 500 * 20 * MS);
	assert_int_equal(r.idle, 50 * MS);
}

/* The first second after use is not idle, and a short rest teaches nothing. */
static void learns(void **ctx)
{
	struct rest r = { .known = true, .idle = 50 * MS, .second = { 50 * MS }, .seconds = 1 };

	(void)ctx;
	windows(&r, 1, 0, true);
	windows(&r, 5, 200 * MS, false); /* stragglers */
	windows(&r, 4, 20 * MS, false);
	assert_int_equal(r.idle, 50 * MS);
	windows(&r, 1, 20 * MS, false);
	assert_int_equal(r.idle, (50 + 100) * MS / 2);
	windows(&r, 3, 100 * MS, false);
	windows(&r, 1, 0, true);
	windows(&r, 9, 10 * MS, false);
	assert_int_equal(r.idle, (50 + 100) * MS / 2);
	/* seconds that differ teach their mean, and what is so for long is learned */
	windows(&r, 5, 0, false);
	for (int second = 0; second < 200; second++)
		windows(&r, 5, (second & 1 ? 30 : 10) * MS, false);
	assert_in_range(r.idle, 98 * MS, 102 * MS);
	windows(&r, 170, 60 * MS, false);
	assert_int_equal(r.idle, 300 * MS);
	/* and a device that comes not */
	windows(&r, 30, 160 * MS, false);
	windows(&r, 120, 60 * MS, false);
	assert_int_equal(r.idle, 300 * MS);
}

/* A frame now and then is no use: what is burned beside it is idle.  More is. */
static void sparse(void **ctx)
{
	struct rest r = { .known = true, .idle = 50 * MS };
	uint64_t sum = 0;

	(void)ctx;
	for (int i = 0; i < 500; i++)
		sum += rest_take(&r, 20 * MS, 200 * MS, i % 5 ? 0 : 4 * MS);
	assert_int_equal(sum, 0);
	assert_in_range(r.idle, 95 * MS, 100 * MS);
	windows(&r, 100, 20 * MS, false);
	for (int i = 0; i < 500; i++)
		sum += rest_take(&r, 30 * MS, 200 * MS, i % 5 ? 0 : 20 * MS);
	assert_in_range(sum, 495 * 10 * MS, 500 * 10 * MS);
}

/* What cannot be is not paid, and nothing overflows. */
static void absurd(void **ctx)
{
	struct rest r = { .known = true, .idle = 50 * MS };

	(void)ctx;
	assert_int_equal(rest_take(&r, UINT64_MAX, 200 * MS, 100 * MS), 0);
	assert_int_equal(rest_take(&r, 5 * MS, UINT64_MAX, 100 * MS), 0);
	assert_int_equal(rest_take(&r, 99999 * 1000 * MS, 200 * MS, 100 * MS),
			 99999 * 1000 * MS - 10 * MS);
	assert_int_equal(rest_take(&r, 0, 0, 100 * MS), 0);
	assert_int_equal(rest_take(&r, 0, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beyond_idle), cmocka_unit_test(uneven), cmocka_unit_test(lumps),
		cmocka_unit_test(learns),      cmocka_unit_test(sparse), cmocka_unit_test(absurd),
	};

	return cmocka_run_group_tests_name("rest", tests, NULL, NULL);
}
