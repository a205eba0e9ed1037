/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * engine.c - see sim.h: timers, CPUs, work.
 */
#include "tests/sim/sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ */
/* Chance, timers                                                      */

uint64_t sim_rnd(struct sim *s)
{
	uint64_t z = s->seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

double sim_uniform(struct sim *s)
{
	return (double)(sim_rnd(s) >> 11) / (double)(1ull << 53);
}

uint64_t sim_exponential(struct sim *s, uint64_t mean)
{
	return (uint64_t)(-log(1 - sim_uniform(s)) * (double)mean);
}

static bool earlier(const struct timer *a, const struct timer *b)
{
	return a->at < b->at || (a->at == b->at && a->seq < b->seq);
}

void sim_at(struct sim *s, uint64_t at, void (*fire)(struct sim *s, void *arg), void *arg)
{
	struct timer t = { .at = at, .seq = s->seq++, .fire = fire, .arg = arg };
	unsigned int i = s->timers++;

	if (s->timers > s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->timer = realloc(s->timer, s->room * sizeof(*s->timer));
		if (!s->timer)
			abort();
	}
	for (; i && earlier(&t, &s->timer[(i - 1) / 2]); i = (i - 1) / 2)
		s->timer[i] = s->timer[(i - 1) / 2];
	s->timer[i] = t;
}

static struct timer first(struct sim *s)
{
	struct timer top = s->timer[0], t = s->timer[--s->timers];
	unsigned int i = 0, c;

	while ((c = 2 * i + 1) < s->timers) {
		if (c + 1 < s->timers && earlier(&s->timer[c + 1], &s->timer[c]))
			c++;
		if (!earlier(&s->timer[c], &t))
			break;
		s->timer[i] = s->timer[c];
		i = c;
	}
	s->timer[i] = t;
	return top;
}

/* ------------------------------------------------------------------ */
/* Domains                                                             */

void sim_init(struct sim *s, const struct sched *sched, unsigned int cpus, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->sched = sched;
	s->cpus = cpus;
	s->seed = seed;
}

void sim_free(struct sim *s)
{
	free(s->timer);
	s->timer = NULL;
}

struct dom *sim_dom(struct sim *s, const char *name, unsigned int vcpus, unsigned int cpus,
		    unsigned int weight, unsigned int cap)
{
	struct dom *d = &s->dom[s->doms];

	*d = (struct dom){
		.name = name, .nth = s->doms++, .vcpus = vcpus, .weight = weight, .cap = cap
	};
	for (unsigned int i = 0; i < vcpus; i++) {
		struct vcpu *v = &d->vcpu[i];

		*v = (struct vcpu){ .dom = d, .nth = i, .all = s->vcpus, .cpus = cpus };
		v->tail = &v->queue;
		s->vcpu[s->vcpus++] = v;
	}
	return d;
}

void sim_hog(struct sim *s, struct dom *d, bool on)
{
	for (unsigned int i = 0; i < d->vcpus; i++) {
		d->vcpu[i].hog = on;
		if (on)
			sim_wake(s, &d->vcpu[i]);
	}
}

void sim_wake(struct sim *s, struct vcpu *v)
{
	if (v->runnable)
		return;
	v->runnable = true;
	v->last_ran = s->now;
	v->order = s->orders++;
	s->sched->wake(s, v);
}

void sim_work(struct sim *s, struct vcpu *v, struct job *j)
{
	j->next = NULL;
	*v->tail = j;
	v->tail = &j->next;
	v->queued++;
	sim_wake(s, v);
}

static struct job *next_job(struct sim *s, struct vcpu *v)
{
	struct job *j = v->queue;

	if (!j)
		return v->dom->fetch ? v->dom->fetch(s, v) : NULL;
	v->queue = j->next;
	if (!v->queue)
		v->tail = &v->queue;
	v->queued--;
	return j;
}

/* ------------------------------------------------------------------ */
/* CPUs                                                                */

static void account(struct sim *s, uint64_t ns)
{
	for (unsigned int i = 0; i < s->cpus; i++) {
		struct vcpu *v = s->cpu[i].now;

		if (!v) {
			s->cpu[i].idle_ns += ns;
			continue;
		}
		v->ran_ns += ns;
		v->dom->ran_ns += ns;
		v->last_ran = s->now;
		if (v->job)
			v->job->left_ns -= ns;
		s->sched->burn(s, v, ns);
	}
	for (unsigned int i = 0; i < s->vcpus; i++) {
		struct vcpu *v = s->vcpu[i];

		if (!v->runnable || v->running)
			continue;
		if (s->now - v->last_ran > v->pause_ns)
			v->pause_ns = s->now - v->last_ran;
		if (s->sched->may_run(v)) {
			v->waited_ns += ns;
			v->dom->waited_ns += ns;
		}
	}
}

static void stop(struct sim *s, struct cpu *c)
{
	c->now->running = false;
	c->now->order = s->orders++;
	c->now = NULL;
}

/* Whoever is done goes on to what is next. */
static void finish(struct sim *s, struct cpu *c)
{
	struct vcpu *v = c->now;

	while (v && (!v->job || !v->job->left_ns)) {
		struct job *j = v->job;

		v->job = NULL;
		if (j)
			j->done(s, j);
		v->job = next_job(s, v);
		if (v->job && v->job->left_ns)
			return;
		if (v->job)
			continue;
		if (!v->hog) {
			v->runnable = false;
			stop(s, c);
		}
		return;
	}
}

static struct vcpu *best(struct sim *s, unsigned int cpu)
{
	struct vcpu *b = NULL;

	for (unsigned int i = 0; i < s->vcpus; i++) {
		struct vcpu *v = s->vcpu[i];

		if (!v->runnable || v->running || !(v->cpus >> cpu & 1) || !s->sched->may_run(v))
			continue;
		if (!b || s->sched->before(v, b))
			b = v;
	}
	return b;
}

static void start(struct sim *s, unsigned int cpu, struct vcpu *v)
{
	struct cpu *c = &s->cpu[cpu];
	uint64_t ns;

	c->now = v;
	v->running = true;
	ns = s->sched->slice(s, v, best(s, cpu));
	c->slice_end = ns < NEVER - s->now ? s->now + ns : NEVER;
	c->since = s->now;
	finish(s, c); /* it may have been woken for nothing */
}

static bool decide(struct sim *s, unsigned int cpu)
{
	struct cpu *c = &s->cpu[cpu];
	struct vcpu *v;

	if (c->now && (c->slice_end <= s->now || !s->sched->may_run(c->now)))
		stop(s, c);
	v = best(s, cpu);
	if (!v)
		return false;
	if (c->now) {
		if (!s->sched->preempts(v, c->now))
			return false;
		stop(s, c);
	}
	start(s, cpu, v);
	return true;
}

static void schedule(struct sim *s)
{
	bool again = true;

	for (unsigned int i = 0; i < s->cpus; i++)
		finish(s, &s->cpu[i]);
	while (again) {
		again = false;
		for (unsigned int i = 0; i < s->cpus; i++)
			if (!s->cpu[i].now)
				again |= decide(s, i);
		for (unsigned int i = 0; i < s->cpus; i++)
			again |= decide(s, i);
	}
}

static uint64_t horizon(const struct sim *s)
{
	uint64_t at = s->timers ? s->timer[0].at : NEVER;

	for (unsigned int i = 0; i < s->cpus; i++) {
		const struct cpu *c = &s->cpu[i];

		if (!c->now)
			continue;
		if (c->slice_end < at)
			at = c->slice_end;
		if (c->now->job && s->now + c->now->job->left_ns < at)
			at = s->now + c->now->job->left_ns;
	}
	return at;
}

static void refill(struct sim *s, void *arg)
{
	(void)arg;
	s->sched->refill(s);
	sim_at(s, s->now + s->sched->refill_ns, refill, NULL);
}

void sim_run(struct sim *s, uint64_t until)
{
	if (!s->now)
		refill(s, NULL);
	schedule(s);
	for (;;) {
		uint64_t at = horizon(s), ns;

		if (at > until)
			at = until;
		ns = at - s->now;
		s->now = at;
		if (ns)
			account(s, ns);
		if (at == until)
			return;
		while (s->timers && s->timer[0].at <= s->now) {
			struct timer t = first(s);

			t.fire(s, t.arg);
		}
		schedule(s);
	}
}
