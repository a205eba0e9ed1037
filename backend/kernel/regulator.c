/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * regulator.c - see regulator.h.
 */
#include "backend/kernel/regulator.h"

#define SECOND 1000000000u
#define MS 1000000u
#define FIRST (SECOND / 100) /* 1 % of a CPU */
#define MOST (UINT64_C(4096) * SECOND)
#define SPAN_NS (500 * MS) /* a measurement lasts so long at least */
#define FREE_NS (600 * MS) /* so long not denied: the limit is higher than we think */
#define SOON_NS (1500 * (uint64_t)MS) /* so long denied: less will do it */
#define DEEP_NS (2 * SOON_NS) /* so long: it must rest */

static uint64_t bounded(uint64_t rate)
{
	return rate < REGULATOR_LEAST ? REGULATOR_LEAST : rate > MOST ? MOST : rate;
}

/* Uses nearly all that it has. */
static bool is_busy(const struct regulator *r, uint64_t now, uint64_t used)
{
	uint64_t ns = now - r->at;

	return ns && used - r->used >= r->quota / 4 * 3 / SECOND * ns +
					       r->quota / 4 * 3 % SECOND * ns / SECOND;
}

static void mark(struct regulator *r, uint64_t now, uint64_t used)
{
	r->from = now;
	r->from_used = used;
}

/* A denial ends. */
static void measure(struct regulator *r, uint64_t now, uint64_t used)
{
	uint64_t ns = now - r->from, is;

	if (!r->from) {
		mark(r, now, used);
		return;
	}
	if (ns < SPAN_NS)
		return;
	is = bounded((uint64_t)((double)(used - r->from_used) * SECOND / (double)ns));
	if (now - r->changed <= DEEP_NS)
		r->rate = r->rate / 2 + is / 2;
	else if (is < r->rate) /* more than that, what was let go is in it */
		r->rate = is;
	mark(r, now, used);
}

static void not_denied(struct regulator *r, uint64_t now, uint64_t used)
{
	if (r->denied)
		measure(r, now, used);
	else if (!is_busy(r, now, used))
		mark(r, now, used); /* what it left is lost: no measure of what it could */
	else if (!r->known)
		r->rate += r->rate / 2;
	else if (now - r->changed > FREE_NS) {
		r->rate += r->rate / 4;
		mark(r, now, used);
	}
	r->rate = bounded(r->rate);
	r->quota = r->known ? r->rate / 4 * 7 : r->rate;
}

static void is_denied(struct regulator *r, uint64_t now)
{
	if (!r->known)
		r->rate = bounded(r->rate / 3 * 2);
	r->known = true;
	if (!r->denied || now - r->changed <= SOON_NS)
		r->quota = r->rate / 10 * 9;
	else
		r->quota = now - r->changed <= DEEP_NS ? r->rate / 10 * 6 : r->rate / 10;
}

uint64_t regulator_step(struct regulator *r, uint64_t now, uint64_t used, bool denied)
{
	if (!r->rate)
		r->rate = FIRST;
	if (!r->at || used < r->used) { /* new, or one of its threads is no more */
		r->at = r->changed = now;
		r->used = used;
		r->from = 0;
	}
	if (denied)
		is_denied(r, now);
	else
		not_denied(r, now, used);
	if (denied != r->denied)
		r->changed = now;
	r->denied = denied;
	r->at = now;
	r->used = used;
	r->quota = bounded(r->quota);
	return r->quota;
}

void regulator_rest(struct regulator *r)
{
	r->at = r->from = 0;
	r->denied = false;
}
