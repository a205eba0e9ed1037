/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool is split: exactly, by what is said to split it, and by nothing else. */
#include "common/partition.h"

#include "common/model.h"
#include "tests/unit/test_rnd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define N 12
#define MS 1000000u

static uint64_t sum(const struct payer_part *p, size_t n)
{
	uint64_t s = 0;

	for (size_t i = 0; i < n; i++)
		s += p[i].ns;
	return s;
}

/* The published example: 6 ms, packets 1:2. */
static void seed_example(void **ctx)
{
	struct payer_part p[2] = { { .driver[COST_SEND] = 100 }, { .driver[COST_RECEIVE] = 200 } };
	struct model m;

	(void)ctx;
	assert_true(partition(BASIS_POOL, 6 * MS, NULL, p, 2));
	assert_int_equal(p[0].ns, 2 * MS);
	assert_int_equal(p[1].ns, 4 * MS);
	/* a model that has learned nothing is the rule of 2006 */
	model_packets(&m, 1000);
	assert_true(partition(BASIS_MODEL, 6 * MS, &m, p, 2));
	assert_in_range(p[0].ns, 2 * MS - 1, 2 * MS);
	assert_int_equal(p[0].error_ns, 6 * MS); /* and knows it */
	/* with its factor for sending */
	model_packets(&m, 2000);
	assert_true(partition(BASIS_MODEL, 6 * MS, &m, p, 2));
	assert_int_equal(p[0].ns, 3 * MS);
}

static void spans(void **ctx)
{
	struct payer_part p[2] = { { .span_ns = 10 }, { .span_ns = 30 } };
	struct payer_part *both[2] = { &p[0], &p[1] }, *one[1] = { &p[0] };

	(void)ctx;
	/* no batches known: all by spans, be they shorter or longer than the clock */
	assert_true(partition(BASIS_THREAD, 80, NULL, p, 2));
	assert_int_equal(p[0].ns, 20);
	assert_true(partition(BASIS_THREAD, 20, NULL, p, 2));
	assert_int_equal(p[0].ns, 5);
	/* two batches, one for both, one for the first: 40 ns outside of spans as 3 to 1 */
	partition_batch(both, 2);
	partition_batch(one, 1);
	assert_true(partition(BASIS_THREAD, 80, NULL, p, 2));
	assert_int_equal(p[0].ns, 10 + 30);
	assert_int_equal(p[1].ns, 30 + 10);
	/* preempted inside a span: nobody pays for more than the thread ran */
	p[1].span_ns = 390;
	assert_true(partition(BASIS_THREAD, 80, NULL, p, 2));
	assert_int_equal(p[0].ns, 2);
	assert_int_equal(p[1].ns, 78);
}

static void like(void **ctx)
{
	struct payer_part p[3] = { { .driver[COST_SEND] = 1, .driver[COST_KIB] = 1000 },
				   { .driver[COST_RECEIVE] = 3 },
				   { .driver[COST_KIB] = 7 } };

	(void)ctx;
	assert_true(partition(BASIS_POOL, 100, NULL, p, 3));
	assert_int_equal(p[0].ns, 25);
	assert_int_equal(p[2].ns, 0);
	assert_true(partition(BASIS_POOL, 100, NULL, &p[2], 1));
	assert_int_equal(p[2].ns, 100);
	memset(p, 0, sizeof(p));
	assert_false(partition(BASIS_POOL, 100, NULL, p, 3));
	assert_int_equal(sum(p, 3), 0);
	assert_false(partition(BASIS_DIRECT, 100, NULL, p, 3));
	assert_false(partition(BASIS_THREAD, 100, NULL, p, 3));
	assert_false(partition(BASIS_POOL, 100, NULL, p, 0));
}

/* In one proportion no weights make a difference: the model agrees with what needs none. */
static void alikes(void **ctx)
{
	struct payer_part p[3] = {
		{ .driver = { [COST_SEND] = 100, [COST_RECEIVE] = 300, [COST_KIB] = 4000 } },
		{ .driver = { [COST_SEND] = 51, [COST_RECEIVE] = 150, [COST_KIB] = 1990 } },
		{ .span_ns = 0 },
	};
	struct model m;

	(void)ctx;
	assert_true(partition_alike(p, 3));
	model_packets(&m, 1000);
	for (int i = 0; i < 50; i++)
		model_learn(&m, 1000 * MS, p, 3);
	assert_true(partition(BASIS_MODEL, 600 * MS, &m, p, 3));
	assert_in_range(p[0].ns, 396 * MS, 404 * MS);
	assert_true(partition(BASIS_POOL, 600 * MS, &m, p, 3));
	assert_in_range(p[0].ns, 396 * MS, 404 * MS);
	assert_int_equal(p[2].ns, 0);
	p[2].driver[COST_SEND] = 1; /* writes, and reads nothing */
	assert_false(partition_alike(p, 3));
	assert_true(partition_alike(&p[2], 1));
	assert_true(partition_alike(p, 0));
	p[2].driver[COST_SEND] = 0;
	p[1].driver[COST_KIB] = 3000; /* its requests are larger */
	assert_false(partition_alike(p, 3));
	p[0].driver[COST_KIB] = p[1].driver[COST_KIB] = UINT64_MAX;
	assert_false(partition_alike(p, 2));
}

static void batches(void **ctx)
{
	struct payer_part p[N], *who[N];

	(void)ctx;
	for (size_t k = 1; k <= N; k++) {
		uint64_t all = 0;

		memset(p, 0, sizeof(p));
		for (size_t i = 0; i < k; i++)
			who[i] = &p[i];
		partition_batch(who, k);
		for (size_t i = 0; i < k; i++)
			all += p[i].driver[COST_BATCH];
		assert_int_equal(all, PARTITION_BATCH);
	}
}

/* ------------------------------------------------------------------ */
/* Whatever the load: what must hold                                   */

static struct model model;

static void some(struct payer_part *p, size_t n, enum basis basis)
{
	memset(p, 0, n * sizeof(*p));
	for (size_t i = 0; i < n; i++) {
		if (rnd() % 4 == 0)
			continue;
		if (basis == BASIS_THREAD)
			p[i].span_ns = rnd() % MS;
		p[i].driver[COST_BATCH] = rnd() % 100 * PARTITION_BATCH / (1 + rnd() % 16);
		p[i].driver[COST_SEND] = rnd() % 1000;
		p[i].driver[COST_RECEIVE] = rnd() % 1000;
		p[i].driver[COST_KIB] = rnd() % 10000;
	}
}

static void exact(const struct payer_part *p, size_t n, uint64_t ns, enum basis basis)
{
	struct payer_part again[N];
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += p[i].ns;
	assert_true(all == ns);
	memcpy(again, p, n * sizeof(*p));
	assert_true(partition(basis, ns, &model, again, n)); /* the same input, the same ns */
	assert_memory_equal(p, again, n * sizeof(*p));
	for (size_t i = 0; i < n; i++)
		assert_true(partition_active(&p[i]) || !p[i].ns);
}

static void near(uint64_t a, uint64_t b, uint64_t by)
{
	assert_true(a > b ? a - b <= by : b - a <= by);
}

static void another_order(const struct payer_part *p, size_t n, uint64_t ns, enum basis basis)
{
	struct payer_part q[N];

	for (size_t i = 0; i < n; i++)
		q[i] = p[n - 1 - i];
	assert_true(partition(basis, ns, &model, q, n));
	for (size_t i = 0; i < n; i++)
		near(q[n - 1 - i].ns, p[i].ns, 4);
}

/* One VM's load over two: together they pay what it paid. */
static void in_two(const struct payer_part *p, size_t n, uint64_t ns, enum basis basis)
{
	struct payer_part q[N + 1];

	memcpy(q, p, n * sizeof(*p));
	q[n] = q[0];
	for (int d = 0; d < COSTS; d++) {
		q[n].driver[d] = q[0].driver[d] / 3;
		q[0].driver[d] -= q[n].driver[d];
	}
	q[n].span_ns = q[0].span_ns / 5;
	q[0].span_ns -= q[n].span_ns;
	assert_true(partition(basis, ns, &model, q, n + 1));
	near(q[0].ns + q[n].ns, p[0].ns, 8);
}

static void one_more(const struct payer_part *p, size_t n, uint64_t ns, enum basis basis)
{
	struct payer_part q[N + 1];

	memcpy(q, p, n * sizeof(*p));
	memset(&q[n], 0, sizeof(q[n]));
	assert_true(partition(basis, ns, &model, q, n + 1));
	assert_memory_equal(q, p, n * sizeof(*p)); /* one that is idle changes nothing */
	assert_int_equal(q[n].ns, 0);
	/* twice the load is never less */
	for (int d = 0; d < COSTS; d++)
		q[0].driver[d] *= 2;
	q[0].span_ns *= 2;
	assert_true(partition(basis, ns, &model, q, n));
	assert_true(q[0].ns + 4 >= p[0].ns);
}

static void any_load(void **ctx)
{
	(void)ctx;
	model_packets(&model, 1100);
	for (unsigned int round = 0; round < 20000; round++) {
		enum basis basis = (enum basis)(rnd() % (BASIS_THREAD + 1));
		size_t n = 1 + rnd() % N;
		uint64_t ns = rnd() % (100 * MS);
		struct payer_part p[N];

		some(p, n, basis);
		if (basis == BASIS_MODEL)
			model_learn(&model, ns, p, n);
		if (!partition(basis, ns, &model, p, n))
			continue;
		exact(p, n, ns, basis);
		another_order(p, n, ns, basis);
		in_two(p, n, ns, basis);
		one_more(p, n, ns, basis);
	}
}

/* A driver domain may say anything. */
static void nonsense(void **ctx)
{
	(void)ctx;
	model_packets(&model, 1100);
	for (unsigned int round = 0; round < 20000; round++) {
		enum basis basis = (enum basis)(rnd() % BASES);
		uint64_t ns = rnd() >> (rnd() % 64);
		struct payer_part p[N] = { 0 };

		for (size_t i = 0; i < N; i++)
			for (int d = 0; d < COSTS; d++)
				p[i].driver[d] = rnd() >> (rnd() % 64);
		for (size_t i = 0; i < N; i++)
			p[i].span_ns = rnd() >> (rnd() % 64);
		model_learn(&model, ns, p, N);
		assert_true(partition(basis, ns, &model, p, N));
		assert_true(sum(p, N) == ns);
		for (int d = 0; d < COSTS; d++)
			assert_true(model.weight[d] >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seed_example), cmocka_unit_test(spans),
		cmocka_unit_test(like),		cmocka_unit_test(alikes),
		cmocka_unit_test(batches),	cmocka_unit_test(any_load),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
