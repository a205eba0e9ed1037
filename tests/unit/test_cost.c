/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cost_add, cost_take: what statements bring, spread over windows; nothing lost. */
#include "collector/cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS 1000000u

/* Over the time in which it was charged, from the first window on. */
static void spread(void **ctx)
{
	struct cost c = { 0 };

	(void)ctx;
	cost_add(&c, 20 * MS, 200 * MS);
	assert_int_equal(cost_take(&c, 100 * MS), 10 * MS);
	assert_int_equal(cost_take(&c, 50 * MS), 5 * MS);
	assert_int_equal(cost_take(&c, 100 * MS), 5 * MS);
	assert_int_equal(cost_take(&c, 100 * MS), 0);
}

/* After a silence, a second in which next to nothing was charged does not hold up what comes then. */
static void begins(void **ctx)
{
	struct cost c = { 0 };

	(void)ctx;
	cost_add(&c, 1 * MS, 1000 * MS);
	cost_take(&c, 100 * MS);
	cost_add(&c, 44 * MS, 110 * MS);
	assert_in_range(cost_take(&c, 110 * MS), 17 * MS, 18 * MS);
	cost_add(&c, 44 * MS, 110 * MS);
	assert_in_range(cost_take(&c, 110 * MS), 28 * MS, 29 * MS);
}

/* Statements of about 110 ms, one in 14 late by as much, windows of 100 ms, one a second late: each sees the rate. */
static void no_beat(void **ctx)
{
	struct cost c = { 0 };
	uint64_t given = 0, came = 0, part;
	unsigned int t, n = 0, from = 0, next = 37, looked = 0, look = 100, odd = 0;

	(void)ctx;
	for (t = 1; t <= 60000; t++) {
		if (t == next) {
			cost_add(&c, (t - from) * MS / 5, (t - from) * MS);
			came += (t - from) * MS / 5;
			from = t;
			next += ++n % 14 ? 100 + t % 30 : 230;
		}
		if (t != look)
			continue;
		part = cost_take(&c, (t - looked) * MS);
		given += part;
		if (t > 1000 &&
		    (part < (t - looked) * MS * 9 / 50 || part > (t - looked) * MS * 11 / 50))
			odd++;
		looked = t;
		look = t % 1000 == 0 ? t + 160 : t % 1000 == 160 ? t + 140 : t + 100;
	}
	assert_int_equal(given + c.waiting_ns, came);
	assert_in_range(odd, 0, 60); /* of 540: 38; 350 where each is spread over 1.5 statements */
}

static void extremes(void **ctx)
{
	struct cost c = { 0 };
	uint64_t sum = 0;
	int i;

	(void)ctx;
	assert_int_equal(cost_take(&c, 100 * MS), 0);
	cost_add(&c, 1, 0);
	cost_add(&c, 1, 10000 * MS);
	for (i = 0; i < 1000; i++)
		sum += cost_take(&c, 100 * MS);
	assert_int_equal(sum, 2);
	cost_add(&c, UINT64_MAX, 1);
	cost_add(&c, UINT64_MAX, UINT64_MAX);
	assert_int_equal(c.waiting_ns, UINT64_MAX);
	cost_take(&c, UINT64_MAX);
	assert_int_equal(c.waiting_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spread),
		cmocka_unit_test(begins),
		cmocka_unit_test(no_beat),
		cmocka_unit_test(extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
