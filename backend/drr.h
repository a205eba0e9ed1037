/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * drr.h - deficit round robin on cost: who of those that have work is served
 * next, when what a service costs is known only afterwards.  Pure.
 *
 *	drr_wake(d, f);				it has work
 *	while ((f = drr_next(d))) {
 *		cost = serve(f);		a bounded piece of work
 *		drr_charge(f, cost);
 *		if (!has_work(f))
 *			drr_sleep(d, f);
 *	}
 *
 * In each round a flow may spend a quantum, and what one service costs above
 * that is a debt that it sits out.  So of two flows that always have work
 * neither gets more than the other by more than a quantum and one service;
 * and between two services of a flow each other flow has at most `most`.
 */
#ifndef BACKEND_DRR_H
#define BACKEND_DRR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct drr_flow {
	TAILQ_ENTRY(drr_flow) link; /* of those that have work */
	int64_t left; /* to spend; below 0: debt */
	unsigned int served; /* in this turn */
	bool awake, turn;
};

struct drr {
	TAILQ_HEAD(, drr_flow) awake; /* the first has its turn */
	int64_t quantum;
	unsigned int most; /* services in a turn */
};

/* quantum: a service should rarely cost more; most: at least 1. */
void drr_init(struct drr *d, uint32_t quantum, unsigned int most);
void drr_flow_init(struct drr_flow *f);
/* It has work; said again it changes nothing. */
void drr_wake(struct drr *d, struct drr_flow *f);
/* It has none.  A debt stays, what it did not spend is gone. */
void drr_sleep(struct drr *d, struct drr_flow *f);
/* Who is to be served now; NULL: nobody has work. */
struct drr_flow *drr_next(struct drr *d);
/* What a service of the flow that drr_next() gave has cost. */
void drr_charge(struct drr_flow *f, uint64_t cost);

#endif
