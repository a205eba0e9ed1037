/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.c - the collector: in each window it asks the scheduler what VMs ran, the
 * accountants what they charged, and writes the caps of capped VMs and the weights of others.
 */
#include "tests/sim/world.h"

#include <stdlib.h>

#define LOOKS (500 * MS) /* as collector/windows.c */
#define PHASE (37 * MS) /* its windows do not begin with the accountants' */

static uint64_t published(const struct world *w, unsigned int dom)
{
	uint64_t ns = 0;

	for (unsigned int i = 0; i < w->drivers; i++)
		ns += w->driver[i].published[dom] + w->driver[i].published[DOMS + dom];
	return ns;
}

/* Over all driver domains together: to each by what it costs. */
static void implicit(struct world *w, unsigned int dom, uint64_t limit)
{
	uint64_t all = published(w, dom);

	for (unsigned int i = 0; i < w->drivers; i++) {
		struct driver *d = &w->driver[i];

		d->implicit[dom] = limit && all
					   ? (uint64_t)((double)limit * (double)d->published[dom] /
							(double)all)
					   : limit;
	}
}

static void capped(struct world *w, struct managed *m, uint64_t own, uint64_t cost)
{
	const struct collector *c = &w->collector;
	const struct balance_window in = {
		.entitled = m->cap * (uint64_t)BALANCE_GRAIN,
		.vcpus = m->dom->vcpus,
		.window_ns = c->window_ns,
		.own_ns = own,
		.cost_ns = cost,
		.collecting = c->contention.collecting,
		.halve = c->contention.halve,
	};

	balance_step(&c->params, &m->balance, &in, &m->is);
	m->dom->cap = m->is.cap;
	implicit(w, m->dom->nth, m->is.limit);
}

static void uncapped(struct world *w, uint64_t window_ns)
{
	struct collector *c = &w->collector;
	struct balance_params p = c->params;
	struct weights_vm vm[DOMS];
	unsigned int who[DOMS], n = 0;

	p.collect = COLLECT_CONTENTION;
	for (unsigned int i = 0; i < c->vms; i++)
		if (!c->vm[i].cap) {
			who[n] = i;
			vm[n++] = c->vm[i].weights;
		}
	if (!n)
		return;
	if (!weights_step(&p, &c->contention, vm, n, window_ns))
		abort();
	for (unsigned int i = 0; i < n; i++) {
		struct managed *m = &c->vm[who[i]];

		m->weights = vm[i];
		m->is = vm[i].is;
		m->dom->weight = vm[i].write;
		implicit(w, m->dom->nth, m->is.limit);
	}
}

static void contended(struct world *w, uint64_t window_ns)
{
	struct collector *c = &w->collector;
	uint64_t idle = 0, all = w->sim.cpus * window_ns;

	for (unsigned int i = 0; i < w->sim.cpus; i++)
		idle += w->sim.cpu[i].idle_ns;
	contention_step(&c->contention, idle - c->idle, all, window_ns);
	c->idle = idle;
}

/* As Xen tells it: of a moment.  dom0 looks, and whoever had its CPU waits meanwhile. */
static bool waits(const struct sim *s, const struct dom *d)
{
	for (unsigned int i = 0; i < d->vcpus; i++)
		if (d->vcpu[i].runnable && (!d->vcpu[i].running || s->cpu[0].now == &d->vcpu[i]))
			return true;
	return false;
}

/* 0..1000 */
static unsigned int part_waited(struct sim *s, struct managed *m, uint64_t window_ns)
{
	uint64_t ns = m->dom->waited_ns - m->waited;
	int64_t part = (int64_t)(window_ns < LOOKS / 4 ? window_ns : LOOKS / 4);

	m->waited = m->dom->waited_ns;
	if (!world_of(s)->collector.sampled)
		return (unsigned int)((ns < window_ns ? ns : window_ns) * 1000 / window_ns);
	m->seen += ((waits(s, m->dom) ? 1000 : 0) - m->seen) * part / (int64_t)LOOKS;
	return (unsigned int)m->seen;
}

static void window(struct sim *s, void *arg)
{
	struct world *w = arg;
	struct collector *c = &w->collector;
	uint64_t ns = s->now - c->began;

	c->began = s->now;
	contended(w, ns);
	for (unsigned int i = 0; i < c->vms; i++) {
		struct managed *m = &c->vm[i];
		uint64_t own = m->dom->ran_ns - m->own, cost = published(w, m->dom->nth) - m->cost;

		m->own += own;
		m->cost += cost;
		if (m->cap) {
			if (s->now >= c->from)
				capped(w, m, own, cost);
			continue;
		}
		m->weights.own_ns = own;
		m->weights.cost_ns = cost;
		m->weights.waits = part_waited(s, m, ns);
	}
	if (s->now >= c->from)
		uncapped(w, ns);
	sim_at(s, s->now + c->window_ns + (c->late_ns ? sim_rnd(s) % c->late_ns : 0), window, w);
}

void world_manage(struct world *w, struct dom *d)
{
	struct managed *m = &w->collector.vm[w->collector.vms++];

	*m = (struct managed){ .dom = d, .cap = d->cap };
	m->weights.weight = d->weight;
	m->weights.vcpus = d->vcpus;
}

void collector_begin(struct world *w)
{
	if (w->collector.window_ns)
		sim_at(&w->sim, PHASE, window, w);
}
