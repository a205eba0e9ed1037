/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Allowances: what a VM that never stops gets of a driver domain, by the second. */
#include "accountant/guard.h"
#include "tests/unit/test_rnd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ull
#define US 1000ull
#define SECOND 1000000000ull
#define FIVE (SECOND / 20) /* 5 % of a CPU */
#define LANES 8
#define RUN_MS 63000
#define STEP_US 100

/* A driver domain with a thread a lane, and one VM whose queues are never empty. */
struct flood {
	unsigned int lanes, tick_ms;
	uint64_t (*cost)(unsigned int lane, unsigned int nth); /* of a request, ns claimed */
	double ratio, other; /* charged/claimed; every second 2 s, when not 0 */
	unsigned int bill_ms; /* charges come so often */
	bool hops; /* it uses one lane at a time, and changes */
	uint64_t before; /* claimed on each lane, when nothing was limited yet */
	struct guard_lane lane[LANES];
	uint64_t until[LANES], spent[LANES]; /* the lanes' own */
	unsigned int nth[LANES];
	double burned[RUN_MS]; /* CPU ns in each ms */
};

static void serve(struct flood *f, unsigned int i, uint64_t now)
{
	if (f->hops && now / (300 * MS) % f->lanes != i)
		return;
	while (f->until[i] <= now && f->lane[i].allowed > f->spent[i]) {
		uint64_t c = f->cost(i, f->nth[i]++);

		f->spent[i] += c;
		f->until[i] = (f->until[i] > now - STEP_US * US ? f->until[i] : now) + c;
		f->burned[now / MS] +=
			(double)c * (f->other > 0 && now / (2 * SECOND) % 2 ? f->other : f->ratio);
	}
}

static void run(struct flood *f)
{
	struct guard g = { 0 };
	uint64_t charged = 0;
	double burned = 0;

	for (unsigned int i = 0; i < f->lanes; i++) {
		f->spent[i] = f->before;
		f->lane[i].known = true; /* with nothing seen: as allow.c has it */
	}
	for (uint64_t now = 0; now < RUN_MS * MS; now += STEP_US * US) {
		uint64_t ms = now / MS;

		if (now % MS == 0 && ms)
			burned += f->burned[ms - 1];
		if (now % (f->bill_ms * MS) == 0)
			charged = (uint64_t)burned;
		if (now % (f->tick_ms * MS) == 0) {
			for (unsigned int i = 0; i < f->lanes; i++)
				f->lane[i].spent = f->spent[i];
			assert_true(
				guard_step(&g, FIVE, charged, f->lane, f->lanes, f->tick_ms * MS));
		}
		for (unsigned int i = 0; i < f->lanes; i++)
			serve(f, i, now);
	}
}

/* Per cent of a CPU from 3 s on. */
static double mean(const struct flood *f)
{
	double sum = 0;

	for (int t = 3000; t < RUN_MS; t++)
		sum += f->burned[t];
	return sum / ((RUN_MS - 3000) * (double)MS) * 100;
}

static double worst(const struct flood *f)
{
	double sum = 0, most = 0;

	for (int t = 0; t < RUN_MS; t++) {
		sum += f->burned[t] - (t >= 1000 ? f->burned[t - 1000] : 0);
		most = sum > most ? sum : most;
	}
	return most / (double)SECOND * 100;
}

static uint64_t small(unsigned int lane, unsigned int nth)
{
	(void)lane;
	(void)nth;
	return 5 * US;
}

static uint64_t large(unsigned int lane, unsigned int nth)
{
	(void)lane;
	(void)nth;
	return 400 * US;
}

static uint64_t alternating(unsigned int lane, unsigned int nth)
{
	return (nth / 50 + lane) % 2 ? 400 * US : 5 * US;
}

static void holds(struct flood *f, double low)
{
	run(f);
	if (mean(f) < low || mean(f) > 5.05 || worst(f) > 5.5)
		print_message(
			"%u lanes, tick %u ms, ratio %g, bills each %u ms: %.3f, worst %.3f\n",
			f->lanes, f->tick_ms, f->ratio, f->bill_ms, mean(f), worst(f));
	assert_true(mean(f) >= low && mean(f) <= 5.05);
	assert_true(worst(f) <= 5.5);
}

/* 4.95-5.05 % over a minute, and no second above 5.5 %. */
static void backlogged(void **ctx)
{
	static uint64_t (*const cost[])(unsigned int, unsigned int) = { small, large, alternating };
	static struct flood f;

	(void)ctx;
	for (unsigned int lanes = 1; lanes <= LANES; lanes *= 2)
		for (int i = 0; i < 3; i++)
			for (int late = 0; late < 2; late++) {
				f = (struct flood){ .lanes = lanes,
						    .tick_ms = 10,
						    .cost = cost[i],
						    .ratio = 0.7 + 0.2 * i,
						    .bill_ms = late ? 1000 : 100 };
				holds(&f, 4.95);
			}
}

/* A limit on a VM that has been at it for long: no less from its beginning. */
static void limited_late(void **ctx)
{
	static struct flood f;

	(void)ctx;
	for (int late = 0; late < 2; late++) {
		f = (struct flood){ .lanes = 2,
				    .tick_ms = 10,
				    .cost = small,
				    .ratio = 0.9,
				    .bill_ms = late ? 1000 : 100,
				    .before = 1000 * SECOND };
		holds(&f, 4.95);
	}
}

/* One lane after the other: what an idle lane holds is no use to it, and no loss to the limit. */
static void hopping(void **ctx)
{
	static struct flood f;

	(void)ctx;
	f = (struct flood){ .lanes = 4,
			    .tick_ms = 10,
			    .cost = alternating,
			    .ratio = 1,
			    .bill_ms = 100,
			    .hops = true };
	holds(&f, 4.8);
}

/* What was charged too late to be seen is made good. */
static void ratio_changes(void **ctx)
{
	static struct flood f;

	(void)ctx;
	f = (struct flood){
		.lanes = 2, .tick_ms = 10, .cost = small, .ratio = 0.7, .other = 2, .bill_ms = 100
	};
	run(&f);
	assert_true(mean(&f) > 4.95 && mean(&f) < 5.05);
}

static void slow_tick(void **ctx)
{
	static struct flood f;

	(void)ctx;
	f = (struct flood){ .lanes = 2, .tick_ms = 35, .cost = small, .ratio = 1, .bill_ms = 100 };
	holds(&f, 4.95);
}

static void open_and_closed(void **ctx)
{
	struct guard_lane lane[2] = { { .spent = 77 }, { .spent = 5 } };
	struct guard g = { 0 };

	(void)ctx;
	assert_true(guard_step(&g, FIVE, 1000, lane, 2, 10 * MS));
	assert_true(lane[0].allowed > 77 && lane[1].allowed > 5);
	/* within the bucket, however long nothing is spent */
	for (int i = 0; i < 1000; i++)
		assert_true(guard_step(&g, FIVE, 1000, lane, 2, 100 * MS));
	assert_true(lane[0].allowed - 77 + lane[1].allowed - 5 <= FIVE * GUARD_BURST_MS / 1000);
	assert_true(guard_step(&g, 0, 1000, lane, 2, 10 * MS));
	assert_true(!lane[0].allowed && !lane[1].allowed);
	assert_true(guard_step(&g, FIVE, 1000, NULL, 0, 10 * MS));
	assert_int_equal(guard_lower(0, 5), 5);
	assert_int_equal(guard_lower(5, 0), 5);
	assert_int_equal(guard_lower(6, 5), 5);
	assert_int_equal(guard_lower(0, 0), 0);
}

/* A request of ten seconds' allowance: denied for less than one. */
static void never_longer_than_a_second(void **ctx)
{
	struct guard_lane lane = { 0 };
	struct guard g = { 0 };
	int ticks = 0;

	(void)ctx;
	assert_true(guard_step(&g, FIVE, 0, &lane, 1, 10 * MS));
	lane.spent += 10 * FIVE;
	do {
		assert_true(guard_step(&g, FIVE, lane.spent, &lane, 1, 10 * MS));
		ticks++;
	} while (lane.allowed <= lane.spent);
	assert_in_range(ticks, 80, 99);
	assert_true(g.let_go_ns > 9 * FIVE);
}

/* Allowances never fall; the bucket is never more than full; nonsense does no harm. */
static void random_ticks(void **ctx)
{
	(void)ctx;
	for (int round = 0; round < 500; round++) {
		struct guard_lane lane[LANES] = { 0 };
		struct guard g = { 0 };
		uint64_t charged = 0, before[LANES], rate = 1 + rnd() % SECOND;
		size_t n = 1 + rnd() % LANES;

		for (int t = 0; t < 200; t++) {
			uint64_t tick = rnd() % 10 ? 10 * MS : rnd() >> (rnd() % 64);

			for (size_t i = 0; i < n; i++) {
				before[i] = lane[i].allowed;
				if (lane[i].allowed > lane[i].spent && rnd() % 2)
					lane[i].spent +=
						rnd() % (lane[i].allowed - lane[i].spent + 1);
				if (rnd() % 100 == 0)
					lane[i].spent += rnd() >> (rnd() % 64);
			}
			charged += rnd() % 3 ? rnd() % MS : rnd() >> (1 + rnd() % 63);
			assert_true(guard_step(&g, rate, charged, lane, n, tick));
			assert_true(g.level <= (int64_t)(rate * GUARD_BURST_MS / 1000));
			for (size_t i = 0; i < n; i++)
				assert_true(lane[i].allowed && (lane[i].allowed >= before[i] ||
								lane[i].spent < before[i]));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backlogged),	   cmocka_unit_test(hopping),
		cmocka_unit_test(slow_tick),	   cmocka_unit_test(ratio_changes),
		cmocka_unit_test(open_and_closed), cmocka_unit_test(never_longer_than_a_second),
		cmocka_unit_test(random_ticks),	   cmocka_unit_test(limited_late),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
