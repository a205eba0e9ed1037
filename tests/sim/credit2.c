/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * credit2.c - Xen's credit2, as in 4.17: credit burns inversely to weight, the most credit runs,
 * all are topped up when the best has none; a cap is a budget every 10 ms, overruns are
 * repaid, and a domain without budget is parked.  One runqueue.
 */
#include "tests/sim/sim.h"

#define PERIOD (10 * MS)
#define INIT ((int64_t)(10500 * US))
#define RATELIMIT MS
#define LONGEST (10 * MS)
#define WEIGHT 65536 /* against which credit burns */

static void refill(struct sim *s)
{
	for (unsigned int i = 0; i < s->doms; i++) {
		struct dom *d = &s->dom[i];
		int64_t most = (int64_t)(PERIOD * d->cap / 100);

		d->budget += most;
		if (d->budget > most)
			d->budget = most;
	}
}

static bool may_run(const struct vcpu *v)
{
	return !v->dom->cap || v->dom->budget > 0;
}

static void wake(struct sim *s, struct vcpu *v)
{
	(void)s;
	(void)v;
}

static int64_t burnt(const struct vcpu *v, uint64_t ns)
{
	return (int64_t)(ns * WEIGHT / v->dom->weight / 64);
}

static void burn(struct sim *s, struct vcpu *v, uint64_t ns)
{
	(void)s;
	v->credit -= burnt(v, ns);
	v->dom->budget -= v->dom->cap ? (int64_t)ns : 0;
}

static bool before(const struct vcpu *a, const struct vcpu *b)
{
	if (a->credit != b->credit)
		return a->credit > b->credit;
	return a->order < b->order;
}

/* Not before the rate limit, which is the shortest slice; so only from who has much less. */
static bool preempts(const struct vcpu *a, const struct vcpu *b)
{
	return a->credit > b->credit + INIT / 4;
}

static void top_up(struct sim *s)
{
	for (unsigned int i = 0; i < s->vcpus; i++) {
		struct vcpu *v = s->vcpu[i];

		v->credit = v->credit + INIT < INIT ? v->credit + INIT : INIT;
	}
}

static uint64_t slice(struct sim *s, struct vcpu *v, const struct vcpu *next)
{
	uint64_t ns = LONGEST;

	while (v->credit <= 0)
		top_up(s);
	if (next && next->credit < v->credit) {
		ns = (uint64_t)(v->credit - next->credit) * v->dom->weight * 64 / WEIGHT;
		ns = ns < LONGEST ? ns : LONGEST;
	}
	ns = !next ? LONGEST : next->credit >= v->credit || ns < RATELIMIT ? RATELIMIT : ns;
	if (v->dom->cap && v->dom->budget < (int64_t)ns)
		ns = v->dom->budget > 0 ? (uint64_t)v->dom->budget : 1;
	return ns;
}

const struct sched sched_credit2 = { "credit2", PERIOD, refill,	  wake, burn,
				     may_run,	before, preempts, slice };
