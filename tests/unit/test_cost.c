/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cost_add, cost_take: what statements bring, spread over windows; nothing lost. */
#include "collector/cost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS 1000000u

static void spread(void **ctx)
{
	struct cost c = { 0 };

	(void)ctx;
	cost_add(&c, 30 * MS, 200 * MS);
	assert_int_equal(cost_take(&c, 100 * MS), 10 * MS);
	assert_int_equal(cost_take(&c, 100 * MS), 10 * MS);
	assert_int_equal(cost_take(&c, 100 * MS), 10 * MS);
	assert_int_equal(cost_take(&c, 100 * MS), 0);
}

/* Statements of 200 ms that come at any time, windows of 100 ms: each window sees the rate. */
static void no_beat(void **ctx)
{
	struct cost c = { 0 };
	uint64_t given = 0, came = 0, part;
	unsigned int t, next = 37;

	(void)ctx;
	for (t = 1; t <= 20000; t++) {
		if (t == next) {
			cost_add(&c, 20 * MS, 200 * MS);
			came += 20 * MS;
			next += 193 + t % 15;
		}
		if (t % 100)
			continue;
		part = cost_take(&c, 100 * MS);
		given += part;
		if (t > 1000)
			assert_in_range(part, 8 * MS, 12 * MS);
	}
	assert_int_equal(given + c.waiting_ns, came);
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
		cmocka_unit_test(no_beat),
		cmocka_unit_test(extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
