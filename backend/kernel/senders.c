/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * senders.c - see senders.h.
 */
#include "backend/kernel/senders.h"

#include <stdlib.h>

#include "backend/kernel/kernel.h"

/* Giving a frame costs about as much as copying a page of it. */
#define FRAME_BYTES 4096u

static struct pair *get(struct pairs *all, struct kdev *from, struct kdev *to)
{
	struct pair *p;

	LIST_FOREACH(p, &to->senders, link)
		if (p->from == from)
			return p;
	p = all->n < PAIRS_MOST ? calloc(1, sizeof(*p)) : NULL;
	if (!p)
		return NULL;
	p->from = from;
	p->to = to;
	LIST_INSERT_HEAD(&to->senders, p, link);
	TAILQ_INSERT_TAIL(&all->turns, p, turn);
	all->n++;
	return p;
}

static void forget(struct pairs *all, struct pair *p)
{
	LIST_REMOVE(p, link);
	TAILQ_REMOVE(&all->turns, p, turn);
	all->n--;
	free(p);
}

void pairs_tell(struct pairs *all, struct kdev *from, struct kdev *to, uint64_t units,
		uint64_t bytes)
{
	struct pair *p = get(all, from, to);

	if (p) {
		p->told.units += units;
		p->told.bytes += bytes;
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t weight(uint64_t units, uint64_t bytes)
{
	return units * FRAME_BYTES + bytes;
}

/*
 * The receiver's own counts, now, bound what is its senders'.  What was told and
 * is not counted yet waits, but only what was told just now.
 */
static void take_counted(struct pair *p, struct kcost *now)
{
	uint64_t units = least(p->due.units + p->told.units, now->units);
	uint64_t bytes = least(p->due.bytes + p->told.bytes, now->bytes);

	p->due.units = least(p->due.units + p->told.units - units, p->told.units);
	p->due.bytes = least(p->due.bytes + p->told.bytes - bytes, p->told.bytes);
	p->told = (struct kcost){ 0 };
	p->part = (struct kcost){ .units = weight(units, bytes) };
	p->cost.units += units;
	p->cost.bytes += bytes;
	now->units -= units;
	now->bytes -= bytes;
}

static unsigned int count(const struct kdev *to)
{
	const struct pair *p;
	unsigned int n = 0;

	LIST_FOREACH(p, &to->senders, link)
		n++;
	return n;
}

/* Of no sender that is known: what stays in to->received, and its part of the time. */
static void divide_time(struct kdev *to)
{
	struct kcost rest = { .units = weight(to->received.units, to->received.bytes) };
	struct kcost **part = calloc(count(to) + 2u, sizeof(struct kcost *));
	unsigned int n = 0;
	struct pair *p;

	if (!part)
		return;
	LIST_FOREACH(p, &to->senders, link)
		part[n++] = &p->part;
	part[n++] = &rest;
	part[n] = &rest;
	share_ns(to->received.ns, part, n);
	to->received.ns = rest.ns;
	to->pool_ns += rest.ns; /* a part of its threads' time, as its senders' */
	LIST_FOREACH(p, &to->senders, link)
		p->cost.ns += p->part.ns;
	free(part);
}

void pairs_settle(struct pairs *all, struct kdev *to)
{
	struct pair *p, *next;

	LIST_FOREACH(p, &to->senders, link)
		take_counted(p, &to->received);
	if (!LIST_EMPTY(&to->senders))
		divide_time(to);
	kcost_move(&to->cost[ACCTRING_CLASS_RX], &to->received);
	for (p = LIST_FIRST(&to->senders); p; p = next) {
		next = LIST_NEXT(p, link);
		if (!kcost_is_due(&p->cost) && !kcost_is_due(&p->due))
			forget(all, p);
	}
}

void pairs_remove(struct pairs *all, struct kdev *d)
{
	struct pair *p, *next;

	for (p = TAILQ_FIRST(&all->turns); p; p = next) {
		next = TAILQ_NEXT(p, turn);
		if (p->from == d)
			kcost_move(&p->to->cost[ACCTRING_CLASS_RX], &p->cost);
		if (p->from == d || p->to == d)
			forget(all, p);
	}
}

bool pairs_wait(const struct kdev *to)
{
	const struct pair *p;

	LIST_FOREACH(p, &to->senders, link)
		if (kcost_is_due(&p->cost))
			return true;
	return false;
}
