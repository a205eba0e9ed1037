/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/drr.h"

#include <stddef.h>

#define COST_MAX (INT64_MAX / 4) /* so that no sum overflows */

void drr_init(struct drr *d, uint32_t quantum, unsigned int most)
{
	TAILQ_INIT(&d->awake);
	d->quantum = quantum ? quantum : 1;
	d->most = most ? most : 1;
}

void drr_flow_init(struct drr_flow *f)
{
	*f = (struct drr_flow){ .left = 0 };
}

void drr_wake(struct drr *d, struct drr_flow *f)
{
	if (f->awake)
		return;
	f->awake = true;
	TAILQ_INSERT_TAIL(&d->awake, f, link);
}

static void end_turn(struct drr *d, struct drr_flow *f)
{
	f->turn = false;
	f->served = 0;
	/* its turn ended by `most`: no hoard */
	if (f->left > d->quantum)
		f->left = d->quantum;
}

void drr_sleep(struct drr *d, struct drr_flow *f)
{
	if (!f->awake)
		return;
	TAILQ_REMOVE(&d->awake, f, link);
	f->awake = false;
	end_turn(d, f);
	if (f->left > 0)
		f->left = 0;
}

/* All are in debt: the rounds in which nobody would be served, at once. */
static void skip_rounds(struct drr *d)
{
	int64_t rounds = INT64_MAX, need;
	struct drr_flow *f;

	TAILQ_FOREACH(f, &d->awake, link) {
		need = (d->quantum - f->left) / d->quantum; /* until left is above 0 */
		if (need < rounds)
			rounds = need;
	}
	if (rounds <= 1)
		return;
	TAILQ_FOREACH(f, &d->awake, link)
		f->left += (rounds - 1) * d->quantum;
}

struct drr_flow *drr_next(struct drr *d)
{
	struct drr_flow *first_idle = NULL, *f;

	while ((f = TAILQ_FIRST(&d->awake))) {
		if (!f->turn) {
			if (f == first_idle)
				skip_rounds(d);
			f->turn = true;
			f->left += d->quantum;
		}
		if (f->left > 0 && f->served < d->most)
			return f;
		if (!f->served && !first_idle)
			first_idle = f;
		end_turn(d, f);
		TAILQ_REMOVE(&d->awake, f, link);
		TAILQ_INSERT_TAIL(&d->awake, f, link);
	}
	return NULL;
}

void drr_charge(struct drr_flow *f, uint64_t cost)
{
	f->left -= cost > COST_MAX ? COST_MAX : (int64_t)cost;
	if (f->left < -COST_MAX)
		f->left = -COST_MAX;
	f->served++;
}
