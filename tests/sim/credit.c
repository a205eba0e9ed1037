/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * credit.c - Xen's credit scheduler, as in 4.17: credits by weight every 30 ms, a cap that
 * parks, and no more than a slice of debt remembered.  One global queue; no boost.
 */
#include "tests/sim/sim.h"

#define PERIOD (30 * MS)
#define SLICE ((int64_t)PERIOD)

static bool active(const struct dom *d)
{
	for (unsigned int i = 0; i < d->vcpus; i++)
		if (d->vcpu[i].runnable || d->vcpu[i].credit < 0)
			return true;
	return false;
}

static void account(struct vcpu *v, int64_t more, int64_t cap)
{
	v->credit += more;
	if (v->credit < 0) {
		v->over = true;
		if (cap && v->credit < -cap)
			v->parked = true;
		if (v->credit < -SLICE)
			v->credit = -SLICE;
		return;
	}
	v->over = v->parked = false;
	if (v->credit > SLICE)
		v->credit /= 2;
}

static int64_t peak(const struct dom *d)
{
	return d->cap ? SLICE * d->cap / 100 : SLICE * d->vcpus;
}

/* A pool's: shares by weight; what capped domains may not take, the others get. */
static void share(struct sim *s, unsigned int cpus)
{
	int64_t left = __builtin_popcount(cpus) * SLICE, weights = 0, fair[DOMS];
	bool in[DOMS] = { false }, again = true;

	for (unsigned int i = 0; i < s->doms; i++) {
		fair[i] = -1;
		in[i] = s->dom[i].vcpu[0].cpus == cpus && active(&s->dom[i]);
		weights += in[i] ? s->dom[i].weight : 0;
	}
	while (again && weights) {
		const int64_t all = left, of = weights;

		again = false;
		for (unsigned int i = 0; i < s->doms; i++) {
			const struct dom *d = &s->dom[i];

			if (!in[i] || fair[i] >= 0 || all * d->weight / of < peak(d))
				continue;
			fair[i] = peak(d);
			left -= fair[i];
			weights -= d->weight;
			again = true;
		}
	}
	for (unsigned int i = 0; i < s->doms; i++) {
		struct dom *d = &s->dom[i];

		if (in[i] && fair[i] < 0 && weights > 0)
			fair[i] = left * d->weight / weights;
		for (unsigned int k = 0; in[i] && k < d->vcpus; k++)
			account(&d->vcpu[k], fair[i] / d->vcpus, SLICE * d->cap / 100 / d->vcpus);
	}
}

static void refill(struct sim *s)
{
	/* pools do not overlap: each once, with its first domain */
	for (unsigned int i = 0; i < s->doms; i++) {
		unsigned int cpus = s->dom[i].vcpu[0].cpus, first = 0;

		while (s->dom[first].vcpu[0].cpus != cpus)
			first++;
		if (first == i)
			share(s, cpus);
	}
}

static void wake(struct sim *s, struct vcpu *v)
{
	(void)s;
	(void)v;
}

static void burn(struct sim *s, struct vcpu *v, uint64_t ns)
{
	(void)s;
	v->credit -= (int64_t)ns;
}

static bool may_run(const struct vcpu *v)
{
	return !v->parked;
}

static bool before(const struct vcpu *a, const struct vcpu *b)
{
	if (a->over != b->over)
		return !a->over;
	return a->order < b->order;
}

static bool preempts(const struct vcpu *a, const struct vcpu *b)
{
	return !a->over && b->over;
}

static uint64_t slice(struct sim *s, struct vcpu *v, const struct vcpu *next)
{
	(void)s;
	(void)v;
	(void)next;
	return PERIOD;
}

const struct sched sched_credit = { "credit", PERIOD, refill,	wake, burn,
				    may_run,  before, preempts, slice };
