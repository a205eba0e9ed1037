/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/block/fair.h"

#include <stddef.h>

void fair_init(struct fair *f)
{
	TAILQ_INIT(&f->line);
	f->floor = 0;
	f->turns = 0;
}

static void get_in_line(struct fair *f, struct fair_guest *g)
{
	g->since = f->turns;
	TAILQ_INSERT_TAIL(&f->line, g, link);
}

void fair_enter(struct fair *f, struct fair_guest *g)
{
	if (!g->waiting && !g->serving && g->spent < f->floor)
		g->spent = f->floor;
	if (!g->waiting++)
		get_in_line(f, g);
}

/* Who has cost least, of equals the first that came; or who has waited long enough. */
static struct fair_guest *pick(const struct fair *f)
{
	struct fair_guest *g, *first = TAILQ_FIRST(&f->line), *least = first;
	unsigned int others = 0;

	TAILQ_FOREACH(g, &f->line, link) {
		others += g != first;
		if (g->spent < least->spent)
			least = g;
	}
	return first && f->turns - first->since >= FAIR_TURNS * others ? first : least;
}

struct fair_guest *fair_next(struct fair *f)
{
	struct fair_guest *g = pick(f);

	if (!g)
		return NULL;
	f->turns++;
	g->serving++;
	TAILQ_REMOVE(&f->line, g, link);
	if (--g->waiting)
		get_in_line(f, g);
	if (f->floor < g->spent)
		f->floor = g->spent;
	return g;
}

void fair_leave(struct fair_guest *g, uint64_t cost)
{
	g->serving--;
	g->spent += cost;
}
