/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/block/fair.h"

#include <stddef.h>

void fair_init(struct fair *f)
{
	TAILQ_INIT(&f->line);
	f->floor = 0;
}

void fair_enter(struct fair *f, struct fair_guest *g)
{
	if (!g->waiting && !g->serving && g->spent < f->floor)
		g->spent = f->floor;
	if (!g->waiting++)
		TAILQ_INSERT_TAIL(&f->line, g, link);
}

struct fair_guest *fair_next(struct fair *f)
{
	struct fair_guest *g, *least = TAILQ_FIRST(&f->line);

	/* of equals the first that came */
	TAILQ_FOREACH(g, &f->line, link)
		if (g->spent < least->spent)
			least = g;
	if (!least)
		return NULL;
	least->serving++;
	TAILQ_REMOVE(&f->line, least, link);
	if (--least->waiting)
		TAILQ_INSERT_TAIL(&f->line, least, link);
	if (f->floor < least->spent)
		f->floor = least->spent;
	return least;
}

void fair_leave(struct fair_guest *g, uint64_t cost)
{
	g->serving--;
	g->spent += cost;
}
