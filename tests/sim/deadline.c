/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * deadline.c - SEDF as it was until Xen 4.5, work-conserving and not, and RTDS.
 * Every vCPU has the same period, so that all deadlines are the same and only the
 * slices differ: `cap` per cent of the period, for each vCPU its part.
 */
#include "tests/sim/sim.h"

#define PERIOD (10 * MS)

static void refill(struct sim *s)
{
	for (unsigned int i = 0; i < s->vcpus; i++) {
		struct vcpu *v = s->vcpu[i];
		unsigned int share = v->dom->cap ? v->dom->cap : 100 * v->dom->vcpus;

		v->credit = (int64_t)(PERIOD * share / 100 / v->dom->vcpus);
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
	v->credit = v->credit > (int64_t)ns ? v->credit - (int64_t)ns : 0;
}

static bool has_slice(const struct vcpu *v)
{
	return v->credit > 0;
}

static bool always(const struct vcpu *v)
{
	(void)v;
	return true;
}

/* Those with a slice first; extra time in turns. */
static bool before(const struct vcpu *a, const struct vcpu *b)
{
	if (has_slice(a) != has_slice(b))
		return has_slice(a);
	return a->order < b->order;
}

static bool preempts(const struct vcpu *a, const struct vcpu *b)
{
	return has_slice(a) && !has_slice(b);
}

static uint64_t slice(struct sim *s, struct vcpu *v, const struct vcpu *next)
{
	(void)s;
	(void)next;
	return v->credit > 0 ? (uint64_t)v->credit : MS;
}

const struct sched sched_sedf = { "sedf",    PERIOD, refill,   wake, burn,
				  has_slice, before, preempts, slice };
const struct sched sched_sedf_wc = { "sedf-wc", PERIOD, refill,	  wake, burn,
				     always,	before, preempts, slice };
/* The same for one period; its budget is kept while the vCPU sleeps, its CPUs are any. */
const struct sched sched_rtds = { "rtds",    PERIOD, refill,   wake, burn,
				  has_slice, before, preempts, slice };
