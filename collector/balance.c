/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * balance.c - see balance.h.
 */
#include "collector/balance.h"

#include <stddef.h>

#define SECOND 1000000000ll
#define SHARE_NS SECOND /* belief and what is included are spent within a second */
#define HABIT_NS (30 * SECOND) /* in which it is forgotten */
#define MOST_NS (10 * SECOND) /* in which the largest E is forgotten */
#define KAPPA_MAX 100000 /* 1/1000 */
#define COST_CPUS (16 * BALANCE_CPUS)

__extension__ typedef __int128 wide;

void balance_defaults(struct balance_params *p)
{
	*p = (struct balance_params){
		.alpha_pm = 300,
		.repay_ms = 3000,
		.kappa_ms = 500,
		.jump_pm = 600,
		.lag = 2,
		.max_debt_ms = 250,
		.habit_ms = 1000,
		.burst_ms = 200,
		.charge_pm = 1000,
		.max_share_pm = 500,
		.collect = COLLECT_ALWAYS,
	};
}

void balance_defaults_credit(struct balance_params *p)
{
	balance_defaults(p);
	p->jump_pm = 10000;
}

const char *balance_valid(const struct balance_params *p)
{
	const uint64_t most = (uint64_t)BALANCE_CPUS * BALANCE_CPU;

	if (p->alpha_pm < 1 || p->alpha_pm > 1000)
		return "alpha";
	if (p->repay_ms < 500 || p->repay_ms > 60000)
		return "repay";
	if (p->kappa_ms < 100 || p->kappa_ms > 60000)
		return "kappa";
	if (p->jump_pm > 10000)
		return "jump";
	if (p->lag > 100)
		return "lag";
	if (p->max_debt_ms > 60000)
		return "max_debt";
	if (p->habit_ms > 60000)
		return "habit";
	if (p->burst_ms > 60000)
		return "burst";
	if (p->charge_pm > 10000)
		return "charge_factor";
	if (p->max_share_pm > 10000)
		return "max_debt_share";
	if (p->included > most)
		return "included";
	if (p->floor > most)
		return "floor";
	if (p->collect != COLLECT_ALWAYS && p->collect != COLLECT_CONTENTION)
		return "collect";
	return NULL;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
	return x < low ? low : x > high ? high : x;
}

/* a * b / c, c > 0, towards 0 */
static int64_t scale(int64_t a, int64_t b, int64_t c)
{
	return (int64_t)((wide)a * b / c);
}

/* At most `most`; peers and clocks may say anything. */
static int64_t sane(uint64_t x, int64_t most)
{
	return x > (uint64_t)most ? most : (int64_t)x;
}

uint64_t balance_book(int64_t *balance, int64_t gain, int64_t spent, int64_t low, int64_t high)
{
	int64_t now = *balance + gain - spent;
	uint64_t lost = now < low ? (uint64_t)(low - now) : 0;

	/* what it had below `low`, for that has moved, is lost with it */
	*balance = clamp(now, low, high);
	return lost;
}

int64_t balance_floor(const struct balance_params *p, int64_t entitled, unsigned int vcpus)
{
	int64_t part = entitled / 10;
	int64_t each = (vcpus < 4 ? (int64_t)vcpus : 4) * (BALANCE_CPU / 20);
	int64_t least = p->floor ? (int64_t)p->floor : part > each ? part : each;

	return least < entitled ? least : entitled;
}

/* ------------------------------------------------------------------ */
/* What of the cost is taken                                           */

/* Gains `rate` for the window, holds a second's worth of `most`; gives at most `want`. */
static int64_t bucket(int64_t *held, int64_t rate, int64_t most, int64_t window, int64_t want)
{
	int64_t given;

	*held = clamp(*held + scale(rate, window, SECOND), 0, scale(most, SHARE_NS, SECOND));
	given = want < *held ? want : *held;
	*held -= given;
	return given;
}

static int64_t factor(const struct balance_params *p, struct balance *b, int64_t cost)
{
	wide exact = (wide)cost * p->charge_pm + (wide)b->factor_rest;

	b->factor_rest = (uint64_t)(exact % 1000);
	return (int64_t)(exact / 1000);
}

/* What may be taken; what is above it in *refused. */
static int64_t take(const struct balance_params *p, struct balance *b, int64_t entitled,
		    int64_t window, int64_t cost, int64_t *refused)
{
	int64_t rate = scale(entitled, p->max_share_pm, 1000), taken;
	int64_t included = (int64_t)p->included;

	cost = factor(p, b, cost);
	cost -= bucket(&b->included_ns, included, included, window, cost);
	taken = bucket(&b->share_ns, rate, scale(b->most, p->max_share_pm, 1000), window, cost);
	*refused = cost - taken;
	return taken;
}

/* ------------------------------------------------------------------ */
/* The law                                                             */

/*
 * kappa in 1/1000.  Rises at once and falls slowly: one that is too high makes the
 * loop slower, one that is too low would make it unstable.
 */
static int64_t kappa(const struct balance_params *p, struct balance *b, int64_t window, int64_t own,
		     int64_t cost)
{
	int64_t tau = (int64_t)p->kappa_ms * 1000000;
	int64_t part = window < tau ? window : tau;
	int64_t now, avg;

	b->own_avg += scale(own - b->own_avg, part, tau);
	b->cost_avg += scale(cost - b->cost_avg, part, tau);
	/* one that hardly runs has no slope to speak of */
	if (own < BALANCE_GRAIN)
		own = BALANCE_GRAIN;
	now = scale(cost, 1000, own);
	avg = scale(b->cost_avg, 1000, b->own_avg > BALANCE_GRAIN ? b->own_avg : BALANCE_GRAIN);
	return clamp(now > avg ? now : avg, 0, KAPPA_MAX);
}

/* u in whole per cent, at least 1, at most `most`; the mean of many is the mean of u. */
static unsigned int whole(struct balance *b, int64_t most)
{
	int64_t want, cap;

	if (b->rate >= most)
		b->carry = 0;
	want = b->rate + b->carry;
	cap = want / BALANCE_GRAIN;
	cap = clamp(cap, 1, most / BALANCE_GRAIN ? most / BALANCE_GRAIN : 1);
	b->carry = clamp(want - cap * BALANCE_GRAIN, -BALANCE_GRAIN, BALANCE_GRAIN);
	return (unsigned int)cap;
}

/* E may change: the operator sold another, or others of the pool woke up. */
static void follow(struct balance *b, int64_t entitled)
{
	if (b->rate && b->entitled)
		b->rate = scale(b->rate, entitled, b->entitled);
	else
		b->rate = entitled;
	b->entitled = entitled;
}

static void forgive(struct balance *b)
{
	int64_t half;

	if (b->balance_ns >= 0)
		return;
	half = -b->balance_ns - -b->balance_ns / 2;
	b->balance_ns += half;
	b->forgiven_ns += (uint64_t)half;
}

static void result(struct balance *b, int64_t floor, bool on, struct balance_result *out)
{
	out->rate = b->rate;
	out->debt_ns = b->balance_ns < 0 ? (uint64_t)-b->balance_ns : 0;
	if (!on || !out->debt_ns || b->rate > floor + (b->entitled - floor) / 4)
		b->limited = false;
	else if (b->rate <= floor && b->entitled > floor)
		b->limited = true;
	if (b->limited)
		out->limit = (uint64_t)(b->entitled - floor);
}

/*
 * alpha in 1/1000.  Far above E, and what is charged alone that much: a whole step at once, and
 * then none until it is seen in what is measured.  What a VM ran itself beyond its part of a
 * window is the scheduler's order: others have it in the next.
 */
static int64_t gain(const struct balance_params *p, struct balance *b, int64_t error, int64_t own,
		    int64_t cost)
{
	int64_t over = own < b->entitled ? own + cost - b->entitled : cost;

	if (b->hold) {
		b->hold--;
		return 0;
	}
	if (error >= 0 || over <= scale(b->entitled, p->jump_pm, 1000))
		return p->alpha_pm;
	b->hold = p->lag;
	return 1000;
}

/*
 * What it may and does not use is not what it spends too much: a cap far above that is no
 * brake.  Its peak, for own CPU comes in bursts.
 */
static void unused(struct balance *b, int64_t own, int64_t error)
{
	int64_t slow = b->own_peak - b->own_peak / 4 + own / 4;

	b->own_peak = own > slow ? own : slow;
	if (error < 0 && b->own_peak < b->rate - 2 * BALANCE_GRAIN)
		b->rate = b->own_peak;
}

/*
 * How deep the debt may be.  What a change of load overdraws before the loop has answered is
 * let go beyond max_debt, once: to repay it all would hold the VM down for seconds.  Who does it
 * again owes it: the limit grows by what was let go lately, a second later, up to habit.
 */
static int64_t deepest(const struct balance_params *p, struct balance *b, int64_t window)
{
	int64_t base = scale(b->most, p->max_debt_ms, 1000);
	int64_t most = scale(b->most, p->habit_ms, 1000);

	b->past -= scale(b->past, window, HABIT_NS > window ? HABIT_NS : window);
	b->calm_ns += window;
	if (b->calm_ns >= SECOND) {
		b->past += b->fresh;
		b->fresh = 0;
	}
	b->past = clamp(b->past, 0, most > base ? most - base : 0);
	return base + b->past;
}

static void let_go(struct balance *b, uint64_t lost)
{
	if (!lost)
		return;
	b->fresh += (int64_t)lost;
	b->calm_ns = 0;
}

/* `now`, or what is left of the largest of late. */
static int64_t lately(int64_t largest, int64_t now, int64_t window)
{
	int64_t slow = largest - scale(largest, window, MOST_NS > window ? MOST_NS : window);

	return now > slow ? now : slow;
}

/*
 * E of an uncapped VM is of one window: its floor is that part of E that it is of the largest
 * of late.  As a rate it would be all of a small E, and u/E would stay at 1 when E is back.
 */
static int64_t floor_now(const struct balance_params *p, const struct balance *b,
			 unsigned int vcpus)
{
	if (p->collect == COLLECT_ALWAYS || b->most <= b->entitled)
		return balance_floor(p, b->entitled, vcpus);
	return scale(balance_floor(p, b->most, vcpus), b->entitled, b->most);
}

/* Moves u. */
static void move(const struct balance_params *p, struct balance *b, int64_t window, int64_t own,
		 int64_t cost, int64_t floor)
{
	int64_t error = b->entitled + scale(b->balance_ns, 1000, p->repay_ms) - own - cost, k;

	/* a burst that it had saved for is no reason to slow it */
	if (error < 0 && b->balance_ns > 0)
		error = 0;
	unused(b, own, error);
	k = kappa(p, b, window, own, cost);
	b->rate += scale(error, gain(p, b, error, own, cost), 1000 + k);
	b->rate = clamp(b->rate, floor, b->entitled);
}

/* Books the window; returns what was spent below the deepest debt. */
static uint64_t collect(const struct balance_params *p, struct balance *b, int64_t e,
			int64_t window, int64_t spent)
{
	uint64_t lost = balance_book(&b->balance_ns, scale(e, window, SECOND), spent,
				     -deepest(p, b, window), scale(b->most, p->burst_ms, 1000));

	let_go(b, lost);
	return lost;
}

/*
 * E of an uncapped VM is what it used, while it wants no more: a VM that rests for a moment keeps
 * its debt, and how much of its part it had.
 */
static bool rests(const struct balance_params *p, struct balance *b, int64_t e, int64_t window)
{
	b->most = lately(b->most, e, window);
	return p->collect == COLLECT_CONTENTION && e < b->most / 4;
}

void balance_step(const struct balance_params *p, struct balance *b, const struct balance_window *w,
		  struct balance_result *out)
{
	int64_t e = sane(w->entitled, BALANCE_CPUS * BALANCE_CPU);
	int64_t window = sane(w->window_ns, BALANCE_WINDOW_MAX_NS);
	int64_t own = sane(w->own_ns, BALANCE_CPUS * window);
	int64_t cost = sane(w->cost_ns, COST_CPUS * window);
	int64_t floor, refused = 0, taken;
	bool on = p->collect == COLLECT_ALWAYS || w->collecting;
	bool still = rests(p, b, e, window) || !e;

	*out = (struct balance_result){ 0 };
	if (!still)
		follow(b, e);
	floor = floor_now(p, b, w->vcpus);
	if (window && on) {
		taken = take(p, b, e, window, cost, &refused);
		out->taken_ns = (uint64_t)taken;
		out->uncollected_ns = (uint64_t)refused + collect(p, b, e, window, own + taken);
		b->uncollected_ns += out->uncollected_ns;
		if (!still)
			move(p, b, window, scale(own, SECOND, window), scale(taken, SECOND, window),
			     floor);
	} else if (window) {
		b->rate = b->entitled;
		if (w->halve)
			forgive(b);
	}
	out->cap = whole(b, b->entitled);
	result(b, floor, on, out);
}

/* ------------------------------------------------------------------ */

void contention_step(struct contention *c, uint64_t idle_ns, uint64_t all_ns, uint64_t window_ns)
{
	c->idle_ns += idle_ns < all_ns ? idle_ns : all_ns;
	c->all_ns += all_ns;
	c->passed_ns += window_ns;
	c->halve = false;
	if (c->passed_ns < (uint64_t)SECOND || !c->all_ns)
		return;
	if (c->idle_ns < c->all_ns / 20)
		c->collecting = true;
	else if (c->idle_ns > c->all_ns / 2)
		c->collecting = false;
	c->halve = !c->collecting && c->idle_ns > c->all_ns / 2;
	c->idle_ns = c->all_ns = c->passed_ns = 0;
}

bool balance_scope(enum balance_scope scope, const uint8_t *vm_cpus, const uint8_t *driver_cpus,
		   size_t bytes)
{
	if (scope != SCOPE_AUTO)
		return scope == SCOPE_ALL;
	for (size_t i = 0; i < bytes; i++)
		if (vm_cpus[i] & driver_cpus[i])
			return true;
	return false;
}
