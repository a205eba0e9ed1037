/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * account.c - the accountant of a driver domain, and what it grants: each 10 ms the lanes'
 * clocks are divided by common/partition.c, allowances come from guard.c and
 * share.c; each 100 ms it commits, and then the collector sees what was charged.
 */
#include "tests/sim/world.h"

#include "common/divide.h"

#include <stdlib.h>
#include <string.h>

#define TICK (10 * MS)
#define COMMIT 10 /* ticks */

static void charge(struct driver *d, unsigned int nth)
{
	struct lane *l = &d->lane[nth];
	uint64_t clock = d->dom->vcpu[nth].ran_ns - l->own_ns, total;
	bool posts = false;

	for (unsigned int r = 0; r < ROWS; r++)
		posts |= partition_active(&l->part[r]);
	clock = clock > l->clock ? clock : l->clock;
	total = carry_take(&l->carried, clock - l->clock, posts);
	l->clock = clock;
	if (!posts || !partition(BASIS_THREAD, total, NULL, l->part, ROWS))
		return;
	for (unsigned int r = 0; r < ROWS; r++)
		d->charged[r] += l->part[r].ns;
	memset(l->part, 0, sizeof(l->part));
}

static void share(struct driver *d)
{
	uint64_t busy = d->dom->ran_ns + d->dom->waited_ns;

	for (unsigned int r = 0; r < ROWS; r++)
		d->sharer[r].charged = d->charged[r];
	if (!share_step(&d->shares, d->sharer, ROWS, busy - d->waited, d->dom->vcpus * TICK, TICK))
		abort();
	d->waited = busy;
}

static void grant(struct sim *s, struct driver *d, unsigned int row)
{
	uint64_t rate = d->limit[row];

	if (row < DOMS)
		rate = guard_lower(rate, d->implicit[row]);
	if (d->share)
		rate = guard_lower(rate, d->sharer[row].rate);
	for (unsigned int i = 0; i < d->dom->vcpus; i++)
		d->guarded[row][i].spent = d->lane[i].spent[row];
	if (!guard_step(&d->guard[row], rate, d->charged[row], d->guarded[row], d->dom->vcpus,
			TICK))
		abort();
	for (unsigned int i = 0; i < d->dom->vcpus; i++)
		if (d->lane[i].queued[row])
			sim_wake(s, &d->dom->vcpu[i]);
}

static void tick(struct sim *s, void *arg)
{
	struct driver *d = arg;

	for (unsigned int i = 0; i < d->dom->vcpus; i++)
		charge(d, i);
	if (d->share)
		share(d);
	for (unsigned int r = 0; r < ROWS; r++)
		if (d->charged[r] || d->limit[r])
			grant(s, d, r);
	if (s->now / TICK % COMMIT == 0)
		memcpy(d->published, d->charged, sizeof(d->published));
	sim_at(s, s->now + TICK, tick, d);
}

static void own_done(struct sim *s, struct job *j)
{
	struct driver *d = j->arg;

	(void)s;
	d->lane[0].own_ns += d->own_ns;
}

static void own(struct sim *s, void *arg)
{
	struct driver *d = arg;

	d->own.left_ns = d->own_ns;
	sim_work(s, &d->dom->vcpu[0], &d->own);
	sim_at(s, s->now + TICK, own, d);
}

void driver_begin(struct world *w, struct driver *d)
{
	d->own.done = own_done;
	d->own.arg = d;
	sim_at(&w->sim, TICK, tick, d);
	if (d->own_ns)
		sim_at(&w->sim, 3 * MS, own, d);
}
