/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cost.c - see cost.h.
 */
#include "collector/cost.h"

#define SECOND 1000000000u
#define EVERY_MIN 10000000u /* as statement_ms */
#define EVERY_MAX 60000000000u

__extension__ typedef unsigned __int128 wide;

void cost_add(struct cost *c, uint64_t ns, uint64_t every_ns)
{
	uint64_t rate;

	if (every_ns < EVERY_MIN)
		every_ns = EVERY_MIN;
	if (every_ns > EVERY_MAX)
		every_ns = EVERY_MAX;
	c->waiting_ns = ns > UINT64_MAX - c->waiting_ns ? UINT64_MAX : c->waiting_ns + ns;
	/*
	 * Half more: a window that comes before a late statement is not empty.
	 * Down in two steps: after such a window less is waiting, and not for good.
	 */
	every_ns += every_ns / 2;
	rate = (uint64_t)(((wide)c->waiting_ns * SECOND + every_ns - 1) / every_ns);
	c->rate = rate > c->rate ? rate : c->rate - (c->rate - rate) / 2;
}

uint64_t cost_take(struct cost *c, uint64_t window_ns)
{
	wide want = ((wide)c->rate * window_ns + SECOND - 1) / SECOND;
	uint64_t ns = want < c->waiting_ns ? (uint64_t)want : c->waiting_ns;

	c->waiting_ns -= ns;
	return ns;
}
