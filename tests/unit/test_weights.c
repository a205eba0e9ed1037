/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uncapped VMs: shares, and weights that make them. */
#include "collector/weights.h"
#include "tests/unit/test_rnd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ll
#define N 16

static void shares(void **ctx)
{
	struct weights_vm vm[3] = {
		{ .weight = 256, .vcpus = 1, .own_ns = 50 * MS, .waits = 1000 },
		{ .weight = 256, .vcpus = 1, .own_ns = 10 * MS, .cost_ns = 20 * MS },
		{ .weight = 512, .vcpus = 2, .own_ns = 50 * MS, .cost_ns = 70 * MS, .waits = 1000 },
	};

	(void)ctx;
	/* 200 ms in all: 50, 50, 100 by weight; who did not wait wants 30 */
	assert_true(weights_share(vm, 3, 100 * MS));
	assert_int_equal(vm[1].share_ns, 30 * MS);
	assert_int_equal(vm[0].share_ns, 170 * MS / 3);
	assert_int_equal(vm[2].share_ns, 2 * 170 * MS / 3);
	/* one vCPU cannot take more than one CPU's time */
	vm[2].vcpus = 1;
	vm[2].cost_ns = 0;
	vm[2].own_ns = 100 * MS;
	vm[1].own_ns = 250 * MS;
	vm[1].vcpus = 3;
	vm[1].cost_ns = 0;
	vm[1].waits = 1000;
	assert_true(weights_share(vm, 3, 100 * MS));
	assert_int_equal(vm[2].share_ns, 100 * MS);
	assert_int_equal(vm[0].share_ns, 100 * MS);
	assert_int_equal(vm[1].share_ns, 200 * MS);
}

/* One that waited for a third of the time would have used half more; all that it can, at most. */
static void waits(void **ctx)
{
	struct weights_vm vm[2] = {
		{ .weight = 256, .vcpus = 1, .own_ns = 80 * MS, .waits = 1000 },
		{ .weight = 256, .vcpus = 1, .own_ns = 8 * MS, .cost_ns = 4 * MS }
	};

	(void)ctx;
	vm[1].waits = 333;
	assert_true(weights_share(vm, 2, 100 * MS));
	assert_in_range(vm[1].share_ns, 17900000, 18100000);
	assert_int_equal(vm[1].want_ns, vm[1].share_ns);
	vm[1].waits = 900;
	assert_true(weights_share(vm, 2, 100 * MS));
	assert_int_equal(vm[1].share_ns, 46 * MS);
	assert_in_range(vm[1].want_ns, 100 * MS, 120 * MS);
}

/* Max-min: nobody has more than wanted; who has less than wanted has as much by weight as anybody. */
static void max_min(void **ctx)
{
	(void)ctx;
	for (int round = 0; round < 20000; round++) {
		size_t n = 1 + rnd() % N;
		struct weights_vm vm[N] = { 0 };
		uint64_t all = 0, given = 0;

		for (size_t i = 0; i < n; i++) {
			vm[i].weight = 1 + (unsigned int)(rnd() % WEIGHT_MAX);
			vm[i].vcpus = 1 + (unsigned int)(rnd() % 4);
			vm[i].own_ns = rnd() % (100 * MS * vm[i].vcpus);
			vm[i].cost_ns = rnd() % (100 * MS);
			vm[i].waits = rnd() % 2 * 1000;
			all += vm[i].own_ns + vm[i].cost_ns;
		}
		assert_true(weights_share(vm, n, 100 * MS));
		for (size_t i = 0; i < n; i++) {
			uint64_t use = vm[i].own_ns + vm[i].cost_ns;
			uint64_t want = vm[i].waits ? 100 * MS * vm[i].vcpus + vm[i].cost_ns : use;
			double by = (double)vm[i].share_ns / vm[i].weight;

			given += vm[i].share_ns;
			assert_true(vm[i].share_ns <= want);
			for (size_t j = 0; vm[i].share_ns < want && j < n; j++)
				assert_true((double)vm[j].share_ns / vm[j].weight < by + 1.5);
		}
		assert_true(given <= all && all - given <= n);
	}
}

/* A pool that is always busy, under the scheduler's rule; vm 0 has kappa times its CPU burned for it. */
static void pool(struct weights_vm *vm, size_t n, double kappa, double cpus, int windows,
		 double *sum)
{
	struct contention c = { 0 };
	struct balance_params p;

	balance_defaults(&p);
	p.collect = COLLECT_CONTENTION;
	p.max_share_pm = 1000;
	for (size_t i = 0; i < n; i++)
		vm[i].write = vm[i].weight;
	for (int t = 0; t < windows; t++) {
		double all = 0;

		for (size_t i = 0; i < n; i++)
			all += vm[i].write;
		for (size_t i = 0; i < n; i++) {
			double own = cpus * 100 * MS * vm[i].write / all;

			vm[i].own_ns = (uint64_t)own;
			vm[i].cost_ns = i ? 0 : (uint64_t)(kappa * own);
			vm[i].waits = 1000;
			if (t >= windows / 2)
				sum[i] += (double)(vm[i].own_ns + vm[i].cost_ns);
		}
		contention_step(&c, 0, 100 * MS, 100 * MS);
		assert_true(weights_step(&p, &c, vm, n, 100 * MS));
		for (size_t i = 0; i < n; i++)
			assert_true(vm[i].write >= 1 && vm[i].write <= WEIGHT_MAX);
	}
}

static void ratios(void **ctx)
{
	static const double kappa[] = { 0, 0.1, 0.5, 1, 2, 6 };

	(void)ctx;
	for (size_t k = 0; k < sizeof(kappa) / sizeof(*kappa); k++) {
		struct weights_vm vm[3] = { { .weight = 256, .vcpus = 1 },
					    { .weight = 256, .vcpus = 2 },
					    { .weight = 512, .vcpus = 2 } };
		double sum[3] = { 0 };
		unsigned int all = 0;

		pool(vm, 3, kappa[k], 2, 400, sum);
		for (int i = 0; i < 3; i++)
			all += vm[i].write;
		if (fabs(sum[0] / sum[1] - 1) > 0.01)
			print_message("kappa %g: %.3f\n", kappa[k], sum[0] / sum[1]);
		assert_true(fabs(sum[0] / sum[1] - 1) < 0.01);
		assert_true(fabs(sum[2] / sum[1] - 2) < 0.02);
		assert_in_range(all, 1022, 1026); /* dom0's weight means what it meant */
		if (!(kappa[k] > 0))
			assert_true(vm[0].write == 256 && vm[2].write == 512);
	}
}

/* Every other window it rests: that is no way out of debt. */
static void rests(void **ctx)
{
	struct contention c = { .collecting = true };
	struct weights_vm vm[2] = { { .weight = 256, .vcpus = 1 }, { .weight = 256, .vcpus = 1 } };
	double sum[2] = { 0 }, all;
	struct balance_params p;

	(void)ctx;
	balance_defaults(&p);
	p.collect = COLLECT_CONTENTION;
	p.max_share_pm = 10000;
	vm[0].write = vm[1].write = 256;
	for (int t = 0; t < 1000; t++) {
		bool on = t % 2;

		all = on ? vm[0].write + vm[1].write : vm[1].write;
		vm[0].own_ns = on ? (uint64_t)(100 * MS * vm[0].write / all) : 0;
		vm[0].cost_ns = 2 * vm[0].own_ns;
		vm[0].waits = on ? 1000 : 0;
		vm[1].own_ns = (uint64_t)(100 * MS * vm[1].write / all);
		vm[1].waits = 1000;
		for (int i = 0; i < 2 && on && t >= 200; i++)
			sum[i] += (double)(vm[i].own_ns + vm[i].cost_ns);
		assert_true(weights_step(&p, &c, vm, 2, 100 * MS));
	}
	/* while both want the CPU they have the same of it */
	assert_true(fabs(sum[0] / sum[1] - 1) < 0.05);
}

/* One window of twenty is small, and it is not seen to wait in that: its weight stays down. */
static void small_windows(void **ctx)
{
	struct contention c = { .collecting = true };
	struct weights_vm vm[2] = { { .weight = 256, .vcpus = 1 }, { .weight = 768, .vcpus = 1 } };
	struct balance_params p;

	(void)ctx;
	balance_defaults(&p);
	p.collect = COLLECT_CONTENTION;
	p.max_share_pm = 1000;
	vm[0].write = 256;
	for (int t = 0; t < 1000; t++) {
		bool small = t % 20 == 19;
		double all = vm[0].write + 768;

		vm[0].own_ns = small ? 2 * MS : (uint64_t)(80 * MS * vm[0].write / all);
		vm[0].cost_ns = small ? 4 * MS : vm[0].own_ns;
		vm[0].waits = small ? 0 : 1000;
		vm[1].own_ns = 80 * MS - vm[0].own_ns;
		vm[1].waits = 1000;
		assert_true(weights_step(&p, &c, vm, 2, 100 * MS));
		/* half of its part is enough: it costs as much as it runs */
		if (t >= 100)
			assert_in_range(vm[0].write, 100, 170);
	}
}

/*
 * What a window holds of each is the scheduler's order, not its weight: half more or less of it
 * is no reason to change the weights of those who cost nothing, and no way for who does.
 */
static void order(void **ctx)
{
	struct contention c = { .collecting = true };
	struct weights_vm vm[3] = { { .weight = 256, .vcpus = 1 },
				    { .weight = 256, .vcpus = 1 },
				    { .weight = 512, .vcpus = 1 } };
	double sum[3] = { 0 }, own[3], late = 0;
	struct balance_params p;

	(void)ctx;
	balance_defaults(&p);
	p.collect = COLLECT_CONTENTION;
	p.max_share_pm = 1000;
	for (int i = 0; i < 3; i++)
		vm[i].write = vm[i].weight;
	for (int t = 0; t < 4000; t++) {
		double all = 0;

		for (int i = 0; i < 3; i++) {
			own[i] = vm[i].write * (double)(500 + rnd() % 1000);
			all += own[i];
		}
		for (int i = 0; i < 3; i++) {
			vm[i].own_ns = (uint64_t)(80 * MS * own[i] / all);
			vm[i].cost_ns = i ? 0 : (uint64_t)late;
			vm[i].waits = 1000;
			sum[i] += t < 100 ? 0 : (double)(vm[i].own_ns + vm[i].cost_ns);
		}
		late = (late + (double)vm[0].own_ns) / 2;
		assert_true(weights_step(&p, &c, vm, 3, 100 * MS));
		if (t >= 100)
			assert_in_range(vm[0].write, 60, 240);
		if (t >= 100)
			assert_in_range(vm[1].write, 160, 440);
	}
	assert_true(fabs(sum[0] / sum[1] - 1) < 0.01);
	assert_true(fabs(sum[2] / sum[1] - 2) < 0.02);
	assert_true(vm[0].balance.uncollected_ns < 100 * MS);
}

/*
 * Others rest, but for a moment in each window: they are owed nothing, so it has the weight that was
 * found, with the debt that it had; which is taken when they want more again.
 */
static void alone(void **ctx)
{
	struct contention c = { .collecting = true };
	struct weights_vm vm[2] = { { .weight = 256, .vcpus = 1 }, { .weight = 256, .vcpus = 1 } };
	struct balance_params p;
	int64_t debt = 0;

	(void)ctx;
	balance_defaults(&p);
	p.collect = COLLECT_CONTENTION;
	p.max_share_pm = 1000;
	for (int t = 0; t < 300; t++) {
		bool rest = t >= 100 && t < 200, second = t >= 109;

		vm[0].own_ns = (rest ? 45 : 20) * MS;
		vm[0].cost_ns = (rest ? 50 : 40) * MS;
		vm[0].waits = 1000;
		vm[1].own_ns = (rest ? 1 : 20) * MS;
		vm[1].waits = rest ? t % 3 * 150 : 1000;
		assert_true(weights_step(&p, &c, vm, 2, 100 * MS));
		if (t == 108)
			debt = vm[0].balance.balance_ns;
		if (rest && second)
			assert_true(vm[0].write == 256 && vm[0].balance.balance_ns == debt);
		else if (!rest && t % 100 > 20)
			assert_in_range(vm[0].write, 1, 128);
	}
	assert_true(debt < 0);
}

/* It wants one CPU, which would be its part, and has less: the other is not alone. */
static void not_alone(void **ctx)
{
	struct contention c = { .collecting = true };
	struct weights_vm vm[2] = { { .weight = 256, .vcpus = 2 }, { .weight = 256, .vcpus = 2 } };
	struct balance_params p;

	(void)ctx;
	balance_defaults(&p);
	p.collect = COLLECT_CONTENTION;
	p.max_share_pm = 1000;
	for (int t = 0; t < 100; t++) {
		vm[0].own_ns = 94 * MS;
		vm[0].cost_ns = 36 * MS;
		vm[0].waits = 1000;
		vm[1].own_ns = 87 * MS;
		vm[1].waits = 130;
		assert_true(weights_step(&p, &c, vm, 2, 100 * MS));
		assert_false(vm[0].alone);
	}
	assert_true(vm[0].write < 240 && vm[1].write > 272);
}

/* Nobody waits: the weights that were found. */
static void quiet(void **ctx)
{
	struct contention c = { 0 };
	struct balance_params p;
	struct weights_vm vm[2] = { { .weight = 256, .vcpus = 1 }, { .weight = 300, .vcpus = 1 } };

	(void)ctx;
	balance_defaults(&p);
	p.collect = COLLECT_CONTENTION;
	for (int t = 0; t < 100; t++) {
		vm[0].own_ns = 40 * MS;
		vm[0].cost_ns = 60 * MS;
		vm[1].own_ns = 1 * MS;
		contention_step(&c, 59 * MS, 100 * MS, 100 * MS);
		assert_true(weights_step(&p, &c, vm, 2, 100 * MS));
		assert_true(vm[0].write == 256 && vm[1].write == 300);
	}
	assert_int_equal(vm[0].balance.balance_ns, 0);
}

static void random_pools(void **ctx)
{
	(void)ctx;
	for (int round = 0; round < 300; round++) {
		struct contention c = { .collecting = true };
		struct weights_vm vm[N] = { 0 };
		size_t n = 1 + rnd() % N;
		struct balance_params p;

		balance_defaults(&p);
		p.collect = COLLECT_CONTENTION;
		for (size_t i = 0; i < n; i++) {
			vm[i].weight = 1 + (unsigned int)(rnd() % (rnd() % 2 ? 10 : WEIGHT_MAX));
			vm[i].vcpus = (unsigned int)(rnd() % 5);
		}
		for (int t = 0; t < 100; t++) {
			for (size_t i = 0; i < n; i++) {
				vm[i].own_ns = rnd() >> (rnd() % 64);
				vm[i].cost_ns = rnd() >> (rnd() % 64);
				vm[i].waits = rnd() % 2 * 1000;
			}
			contention_step(&c, rnd() % 100, 100, 100 * MS);
			assert_true(weights_step(&p, &c, vm, n,
						 rnd() % 4 ? 100 * MS : rnd() >> (rnd() % 64)));
			for (size_t i = 0; i < n; i++)
				assert_true(vm[i].write >= 1 && vm[i].write <= WEIGHT_MAX);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares),	cmocka_unit_test(waits),
		cmocka_unit_test(alone),	cmocka_unit_test(not_alone),
		cmocka_unit_test(max_min),	cmocka_unit_test(ratios),
		cmocka_unit_test(rests),	cmocka_unit_test(small_windows),
		cmocka_unit_test(order),	cmocka_unit_test(quiet),
		cmocka_unit_test(random_pools),
	};

	return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
