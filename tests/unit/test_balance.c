/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The balance and the cap: the numbers of docs/debt.md, and what may never happen. */
#include "collector/balance.h"

#include "common/divide.h"
#include "tests/unit/test_rnd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ll
#define PERCENT BALANCE_GRAIN

static void defaults(void **ctx)
{
	struct balance_params p;

	(void)ctx;
	balance_defaults(&p);
	assert_null(balance_valid(&p));
	p.alpha_pm = 0;
	assert_string_equal(balance_valid(&p), "alpha");
	p.alpha_pm = 1000;
	p.max_share_pm = 10001;
	assert_string_equal(balance_valid(&p), "max_debt_share");
}

/*
 * The example that SEDF-DC was published with: both VMs have 10 ms left, the driver domain
 * ran 6 ms for them, with packets in the ratio 1:2: the remainders drop by 2 and 4 ms.
 */
static void seed_example(void **ctx)
{
	const uint64_t packets[2] = { 1, 2 };
	int64_t left[2] = { 10 * MS, 10 * MS };
	uint64_t part[2];

	(void)ctx;
	assert_true(divide_ns(6 * MS, packets, 2, part));
	for (int i = 0; i < 2; i++)
		assert_int_equal(balance_book(&left[i], 0, (int64_t)part[i], -10 * MS, 10 * MS), 0);
	assert_int_equal(left[0], 8 * MS);
	assert_int_equal(left[1], 6 * MS);
}

static void book_clamps(void **ctx)
{
	int64_t b = 0;

	(void)ctx;
	assert_int_equal(balance_book(&b, 100, 30, -50, 20), 0);
	assert_int_equal(b, 20);
	assert_int_equal(balance_book(&b, 0, 100, -50, 20), 30);
	assert_int_equal(b, -50);
	assert_int_equal(balance_book(&b, 10, 0, -50, 20), 0);
	assert_int_equal(b, -40);
}

static void floors(void **ctx)
{
	struct balance_params p;

	(void)ctx;
	balance_defaults(&p);
	assert_int_equal(balance_floor(&p, 60 * PERCENT, 1), 6 * PERCENT);
	assert_int_equal(balance_floor(&p, 30 * PERCENT, 1), 5 * PERCENT);
	assert_int_equal(balance_floor(&p, 60 * PERCENT, 4), 20 * PERCENT);
	assert_int_equal(balance_floor(&p, 60 * PERCENT, 64), 20 * PERCENT);
	assert_int_equal(balance_floor(&p, 400 * PERCENT, 4), 40 * PERCENT);
	assert_int_equal(balance_floor(&p, 3 * PERCENT, 1), 3 * PERCENT); /* E itself */
	p.floor = 17 * PERCENT;
	assert_int_equal(balance_floor(&p, 60 * PERCENT, 64), 17 * PERCENT);
}

static struct balance_result step(const struct balance_params *p, struct balance *b, int64_t e,
				  int64_t own_ns, int64_t cost_ns, int64_t window_ns)
{
	const struct balance_window w = {
		.entitled = (uint64_t)e,
		.vcpus = 1,
		.window_ns = (uint64_t)window_ns,
		.own_ns = (uint64_t)own_ns,
		.cost_ns = (uint64_t)cost_ns,
	};
	struct balance_result out;

	balance_step(p, b, &w, &out);
	return out;
}

static void nothing_to_collect(void **ctx)
{
	struct balance_params p;
	struct balance b = { 0 };
	struct balance_result r;

	(void)ctx;
	balance_defaults(&p);
	for (int i = 0; i < 100; i++) {
		r = step(&p, &b, 60 * PERCENT, 60 * MS, 0, 100 * MS);
		assert_int_equal(r.cap, 60);
		assert_int_equal(r.debt_ns, 0);
		assert_int_equal(r.limit, 0);
	}
	assert_int_equal(b.balance_ns, 0);
	r = step(&p, &b, 60 * PERCENT, 0, 0, 0); /* no time passed */
	assert_int_equal(r.cap, 60);
	/* a cap is never 0, however small what was sold */
	memset(&b, 0, sizeof(b));
	r = step(&p, &b, PERCENT / 2, 0, 50 * MS, 100 * MS);
	assert_int_equal(r.cap, 1);
}

/* charge_factor, included, max_debt_share. */
static void what_is_taken(void **ctx)
{
	struct balance_params p;
	struct balance b = { 0 };
	struct balance_result r;

	(void)ctx;
	balance_defaults(&p);
	r = step(&p, &b, 60 * PERCENT, 0, 20 * MS, 100 * MS);
	assert_int_equal(r.taken_ns, 20 * MS);
	r = step(&p, &b, 60 * PERCENT, 0, 90 * MS, 100 * MS);
	/* half of 60 ms a window, of the first window 10 ms were left */
	assert_int_equal(r.taken_ns, 40 * MS);
	assert_int_equal(r.uncollected_ns, 50 * MS);
	assert_int_equal(b.uncollected_ns, 50 * MS);

	memset(&b, 0, sizeof(b));
	p.included = PERCENT;
	p.charge_pm = 500;
	r = step(&p, &b, 60 * PERCENT, 0, 20 * MS, 100 * MS);
	assert_int_equal(r.taken_ns, 9 * MS);
	p.charge_pm = 0;
	r = step(&p, &b, 60 * PERCENT, 0, 20 * MS, 100 * MS);
	assert_int_equal(r.taken_ns, 0);
	p.charge_pm = 1;
	p.included = 0;
	memset(&b, 0, sizeof(b));
	for (int i = 0; i < 1000; i++) /* a ns at a time: nothing is rounded away */
		step(&p, &b, 60 * PERCENT, 0, 1, 100 * MS);
	assert_int_equal(b.factor_rest, 0);
}

static void contention(void **ctx)
{
	struct contention c = { 0 };

	(void)ctx;
	for (int i = 0; i < 9; i++)
		contention_step(&c, 0, 100 * MS, 100 * MS);
	assert_false(c.collecting); /* a second is not over */
	contention_step(&c, 0, 100 * MS, 100 * MS);
	assert_true(c.collecting);
	for (int i = 0; i < 10; i++)
		contention_step(&c, 30 * MS, 100 * MS, 100 * MS);
	assert_true(c.collecting && !c.halve); /* in between: as it was */
	for (int i = 0; i < 10; i++)
		contention_step(&c, 60 * MS, 100 * MS, 100 * MS);
	assert_true(!c.collecting && c.halve);
	contention_step(&c, 60 * MS, 100 * MS, 100 * MS);
	assert_true(!c.collecting && !c.halve); /* once a second */
	for (int i = 0; i < 10; i++)
		contention_step(&c, 30 * MS, 100 * MS, 100 * MS);
	assert_true(!c.collecting && !c.halve);
}

/* An uncapped VM keeps a debt for a second's idleness or two; a capped one always. */
static void forgiveness(void **ctx)
{
	struct balance_window w = {
		.entitled = 60 * PERCENT, .vcpus = 1, .window_ns = 100 * MS, .halve = true
	};
	struct balance_params p;
	struct balance b = { .balance_ns = -101 * MS,
			     .rate = 30 * PERCENT,
			     .entitled = 60 * PERCENT };
	struct balance_result r;

	(void)ctx;
	balance_defaults(&p);
	p.collect = COLLECT_CONTENTION;
	balance_step(&p, &b, &w, &r);
	assert_int_equal(b.balance_ns, -101 * MS / 2);
	assert_int_equal(b.forgiven_ns, 101 * MS / 2);
	assert_int_equal(r.rate, 60 * PERCENT);
	assert_int_equal(r.limit, 0); /* nobody waits: the guard rests too */
	w.halve = false;
	w.cost_ns = 500 * MS;
	balance_step(&p, &b, &w, &r); /* costs nobody anything */
	assert_int_equal(b.balance_ns, -101 * MS / 2);
	w.halve = true;
	p.collect = COLLECT_ALWAYS;
	b.balance_ns = -100 * MS;
	w.own_ns = 60 * MS;
	w.cost_ns = 0;
	balance_step(&p, &b, &w, &r);
	assert_int_equal(b.balance_ns, -100 * MS);
	assert_int_equal(b.forgiven_ns, 101 * MS / 2);
	assert_int_equal(r.limit, 0); /* its cap can still repay */
	b.rate = 6 * PERCENT;
	w.own_ns = 60 * MS;
	w.cost_ns = 10 * MS;
	balance_step(&p, &b, &w, &r);
	assert_int_equal(r.limit, 54 * PERCENT); /* E - floor */
}

static void scope(void **ctx)
{
	const uint8_t vm[2] = { 0x0c, 0 }, same[2] = { 0x08, 1 }, other[2] = { 0x03, 1 };

	(void)ctx;
	assert_true(balance_scope(SCOPE_AUTO, vm, same, 2));
	assert_false(balance_scope(SCOPE_AUTO, vm, other, 2));
	assert_true(balance_scope(SCOPE_ALL, vm, other, 2));
	assert_false(balance_scope(SCOPE_NONE, vm, same, 2));
}

/* ------------------------------------------------------------------ */
/* The loop                                                            */

#define RUN 1200 /* windows at most */
#define LAGS 4

struct plant {
	double d0, kappa; /* cost = d0 + kappa own, per cent */
	int lag, window_ms, from; /* the load begins in window `from` */
	int windows;
	double most; /* that the driver domain can burn, per cent */
	bool guarded; /* it keeps to the limit */
	double own[RUN], total[RUN];
	struct balance b;
};

/* A VM that takes all it may, 60 % entitled. */
static void loop(struct plant *x)
{
	struct balance_params p;
	double cap[LAGS + 1], limit = 0;

	balance_defaults(&p);
	p.max_share_pm = 10000;
	for (int i = 0; i <= LAGS; i++)
		cap[i] = 60;
	for (int t = 0; t < x->windows; t++) {
		/* what was written `lag - 1` windows ago acts now */
		double own = t < x->from ? 0 : cap[(t + LAGS + 2 - x->lag) % (LAGS + 1)];
		double cost = t < x->from ? 0 : x->d0 + x->kappa * own;
		struct balance_result r;

		if (x->most && cost > x->most)
			cost = x->most;
		if (x->guarded && limit > 0 && cost > limit)
			cost = limit;
		x->own[t] = own;
		x->total[t] = own + cost;
		r = step(&p, &x->b, 60 * PERCENT, (int64_t)(own * x->window_ms * 10000),
			 (int64_t)(cost * x->window_ms * 10000), x->window_ms * MS);
		cap[(t + 1) % (LAGS + 1)] = r.cap;
		limit = (double)r.limit * 100 / (double)BALANCE_CPU;
	}
}

static double mean(const double *v, int n)
{
	double s = 0;

	for (int i = 0; i < n; i++)
		s += v[i];
	return s / n;
}

/* s after which each mean over a second is within 2 points of 60 */
static double settled(const struct plant *x)
{
	int each = 1000 / x->window_ms;

	for (int t = x->windows - each; t > x->from; t--)
		if (fabs(mean(x->total + t, each) - 60) > 2)
			return (t + 1 - x->from) * x->window_ms / 1000.0;
	return 0;
}

/* the worst error of a mean over 10 s, from 10 s after the load began */
static double worst(const struct plant *x)
{
	int ten = 10000 / x->window_ms;
	double most = 0, e;

	for (int t = x->from + ten; t + ten <= x->windows; t++) {
		e = fabs(mean(x->total + t, ten) - 60);
		most = e > most ? e : most;
	}
	return most;
}

/* variance of its own share over 100 ms */
static double ripple(const struct plant *x)
{
	int from = x->from + 10000 / x->window_ms, n = x->windows - from;
	double m = mean(x->own + from, n), s = 0;

	for (int t = from; t < x->windows; t++)
		s += (x->own[t] - m) * (x->own[t] - m);
	return s / n;
}

static void run(double d0, double kappa, int lag, double settle, double error)
{
	struct plant x = { .d0 = d0, .kappa = kappa, .lag = lag, .window_ms = 100, .from = 50 };

	x.windows = 600;
	loop(&x);
	if (settled(&x) > settle || worst(&x) > error || ripple(&x) > 0.64)
		print_message("d0 %g kappa %g lag %d: settled %.1f s, 10 s mean off by %.2f, "
			      "ripple %.2f\n",
			      d0, kappa, lag, settled(&x), worst(&x), ripple(&x));
	assert_true(settled(&x) <= settle);
	assert_true(worst(&x) <= error);
	assert_true(ripple(&x) <= 0.64);
}

/* Cost from a tenth of the VM's own CPU to six times that, seen one to three windows late. */
static void stable(void **ctx)
{
	static const double kappa[] = { 0.1, 0.5, 1, 1.5, 2, 3, 6 };

	(void)ctx;
	for (int lag = 1; lag <= 3; lag++) {
		for (unsigned int i = 0; i < sizeof(kappa) / sizeof(*kappa); i++)
			run(0, kappa[i], lag, 3.5, 0.1);
		/* and 40 points that do not depend on it: a flood */
		for (unsigned int i = 0; kappa[i] < 2; i++)
			run(40, kappa[i], lag, 5.5, 0.1);
	}
}

/* Cost that no cap repays: without a limit it goes on, with it the sum is E. */
static void limited(void **ctx)
{
	struct plant x = { .d0 = 80, .lag = 2, .window_ms = 100, .from = 50, .windows = 600 };
	struct plant y = x;

	(void)ctx;
	loop(&x);
	assert_true(mean(x.total + 400, 200) > 85.5);
	assert_true(x.b.uncollected_ns > 10 * 1000 * MS); /* 26 points for 55 s */
	y.guarded = true;
	loop(&y);
	assert_true(fabs(mean(y.total + 200, 400) - 60) < 0.3);
	assert_true(y.b.uncollected_ns < x.b.uncollected_ns / 10);
}

/* What a window is charged too much, because it came late, is no change of load. */
static void late_charges(void **ctx)
{
	struct balance_params p;
	struct balance b = { 0 };
	struct balance_result r = { .cap = 40 };

	(void)ctx;
	balance_defaults(&p);
	p.max_share_pm = 10000;
	for (int t = 0; t < 200; t++)
		r = step(&p, &b, 40 * PERCENT, r.cap * MS, (int64_t)r.cap * MS, 100 * MS);
	assert_int_equal(r.cap, 20);
	/* two windows' in one */
	r = step(&p, &b, 40 * PERCENT, 20 * MS, 40 * MS, 100 * MS);
	assert_in_range(r.cap, 17, 19);
}

/* The load ends: the cap is back within two seconds. */
static void recovers(void **ctx)
{
	struct balance_params p;
	struct balance b = { 0 };
	struct balance_result r = { .cap = 60 };
	int t;

	(void)ctx;
	balance_defaults(&p);
	p.max_share_pm = 10000;
	for (t = 0; t < 200; t++)
		r = step(&p, &b, 60 * PERCENT, r.cap * MS, 6 * (int64_t)r.cap * MS, 100 * MS);
	assert_in_range(r.cap, 8, 9);
	for (t = 0; r.cap < 60; t++) {
		r = step(&p, &b, 60 * PERCENT, r.cap * MS, 0, 100 * MS);
		assert_true(t < 20);
	}
}

/*
 * Half a second of cost that no cap could foresee.  Once, what is beyond max_debt is let go; each
 * five seconds, it is owed.
 */
static void twice_is_a_habit(void **ctx)
{
	struct balance_params p;
	struct balance b = { 0 };
	struct balance_result r = { .cap = 60 };
	uint64_t lost[5];

	(void)ctx;
	balance_defaults(&p);
	p.max_share_pm = 10000;
	for (int cycle = 0; cycle < 5; cycle++) {
		uint64_t before = b.uncollected_ns;

		for (int t = 0; t < 50; t++)
			r = step(&p, &b, 60 * PERCENT, r.cap * MS, t < 5 ? 115 * MS : 0, 100 * MS);
		lost[cycle] = b.uncollected_ns - before;
	}
	assert_true(lost[0] > 200 * MS);
	for (int cycle = 1; cycle < 5; cycle++)
		assert_true(lost[cycle] < 40 * MS);
}

/* A burst that the VM had saved for does not slow it. */
static void saved_for(void **ctx)
{
	struct balance_params p;
	struct balance b = { 0 };
	struct balance_result r;

	(void)ctx;
	balance_defaults(&p);
	for (int t = 0; t < 10; t++)
		step(&p, &b, 60 * PERCENT, 20 * MS, 0, 100 * MS);
	assert_int_equal(b.balance_ns, 120 * MS); /* full: 200 ms of E */
	r = step(&p, &b, 60 * PERCENT, 50 * MS, 100 * MS, 100 * MS);
	assert_int_equal(r.cap, 60);
	r = step(&p, &b, 60 * PERCENT, 60 * MS, 100 * MS, 100 * MS);
	assert_true(r.cap < 60);
}

/* ------------------------------------------------------------------ */
/* Random histories                                                    */

struct model {
	int64_t low, high, e, floor;
};

static void look(const struct balance *b, const struct balance_result *r, const struct model *m)
{
	int64_t most = m->e / PERCENT;

	assert_true(b->balance_ns >= m->low && b->balance_ns <= m->high);
	assert_true(r->rate >= m->floor && r->rate <= m->e);
	assert_true(r->cap >= 1 && r->cap <= (most ? most : 1));
	assert_true(r->debt_ns == (b->balance_ns < 0 ? (uint64_t)-b->balance_ns : 0));
	assert_true(!r->limit || (r->debt_ns && (int64_t)r->limit == m->e - m->floor));
}

/*
 * Each ns is somewhere: what was gained less what was spent is the balance, but for what was
 * cut off below (said) and above (allowed by nobody).
 */
static void history(void **ctx)
{
	(void)ctx;
	for (int round = 0; round < 300; round++) {
		int64_t e = (1 + (int64_t)(rnd() % 400)) * PERCENT, window = 100 * MS, sum = 0;
		struct balance b = { 0 };
		struct balance_params p;
		struct model m = { .e = e };
		int64_t rates = 0, caps = 0;

		balance_defaults(&p);
		p.max_share_pm = (unsigned int)(rnd() % 2000);
		p.max_debt_ms = (unsigned int)(rnd() % 1000);
		p.burst_ms = (unsigned int)(rnd() % 1000);
		m.floor = balance_floor(&p, e, 1);
		m.low = -(e * (p.max_debt_ms > p.habit_ms ? p.max_debt_ms : p.habit_ms) / 1000);
		m.high = e * p.burst_ms / 1000;
		for (int i = 0; i < 300; i++) {
			int64_t own = (int64_t)(rnd() % (uint64_t)(e / 10));
			int64_t cost = rnd() % 3 ? (int64_t)(rnd() % (uint64_t)(e / 5)) : 0;
			struct balance_result r = step(&p, &b, e, own, cost, window);
			uint64_t refused = (uint64_t)cost - r.taken_ns;

			sum += e / 10 - own - (int64_t)r.taken_ns +
			       (int64_t)(r.uncollected_ns - refused);
			sum = sum > m.high ? m.high : sum;
			assert_true(sum == b.balance_ns);
			look(&b, &r, &m);
			rates += r.rate;
			caps += (int64_t)r.cap * PERCENT;
			if (r.rate == e)
				rates = caps = 0; /* nothing is carried beyond what was sold */
			else
				assert_true(llabs(rates - caps) <= PERCENT);
		}
	}
}

/* The more was burned for it, the less it has. */
static void monotone(void **ctx)
{
	(void)ctx;
	for (int round = 0; round < 200000; round++) {
		int64_t e = (5 + (int64_t)(rnd() % 400)) * PERCENT;
		struct balance_params p;
		struct balance a = { .entitled = e,
				     .rate = e / 8 + (int64_t)(rnd() % (uint64_t)e) / 2 };
		struct balance b;
		int64_t own = (int64_t)(rnd() % (uint64_t)(e / 10));
		int64_t cost = (int64_t)(rnd() % (uint64_t)(e / 5));
		int64_t more = cost + (int64_t)(rnd() % (uint64_t)(e / 5));
		struct balance_result less, much;

		balance_defaults(&p);
		a.balance_ns = (int64_t)(rnd() % (uint64_t)(e / 4)) - e / 5;
		a.own_avg = (int64_t)(rnd() % (uint64_t)e);
		a.cost_avg = (int64_t)(rnd() % (uint64_t)e);
		a.share_ns = (int64_t)(rnd() % (uint64_t)e);
		b = a;
		less = step(&p, &a, e, own, cost, 100 * MS);
		much = step(&p, &b, e, own, more, 100 * MS);
		assert_true(b.balance_ns <= a.balance_ns);
		assert_true(much.rate <= less.rate + e / 1000); /* kappa is whole 1/1000 */
		assert_true(much.uncollected_ns >= less.uncollected_ns);
	}
}

/* Clocks and ledgers may say anything. */
static void nonsense(void **ctx)
{
	static const uint64_t odd[] = { 0, 1, 1000000000u, 1ull << 40, 1ull << 62, UINT64_MAX };

	(void)ctx;
	for (int round = 0; round < 1000; round++) {
		struct balance b = { 0 };
		struct balance_params p;

		balance_defaults(&p);
		p.charge_pm = 10000;
		p.max_share_pm = 10000;
		p.max_debt_ms = p.burst_ms = 60000;
		for (int i = 0; i < 100; i++) {
			struct balance_window w = {
				.entitled = odd[rnd() % 6],
				.vcpus = (unsigned int)rnd(),
				.window_ns = odd[rnd() % 6],
				.own_ns = odd[rnd() % 6],
				.cost_ns = odd[rnd() % 6],
			};
			struct balance_result r;

			balance_step(&p, &b, &w, &r);
			assert_true(r.cap >= 1 && r.cap <= 100u * BALANCE_CPUS);
			assert_true(r.rate >= 0 && r.rate <= b.entitled);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(seed_example),
		cmocka_unit_test(book_clamps),
		cmocka_unit_test(floors),
		cmocka_unit_test(nothing_to_collect),
		cmocka_unit_test(what_is_taken),
		cmocka_unit_test(contention),
		cmocka_unit_test(forgiveness),
		cmocka_unit_test(scope),
		cmocka_unit_test(stable),
		cmocka_unit_test(limited),
		cmocka_unit_test(late_charges),
		cmocka_unit_test(recovers),
		cmocka_unit_test(twice_is_a_habit),
		cmocka_unit_test(saved_for),
		cmocka_unit_test(history),
		cmocka_unit_test(monotone),
		cmocka_unit_test(nonsense),
	};

	return cmocka_run_group_tests_name("balance", tests, NULL, NULL);
}
