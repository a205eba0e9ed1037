/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deficit round robin: shares of cost, bounds of delay, debts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend/drr.h"

#define FLOWS 5u

static struct drr d;
static struct drr_flow flow[FLOWS];
static uint64_t spent[FLOWS], services[FLOWS];

static void begin(uint32_t quantum, unsigned int most, unsigned int awake)
{
	unsigned int i;

	drr_init(&d, quantum, most);
	for (i = 0; i < FLOWS; i++) {
		drr_flow_init(&flow[i]);
		spent[i] = services[i] = 0;
		if (i < awake)
			drr_wake(&d, &flow[i]);
	}
}

static unsigned int next(void)
{
	struct drr_flow *f = drr_next(&d);

	assert_non_null(f);
	return (unsigned int)(f - flow);
}

static unsigned int serve(uint64_t cost)
{
	unsigned int i = next();

	drr_charge(&flow[i], cost);
	spent[i] += cost;
	services[i]++;
	return i;
}

static void nobody(void **state)
{
	(void)state;
	begin(100, 2, 0);
	assert_null(drr_next(&d));
	drr_wake(&d, &flow[1]);
	drr_wake(&d, &flow[1]);
	assert_int_equal(serve(1000000), 1);
	assert_int_equal(serve(1000000), 1); /* alone: no debt keeps it */
	drr_sleep(&d, &flow[1]);
	drr_sleep(&d, &flow[1]);
	assert_null(drr_next(&d));
}

/* Whatever a service costs each: at any moment all have spent the same, nearly. */
static void equal_cost(void **state)
{
	static const uint64_t cost[FLOWS] = { 10, 90, 100, 700, 5000 };
	unsigned int i, k, n;

	(void)state;
	begin(100, 1000, FLOWS);
	for (n = 0; n < 100000; n++) {
		i = next();
		drr_charge(&flow[i], cost[i]);
		spent[i] += cost[i];
		for (k = 0; k < FLOWS; k++)
			assert_true(spent[i] <= spent[k] + 2 * 100 + cost[i] + cost[k]);
	}
	for (k = 1; k < FLOWS; k++)
		assert_in_range(spent[k], spent[0] - 5200, spent[0] + 5200);
}

/* Between two services of a flow any other has at most `most`. */
static void bounded_delay(void **state)
{
	uint64_t since[FLOWS][FLOWS] = { { 0 } };
	unsigned int i, k, n;

	(void)state;
	begin(1000000, 3, FLOWS);
	for (n = 0; n < 10000; n++) {
		i = serve(1); /* so cheap that the quantum ends no turn */
		for (k = 0; k < FLOWS; k++)
			if (k != i)
				assert_true(++since[k][i] <= 3);
		for (k = 0; k < FLOWS; k++)
			since[i][k] = 0;
	}
	for (k = 0; k < FLOWS; k++)
		assert_in_range(services[k], n / FLOWS - 3, n / FLOWS + 3);
	/* what its turns left is no hoard */
	assert_true(flow[0].left <= 2 * 1000000);
}

/* Who sleeps saves nothing, and its debt waits for it. */
static void sleepers(void **state)
{
	unsigned int n;

	(void)state;
	begin(100, 1000, 2);
	assert_int_equal(serve(1), 0);
	drr_sleep(&d, &flow[0]);
	for (n = 0; n < 50; n++)
		assert_int_equal(serve(100), 1);
	drr_wake(&d, &flow[0]);
	spent[0] = spent[1] = 0;
	for (n = 0; n < 1000; n++)
		serve(10);
	assert_in_range(spent[0], spent[1] - 200, spent[1] + 200);

	begin(100, 1000, 2);
	assert_int_equal(serve(5000), 0);
	drr_sleep(&d, &flow[0]);
	assert_int_equal(serve(100), 1);
	drr_wake(&d, &flow[0]);
	while (serve(10) != 0)
		;
	assert_in_range(spent[1], 4700, 5200);
}

/* Rounds in which all are in debt are not gone through one by one. */
static void deep_debts(void **state)
{
	unsigned int n;

	(void)state;
	begin(1, 4, FLOWS);
	for (n = 0; n < 1000; n++)
		serve(1000000000000 + n);
	for (n = 1; n < FLOWS; n++)
		assert_int_equal(services[n], services[0]);
	begin(UINT32_MAX, 1, 2);
	for (n = 0; n < 10; n++)
		serve(UINT64_MAX);
	assert_int_equal(services[0], services[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody),	 cmocka_unit_test(equal_cost),
		cmocka_unit_test(bounded_delay), cmocka_unit_test(sleepers),
		cmocka_unit_test(deep_debts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
