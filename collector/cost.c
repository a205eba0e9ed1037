/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cost.c - see cost.h.
 */
#include "collector/cost.h"

#define EVERY_MIN 10000000u /* as statement_ms */
#define EVERY_MAX 60000000000u

__extension__ typedef unsigned __int128 wide;

/*
 * As long as statements come in time there are between one and two and a half of them to give out: a
 * reserve for one that is late.  What came after a long silence shortens the reserve to that, at once.
 */
void cost_add(struct cost *c, uint64_t ns, uint64_t every_ns)
{
	uint64_t most;

	if (every_ns < EVERY_MIN)
		every_ns = EVERY_MIN;
	if (every_ns > EVERY_MAX)
		every_ns = EVERY_MAX;
	most = every_ns * 5 / 2;
	c->waiting_ns = ns > UINT64_MAX - c->waiting_ns ? UINT64_MAX : c->waiting_ns + ns;
	c->span_ns = c->span_ns + every_ns < most ? c->span_ns + every_ns : most;
}

uint64_t cost_take(struct cost *c, uint64_t time_ns)
{
	uint64_t ns = c->waiting_ns;

	if (time_ns < c->span_ns)
		ns = (uint64_t)((wide)ns * time_ns / c->span_ns);
	c->span_ns -= time_ns < c->span_ns ? time_ns : c->span_ns;
	c->waiting_ns -= ns;
	return ns;
}
