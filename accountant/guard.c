/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guard.c - see guard.h.
 */
#include "accountant/guard.h"

#include "common/divide.h"

#include <stdlib.h>

#define SECOND 1000000000ull
#define MS 1000000ull
#define RATE_MAX (4096 * SECOND)
#define RATIO_ONE 1024u
#define RATIO_FIRST (RATIO_ONE + RATIO_ONE / 2)
#define RATIO_MAX (16 * RATIO_ONE)
#define RATIO_NS (3 * SECOND) /* over which the ratio is measured */
#define LATE_NS (20 * SECOND) /* charges may come late: what they lack is believed slowly */
#define LATE_MAX 2 /* s of the rate: no charge comes later than that */
#define RECENT_NS (100 * MS)
#define NS_MAX (1ull << 60)

__extension__ typedef unsigned __int128 wide;

uint64_t guard_lower(uint64_t a, uint64_t b)
{
	return !a ? b : !b || a < b ? a : b;
}

static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
	wide x = (wide)a * b / c;

	return x > NS_MAX ? NS_MAX : (uint64_t)x;
}

/* ------------------------------------------------------------------ */
/* charged/claimed                                                     */

/* 1/RATIO_ONE.  Until something was charged: too high rather than too low. */
static uint64_t ratio(const struct guard *g)
{
	uint64_t r =
		g->claimed_sum ? scale(g->charged_sum, RATIO_ONE, g->claimed_sum) : RATIO_FIRST;

	return r > RATIO_MAX ? RATIO_MAX : r < 1 ? 1 : r;
}

static uint64_t decay(uint64_t sum, uint64_t ns)
{
	return ns >= RATIO_NS ? 0 : sum - scale(sum, ns, RATIO_NS);
}

/* Charges come in lumps: each is compared with all that was claimed since the last one. */
static void measure(struct guard *g, uint64_t claimed, uint64_t charged, uint64_t tick_ns)
{
	g->pending = g->pending + claimed < NS_MAX ? g->pending + claimed : NS_MAX;
	g->pending_ns += tick_ns;
	if (!charged || !g->pending)
		return;
	g->charged_sum = decay(g->charged_sum, g->pending_ns) + charged;
	g->claimed_sum = decay(g->claimed_sum, g->pending_ns) + g->pending;
	g->pending = g->pending_ns = 0;
}

/* ------------------------------------------------------------------ */
/* The bucket                                                          */

static uint64_t gain(struct guard *g, uint64_t rate, uint64_t tick_ns)
{
	wide exact = (wide)rate * tick_ns + g->rest;

	g->rest = (uint64_t)(exact % SECOND);
	return (uint64_t)(exact / SECOND);
}

/* What the ratio was wrong by: too little at once, too much slowly. */
static int64_t mend(struct guard *g, uint64_t tick_ns)
{
	int64_t part = g->error;

	if (part < 0)
		part = -(int64_t)scale((uint64_t)-part, tick_ns, LATE_NS);
	g->error -= part;
	return part;
}

/* Bucket and tick together are GUARD_BURST_MS of the rate. */
static void fill(struct guard *g, uint64_t rate, uint64_t cost, uint64_t charged, uint64_t tick_ns)
{
	uint64_t tick = tick_ns < GUARD_BURST_MS * MS / 2 ? tick_ns : GUARD_BURST_MS * MS / 2;
	int64_t depth = (int64_t)scale(rate, GUARD_BURST_MS * MS - tick, SECOND);
	int64_t low = -(int64_t)scale(rate, GUARD_DENY_MS, 1000);

	g->error += (int64_t)charged - (int64_t)cost;
	if (g->error < -(int64_t)(LATE_MAX * rate))
		g->error = -(int64_t)(LATE_MAX * rate);
	g->level += (int64_t)gain(g, rate, tick) - (int64_t)cost - mend(g, tick_ns);
	if (g->level > depth)
		g->level = depth;
	if (g->level < low) {
		g->let_go_ns += (uint64_t)(low - g->level);
		g->level = low;
	}
}

/* ------------------------------------------------------------------ */
/* The lanes                                                           */

static uint64_t claims(struct guard_lane *lane, size_t n, uint64_t tick_ns)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		struct guard_lane *l = &lane[i];
		uint64_t here;

		if (!l->known || l->spent < l->seen) /* a new one */
			*l = (struct guard_lane){ .spent = l->spent,
						  .seen = l->spent,
						  .known = true };
		here = l->spent - l->seen;
		l->seen = l->spent;
		l->recent -= tick_ns < RECENT_NS ? scale(l->recent, tick_ns, RECENT_NS) : l->recent;
		l->recent += here < NS_MAX / 1024 ? here : NS_MAX / 1024;
		sum += here < NS_MAX / 1024 ? here : NS_MAX / 1024;
	}
	return sum < NS_MAX ? sum : NS_MAX;
}

/* Three quarters of the bucket evenly, the rest by what was spent lately. */
static void wants(const struct guard_lane *lane, size_t n, uint64_t all, uint64_t *want)
{
	uint64_t recent = 0;

	for (size_t i = 0; i < n; i++)
		recent += lane[i].recent;
	for (size_t i = 0; i < n; i++) {
		uint64_t held =
			lane[i].allowed > lane[i].spent ? lane[i].allowed - lane[i].spent : 0;
		uint64_t part = recent ? scale(all / 4, lane[i].recent, recent) : all / 4 / n;

		part += all / 4 * 3 / n;
		want[i] = part > held ? part - held : 0;
	}
}

static bool give(const struct guard *g, struct guard_lane *lane, size_t n)
{
	uint64_t all = g->level > 0 ? scale((uint64_t)g->level, RATIO_ONE, ratio(g)) : 0, held = 0;
	uint64_t *want = calloc(2 * n + 1, sizeof(*want)), *part;

	if (!want)
		return false;
	part = want + n;
	for (size_t i = 0; i < n; i++) {
		if (lane[i].allowed < lane[i].spent)
			lane[i].allowed = lane[i].spent; /* new, or a request that was longer */
		held += lane[i].allowed - lane[i].spent;
	}
	wants(lane, n, all, want);
	fit_ns(all > held ? all - held : 0, want, (unsigned int)n, part);
	for (size_t i = 0; i < n; i++) {
		lane[i].allowed += part[i];
		if (!lane[i].allowed)
			lane[i].allowed = 1; /* 0 would be no limit */
	}
	free(want);
	return true;
}

static void open_all(struct guard_lane *lane, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lane[i].allowed = 0;
}

/* What was charged since the last step. */
static uint64_t growth(struct guard *g, uint64_t charged)
{
	uint64_t more = g->known && charged > g->charged ? charged - g->charged : 0;

	g->charged = charged;
	g->known = true;
	return more < NS_MAX / 1024 ? more : NS_MAX / 1024;
}

bool guard_step(struct guard *g, uint64_t rate, uint64_t charged, struct guard_lane *lane,
		size_t lanes, uint64_t tick_ns)
{
	uint64_t claimed = claims(lane, lanes, tick_ns), more;

	if (!g->known) /* from here on, as charges: else the ratio is wrong for long */
		claimed = 0;
	more = growth(g, charged);
	measure(g, claimed, more, tick_ns);
	if (!rate || !lanes) {
		open_all(lane, lanes);
		g->limited = false;
		return true;
	}
	if (!g->limited) {
		/* what was spent without a limit is nobody's fault */
		g->limited = true;
		g->level = g->error = 0;
		claimed = more = 0;
	}
	fill(g, rate < RATE_MAX ? rate : RATE_MAX, scale(claimed, ratio(g), RATIO_ONE), more,
	     tick_ns);
	return give(g, lane, lanes);
}
