/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cost.h - what was charged, between two statements.  Statements come less
 * often than the law is applied, and not in step with it: what one brings is
 * spread evenly over the time until the next, and a little more.  So windows see the rate, not
 * the beat of the two clocks; sums stay exact, one statement and a
 * half later.  Pure.
 */
#ifndef COLLECTOR_COST_H
#define COLLECTOR_COST_H

#include <stdint.h>

struct cost {
	uint64_t waiting_ns; /* charged, not given out yet */
	uint64_t rate; /* ns a second */
};

/* A statement brought ns; the next one comes in about every_ns. */
void cost_add(struct cost *c, uint64_t ns, uint64_t every_ns);
/* The part of a window. */
uint64_t cost_take(struct cost *c, uint64_t window_ns);

#endif
