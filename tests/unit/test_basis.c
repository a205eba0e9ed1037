/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sums by basis: whatever is moved or cut, they stay exact. */
#include "common/basis.h"
#include "tests/unit/test_rnd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

__extension__ typedef unsigned __int128 wide;

static void names(void **ctx)
{
	(void)ctx;
	assert_string_equal(basis_name(BASIS_THREAD), "thread");
	assert_string_equal(basis_name(BASIS_DIRECT), "direct");
	assert_string_equal(basis_name(BASIS_POOL), "pool");
	assert_string_equal(basis_name(BASIS_MODEL), "model");
}

static void in_proportion(void **ctx)
{
	uint64_t from[BASES] = { 10, 20, 30, 40 }, to[BASES] = { 1, 1, 1, 1 };

	(void)ctx;
	basis_move(from, 50, to);
	for (unsigned int b = 0; b < BASES; b++) {
		assert_int_equal(from[b], 5 * (b + 1));
		assert_int_equal(to[b], 5 * (b + 1) + 1);
	}
	assert_int_equal(basis_shared(from), 15 + 20);
	basis_cut(from, 10);
	for (unsigned int b = 0; b < BASES; b++)
		assert_int_equal(from[b], b + 1);
	basis_cut(from, 11); /* there are only 10 */
	assert_int_equal(basis_sum(from), 10);
	basis_move(from, 100, to);
	assert_int_equal(basis_sum(from), 0);
	basis_move(from, 100, to);
	assert_int_equal(basis_sum(to), 4 + 50 + 10);
}

static void at_the_end(void **ctx)
{
	uint64_t of[BASES] = { 0 }, to[BASES] = { 0 }, all = 0;

	(void)ctx;
	basis_add(of, &all, BASIS_POOL, UINT64_MAX - 5);
	basis_add(of, &all, BASIS_DIRECT, 3);
	basis_add(of, &all, BASIS_MODEL, 10); /* 2 fit */
	assert_true(all == UINT64_MAX);
	assert_int_equal(of[BASIS_MODEL], 2);
	assert_true(basis_sum(of) == all);
	basis_move(of, UINT64_MAX - 1, to);
	assert_int_equal(basis_sum(of), 1);
	assert_true(basis_sum(to) == UINT64_MAX - 1);
	assert_true(to[BASIS_DIRECT] <= 3 && to[BASIS_MODEL] <= 2);
}

/* What is known of another ledger may not fit what is there. */
static void rest(void **ctx)
{
	uint64_t of[BASES] = { [BASIS_DIRECT] = 3, [BASIS_POOL] = 4, [BASIS_MODEL] = 5 };

	(void)ctx;
	basis_rest(of, 20);
	assert_int_equal(of[BASIS_THREAD], 8);
	of[BASIS_POOL] = of[BASIS_DIRECT] = UINT64_MAX;
	basis_rest(of, 20);
	assert_int_equal(of[BASIS_MODEL], 5);
	assert_int_equal(of[BASIS_POOL], 15);
	assert_int_equal(of[BASIS_DIRECT] | of[BASIS_THREAD], 0);
}

static void property(void **ctx)
{
	(void)ctx;
	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t of[BASES] = { 0 }, was[BASES], to[BASES] = { 0 }, all = 0, ns;
		unsigned int bits = (unsigned int)(rnd() % 65);

		for (unsigned int b = 0; b < BASES; b++)
			basis_add(of, &all, b, bits ? rnd() >> (64 - bits) : 0);
		memcpy(was, of, sizeof(was));
		ns = all ? rnd() % all : 0;
		basis_move(of, ns, to);
		assert_true(basis_sum(to) == ns && basis_sum(of) == all - ns);
		for (unsigned int b = 0; b < BASES; b++) {
			assert_true(to[b] <= was[b] && of[b] == was[b] - to[b]);
			/* within 1 of its exact share */
			assert_true(!all || to[b] <= (wide)was[b] * ns / all + 1);
			assert_true(!all || to[b] + 1 >= (wide)was[b] * ns / all);
		}
		basis_cut(of, (all - ns) / 2);
		assert_true(basis_sum(of) == (all - ns) / 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),      cmocka_unit_test(in_proportion),
		cmocka_unit_test(at_the_end), cmocka_unit_test(rest),
		cmocka_unit_test(property),
	};

	return cmocka_run_group_tests_name("basis", tests, NULL, NULL);
}
