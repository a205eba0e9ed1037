/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A load's own work: so many microseconds of a guest's CPU, in loops that were timed once, and how long the
 * guest was kept from it.  Clocks of a guest contain what others ran; loops do not.
 */
#ifndef XEN_PROG_SPIN_H
#define XEN_PROG_SPIN_H

#include "common/clock.h"

#include <stdint.h>

#define SPIN_STEP_US 200u

struct spin {
	uint64_t us; /* in one go */
	uint64_t loops; /* of SPIN_STEP_US */
	uint64_t pause_ns; /* longest that a step took longer */
};

static inline uint64_t spin_loops(uint64_t n)
{
	uint64_t at = now_ns();

	for (volatile uint64_t i = 0; i < n; i++)
		;
	return now_ns() - at;
}

/* The shortest of many: nobody interrupted that one. */
static inline void spin_begin(struct spin *s, uint64_t us)
{
	const uint64_t n = 20000;
	uint64_t least = UINT64_MAX, t;

	*s = (struct spin){ .us = us };
	for (unsigned int i = 0; us && i < 50; i++) {
		t = spin_loops(n);
		if (t && t < least)
			least = t;
	}
	s->loops = us ? n * SPIN_STEP_US * 1000 / least + 1 : 0;
}

static inline void spin(struct spin *s)
{
	uint64_t left = s->us, step, took;

	while (left) {
		step = left < SPIN_STEP_US ? left : SPIN_STEP_US;
		took = spin_loops(s->loops * step / SPIN_STEP_US);
		if (took > step * 1000 + s->pause_ns)
			s->pause_ns = took - step * 1000;
		left -= step;
	}
}

#endif
