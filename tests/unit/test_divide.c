/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* divide_ns, carry_take: exact sums, fair shares, no surprises. */
#include "common/divide.h"
#include "tests/unit/test_rnd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define N 64u

__extension__ typedef unsigned __int128 wide;

static uint64_t sum(const uint64_t *v, unsigned int n)
{
	uint64_t s = 0;

	for (unsigned int i = 0; i < n; i++)
		s += v[i];
	return s;
}

static void simple(void **ctx)
{
	const uint64_t w[4] = { 1, 0, 1, 2 };
	uint64_t part[4];

	(void)ctx;
	assert_true(divide_ns(100, w, 4, part));
	assert_int_equal(part[0], 25);
	assert_int_equal(part[1], 0);
	assert_int_equal(part[2], 25);
	assert_int_equal(part[3], 50);
}

static void nobody(void **ctx)
{
	const uint64_t w[2] = { 0, 0 };
	uint64_t part[2] = { 7, 7 };

	(void)ctx;
	assert_false(divide_ns(100, w, 2, part));
	assert_int_equal(part[0] | part[1], 0);
	assert_false(divide_ns(100, w, 0, part));
}

/* Sum exact; each part within 1 of its share; twice the same. */
static void property(void **ctx)
{
	uint64_t w[N], part[N], again[N];

	(void)ctx;
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int n = 1 + (unsigned int)(rnd() % N);
		uint64_t total = rnd() >> (rnd() % 64), all;

		for (unsigned int i = 0; i < n; i++)
			w[i] = rnd() % 4 ? rnd() >> (8 + rnd() % 56) : 0;
		all = sum(w, n);
		if (!divide_ns(total, w, n, part)) {
			assert_int_equal(all, 0);
			continue;
		}
		assert_true(sum(part, n) == total);
		for (unsigned int i = 0; i < n; i++) {
			/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): divide_ns said no */
			uint64_t share = (uint64_t)((wide)total * w[i] / all);

			assert_true(w[i] || !part[i]);
			assert_true(part[i] == share || part[i] == share + 1 ||
				    part[i] + 1 == share);
		}
		assert_true(divide_ns(total, w, n, again));
		assert_memory_equal(part, again, n * sizeof(*part));
	}
}

/* A peer claims anything: the sum of weights does not fit 64 bits. */
static void huge(void **ctx)
{
	uint64_t w[N], part[N];

	(void)ctx;
	for (unsigned int i = 0; i < N; i++)
		w[i] = UINT64_MAX;
	assert_true(divide_ns(UINT64_MAX, w, N, part));
	assert_true(sum(part, N) == UINT64_MAX);
	for (unsigned int i = 0; i < N; i++)
		assert_true(part[i] - UINT64_MAX / N <= 1);
}

static void carry(void **ctx)
{
	uint64_t carried = 0;

	(void)ctx;
	assert_int_equal(carry_take(&carried, 5, true), 5);
	assert_int_equal(carry_take(&carried, 5, false), 0);
	assert_int_equal(carry_take(&carried, 6, false), 0);
	assert_int_equal(carried, 11);
	assert_int_equal(carry_take(&carried, 1, true), 12);
	assert_int_equal(carried, 0);
	assert_int_equal(carry_take(&carried, 5 * CARRY_MAX_NS, false), 0);
	assert_int_equal(carried, CARRY_MAX_NS);
	assert_true(carry_take(&carried, UINT64_MAX, true) == UINT64_MAX);
}

static void clamp(void **ctx)
{
	(void)ctx;
	assert_int_equal(clock_clamp(5, 10), 5);
	assert_int_equal(clock_clamp(0, 0), 0);
	/* an hour in a second: a second, and a little */
	assert_in_range(clock_clamp(3600000000000ull, 1000000000u), 1000000000u, 1020000000u);
	assert_true(clock_clamp(UINT64_MAX - 5, 1000000000u) < 1020000000u);
	assert_true(clock_clamp(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

static void fit(void **ctx)
{
	uint64_t claim[N], part[N], got;

	(void)ctx;
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int n = 1 + (unsigned int)(rnd() % N);
		uint64_t room = rnd() >> (rnd() % 64);
		wide all = 0;

		for (unsigned int i = 0; i < n; i++) {
			claim[i] = rnd() >> (rnd() % 64);
			all += claim[i];
		}
		got = fit_ns(room, claim, n, part);
		assert_true(got == sum(part, n) && got <= room);
		for (unsigned int i = 0; i < n; i++)
			assert_true(part[i] <= claim[i] && (all > room || part[i] == claim[i]));
	}
	assert_int_equal(fit_ns(100, claim, 0, part), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple), cmocka_unit_test(nobody), cmocka_unit_test(property),
		cmocka_unit_test(huge),	  cmocka_unit_test(carry),  cmocka_unit_test(clamp),
		cmocka_unit_test(fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
