/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads of the kernel under a quota, which follows what the accountant's guard says:
 * what a guest that never stops burns, by the second.
 */
#include "accountant/guard.h"
#include "backend/kernel/regulator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ull
#define SECOND 1000000000ull
#define RUN_MS 63000u
#define FIRST_MS 3000u
#define CFS_MS 100u /* the kernel fills a quota up so often */
#define TICK_MS 4u

/* A guest, and the CPU that its threads and those that follow them burn. */
struct world {
	double cpu; /* of one, that the threads burn when they may */
	double ratio[2]; /* claimed/threads, for 2 s each */
	double charged; /* charged/claimed */
	unsigned int late; /* a period in so many is three times as long; 0: none */
	unsigned int jitter; /* ms more, up to, that a period lasts */
	bool lags; /* what is posted was burned a period before */
	unsigned int on_ms, off_ms; /* it works so long, and rests; 0: it never rests */
	uint64_t rate, then; /* ns/s: the limit; from the middle of the run on, 0: the same */
	struct guard guard;
	struct guard_lane lane;
	struct regulator r;
	uint64_t quota; /* ns/s, as it was written */
	bool runs;
	unsigned int n; /* periods */
	double used, claims, before, posted, left; /* ns */
	double burned[RUN_MS]; /* charged */
};

static bool works(const struct world *w, unsigned int ms)
{
	return !w->off_ms || ms % (w->on_ms + w->off_ms) < w->on_ms;
}

/* cpu.max: a write fills the quota up, and forgives what was overrun. */
static void set(struct world *w, uint64_t quota)
{
	uint64_t by = quota > w->quota ? quota - w->quota : w->quota - quota;

	if (by <= w->quota / 8)
		return;
	w->quota = quota;
	w->left = (double)quota * CFS_MS / 1000;
	if (w->left < MS)
		w->left = MS;
}

/* A ms of its threads, which a tick stops, late: what is too much is paid back. */
static void burn(struct world *w, unsigned int ms)
{
	double most = w->cpu * MS;

	if (ms % CFS_MS == 0)
		w->left = (w->left < 0 ? w->left : 0) + (double)w->quota * CFS_MS / 1000;
	if (ms % TICK_MS == 0)
		w->runs = works(w, ms) && w->left > 0;
	if (!w->runs)
		return;
	w->left -= most;
	w->used += most;
	w->claims += most * w->ratio[ms / 2000 % 2];
	w->burned[ms] = most * w->ratio[ms / 2000 % 2] * w->charged;
}

static void tick(struct world *w, unsigned int ms)
{
	double sum = w->posted * w->charged;
	uint64_t rate = w->then && ms > RUN_MS / 2 ? w->then : w->rate;

	w->lane.spent = (uint64_t)w->posted;
	assert_true(guard_step(&w->guard, rate, (uint64_t)sum, &w->lane, 1, 10 * MS));
}

/* A period of the daemon; how long until the next. */
static unsigned int period(struct world *w, unsigned int ms)
{
	static unsigned int seed;

	set(w, regulator_step(&w->r, SECOND + ms * MS, (uint64_t)w->used,
			      w->lane.allowed <= (uint64_t)w->posted));
	w->posted = w->lags ? w->before : w->claims;
	w->before = w->claims;
	seed = ms ? seed * 1103515245u + 12345u : 1;
	return REGULATOR_PERIOD_MS * (w->late && ++w->n % w->late == 0 ? 3 : 1) +
	       (w->jitter ? seed / 65536 % w->jitter : 0);
}

static void run(struct world *w)
{
	unsigned int next = REGULATOR_PERIOD_MS;

	w->lane.known = true;
	w->quota = SECOND; /* not yet limited */
	for (unsigned int ms = 0; ms < RUN_MS; ms++) {
		if (ms % 10 == 0)
			tick(w, ms);
		if (ms >= next)
			next = ms + period(w, ms);
		burn(w, ms);
	}
}

/* Per cent of a CPU. */
static double mean(const struct world *w, unsigned int from, unsigned int to)
{
	double sum = 0;

	for (unsigned int ms = from; ms < to; ms++)
		sum += w->burned[ms];
	return sum / (to - from) / MS * 100;
}

static double worst(const struct world *w, unsigned int from, unsigned int to)
{
	double most = 0;

	for (unsigned int ms = from; ms + 1000 <= to; ms += 10) {
		double is = mean(w, ms, ms + 1000);

		most = is > most ? is : most;
	}
	return most;
}

static void holds(struct world *w, const char *what, double percent, double within, double most)
{
	double m, s;

	run(w);
	m = mean(w, FIRST_MS, RUN_MS);
	s = worst(w, FIRST_MS, RUN_MS);
	print_message("%s: %.3f %%, worst second %.3f %%\n", what, m, s);
	assert_true(m > percent * (1 - within) && m < percent * (1 + within));
	assert_true(s < percent * most);
}

static struct world steady(void)
{
	return (struct world){ .cpu = 0.6, .ratio = { 1, 1 }, .charged = 1, .rate = SECOND / 20 };
}

static void a_limit_holds(void **state)
{
	static struct world w;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		char what[40];

		w = steady();
		w.cpu = (double[]){ 1, 0.3, 0.07 }[i];
		snprintf(what, sizeof(what), "limit 5 %%, free %.0f %%", w.cpu * 100);
		holds(&w, what, 5, 0.02, 1.25);
	}
	w = steady();
	w.rate = SECOND / 2;
	holds(&w, "limit 50 %", 50, 0.02, 1.15);
	w = steady();
	w.rate = SECOND / 100;
	holds(&w, "limit 1 %", 1, 0.05, 1.3);
}

/* Softirqs are claimed, and no thread's; the clock's bill is another than the claim. */
static void what_is_not_the_threads(void **state)
{
	static struct world w;

	(void)state;
	w = steady();
	w.ratio[0] = w.ratio[1] = 2;
	holds(&w, "as much again in softirqs", 5, 0.02, 1.25);
	w = steady();
	w.ratio[0] = 1;
	w.ratio[1] = 1.5;
	holds(&w, "in softirqs every other 2 s", 5, 0.1, 1.8);
	w = steady();
	w.charged = 0.8;
	holds(&w, "charged 0.8 of it", 5, 0.02, 1.25);
}

static void a_busy_machine(void **state)
{
	static struct world w;

	(void)state;
	w = steady();
	w.late = 5;
	holds(&w, "every fifth step is late", 5, 0.1, 1.5);
	w = steady();
	w.jitter = 150;
	holds(&w, "steps of 100 to 250 ms", 5, 0.1, 2);
	w = steady();
	w.lags = true;
	holds(&w, "posted a step late", 5, 0.1, 1.5);
	w = steady();
	w.lags = true;
	w.jitter = 150;
	w.cpu = 0.2;
	w.ratio[0] = w.ratio[1] = 2.5;
	holds(&w, "all of it, most of it in softirqs", 5, 0.1, 2);
}

/* Who rests gains nothing by it, and loses not much. */
static void bursts(void **state)
{
	static struct world w;
	double m, s;

	(void)state;
	w = steady();
	w.on_ms = 3000;
	w.off_ms = 2000;
	run(&w);
	m = mean(&w, FIRST_MS, RUN_MS);
	s = worst(&w, FIRST_MS, RUN_MS);
	print_message("3 s of 5: %.3f %%, worst second %.3f %%\n", m, s);
	assert_true(m > 3 * 0.95 && m < 3 * 1.1);
	assert_true(s < 5 * 1.5);
}

static void a_limit_that_changes(void **state)
{
	static struct world w;
	unsigned int half = RUN_MS / 2 + 5000;
	double m;

	(void)state;
	w = steady();
	w.rate = SECOND / 2;
	w.then = SECOND / 20;
	run(&w);
	m = mean(&w, half, RUN_MS);
	print_message("50 %%, then 5 %%: %.3f %% after 5 s\n", m);
	assert_true(m > 4.8 && m < 5.4);
	w = steady();
	w.then = SECOND / 2;
	run(&w);
	m = mean(&w, half, RUN_MS);
	print_message("5 %%, then 50 %%: %.3f %% after 5 s\n", m);
	assert_true(m > 48 && m < 51);
}

/* One that has no thread any more, or new ones, is measured anew. */
static void a_clock_that_runs_backwards(void **state)
{
	struct regulator r = { 0 };
	uint64_t quota = 0;

	(void)state;
	for (unsigned int i = 1; i < 50; i++)
		quota = regulator_step(&r, i * 100 * MS, i * MS, i % 3 == 0);
	assert_true(quota);
	assert_true(regulator_step(&r, 5100 * MS, 0, false) <= quota * 2);
	regulator_rest(&r);
	assert_true(regulator_step(&r, 1, 0, true) >= REGULATOR_LEAST);
	/* it never ceases to be denied: the least stays */
	for (unsigned int i = 1; i < 500; i++)
		quota = regulator_step(&r, i * 100 * MS, 0, true);
	assert_int_equal(quota, REGULATOR_LEAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_holds),
		cmocka_unit_test(what_is_not_the_threads),
		cmocka_unit_test(a_busy_machine),
		cmocka_unit_test(bursts),
		cmocka_unit_test(a_limit_that_changes),
		cmocka_unit_test(a_clock_that_runs_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
