/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cost.h - what was charged, between two statements.  Statements come about as often as
 * the law is applied, not in step with it, and one late now and then: what one brings is given out
 * over as much time as it was charged in, some two statements later.  So windows see the rate, and
 * not the beat of the two clocks; sums stay exact.  Pure.
 */
#ifndef COLLECTOR_COST_H
#define COLLECTOR_COST_H

#include <stdint.h>

struct cost {
	uint64_t waiting_ns; /* charged, not given out yet, */
	uint64_t span_ns; /* in so much time */
};

/* A statement brought ns, every_ns after the one before. */
void cost_add(struct cost *c, uint64_t ns, uint64_t every_ns);
/* What of it was charged in time_ns. */
uint64_t cost_take(struct cost *c, uint64_t time_ns);

#endif
