/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gauge.h - which of two ways costs less here?  Both are tried, then the
 * cheaper one is taken, and the other now and then, in case that changes.
 * Pure.
 */
#ifndef BACKEND_BLOCK_GAUGE_H
#define BACKEND_BLOCK_GAUGE_H

#include <stdint.h>

#define GAUGE_FIRST 16u /* times each way, before one is preferred */
#define GAUGE_AGAIN 64u /* one in so many goes the other way */

struct gauge {
	uint64_t ns[2]; /* what each costs, smoothed */
	uint64_t n[2]; /* how often each was taken */
	uint32_t turn;
};

/* 0 or 1. */
static inline unsigned int gauge_pick(struct gauge *g)
{
	unsigned int best = g->ns[1] < g->ns[0];

	if (g->n[0] < GAUGE_FIRST || g->n[1] < GAUGE_FIRST)
		return g->n[1] < g->n[0];
	return ++g->turn % GAUGE_AGAIN ? best : !best;
}

static inline void gauge_add(struct gauge *g, unsigned int way, uint64_t ns)
{
	g->ns[way] = g->n[way]++ ? (g->ns[way] * 7 + ns) / 8 : ns;
}

#endif
