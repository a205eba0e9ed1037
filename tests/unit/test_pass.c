/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What driver domains are charged goes on to those whom they serve. */
#include "collector/pass.h"
#include "tests/unit/test_rnd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define N 8

enum { APP1, APP2, FIREWALL, NET, STUB, TARGET };

static void chain(void **ctx)
{
	const uint64_t served[N] = { [APP1] = 30, [APP2] = 10 };
	const struct pass firewall = { .ledger = served, .own = 0 };
	const struct pass *by[N] = { [FIREWALL] = &firewall };
	/* the firewall charged 40, the net domain charged the firewall 100 */
	uint64_t paid[N] = { [APP1] = 30, [APP2] = 10, [FIREWALL] = 100 };

	(void)ctx;
	assert_true(pass_on(by, paid, N));
	assert_int_equal(paid[APP1], 105);
	assert_int_equal(paid[APP2], 35);
	assert_int_equal(paid[FIREWALL], 0);
}

/* Its own share of what it was charged for is its own. */
static void own_work(void **ctx)
{
	const uint64_t served[N] = { [APP1] = 30, [APP2] = 10 };
	const struct pass firewall = { .ledger = served, .own = 60 };
	const struct pass *by[N] = { [FIREWALL] = &firewall };
	uint64_t paid[N] = { [FIREWALL] = 100 };

	(void)ctx;
	assert_true(pass_on(by, paid, N));
	assert_int_equal(paid[APP1], 30);
	assert_int_equal(paid[FIREWALL], 60);
}

static void stub(void **ctx)
{
	const uint64_t target[N] = { [TARGET] = 1 }, served[N] = { [STUB] = 5, [APP1] = 5 };
	const struct pass of_stub = { .ledger = target }, net = { .ledger = served };
	const struct pass *by[N] = { [STUB] = &of_stub, [NET] = &net };
	uint64_t paid[N] = { [STUB] = 50, [NET] = 10 };

	(void)ctx;
	assert_true(pass_on(by, paid, N));
	assert_int_equal(paid[TARGET], 55);
	assert_int_equal(paid[APP1], 5);
}

/* Two that serve each other: it ends, and nothing is lost; without clients it stays. */
static void cycles(void **ctx)
{
	const uint64_t a[N] = { [NET] = 50, [APP1] = 50 }, b[N] = { [FIREWALL] = 100 };
	const uint64_t none[N] = { 0 };
	struct pass firewall = { .ledger = a }, net = { .ledger = b };
	const struct pass *by[N] = { [FIREWALL] = &firewall, [NET] = &net };
	uint64_t paid[N] = { [FIREWALL] = 1000 };

	(void)ctx;
	assert_true(pass_on(by, paid, N));
	assert_in_range(paid[APP1], 999, 1000);
	/* for ever between the two */
	firewall.ledger = none;
	firewall.own = 0;
	memset(paid, 0, sizeof(paid));
	paid[NET] = 77;
	assert_true(pass_on(by, paid, N));
	assert_int_equal(paid[FIREWALL], 77);
}

static void any(void **ctx)
{
	(void)ctx;
	for (int round = 0; round < 20000; round++) {
		uint64_t ledger[N][N], paid[N], more[N], all = 0, sum = 0;
		struct pass p[N];
		const struct pass *by[N] = { NULL };

		for (int i = 0; i < N; i++) {
			for (int j = 0; j < N; j++)
				ledger[i][j] = rnd() % 3 ? 0 : rnd() >> (rnd() % 64);
			p[i] = (struct pass){ .ledger = ledger[i],
					      .own = rnd() % 2 ? 0 : rnd() % 1000 };
			if (rnd() % 2)
				by[i] = &p[i];
			paid[i] = rnd() >> (4 + rnd() % 60);
			all += paid[i];
		}
		memcpy(more, paid, sizeof(more));
		assert_true(pass_on(by, paid, N));
		for (int i = 0; i < N; i++)
			sum += paid[i];
		assert_true(sum == all);
		for (int i = 0; i < N; i++)
			assert_true(by[i] || paid[i] >= more[i]); /* who pays never pays less */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain),  cmocka_unit_test(own_work), cmocka_unit_test(stub),
		cmocka_unit_test(cycles), cmocka_unit_test(any),
	};

	return cmocka_run_group_tests_name("pass", tests, NULL, NULL);
}
