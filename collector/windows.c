/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows.c - in each window of a cpupool: what its VMs used, what they were
 * charged, what the law makes of it (balance.h, weights.h), and the writes.
 */
#include "collector/collector.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UPDATE_MS 1000u
#define EARLY_NS 10000000u /* a timer that is a little early ends the window */
#define LOOKS_MS 500u /* over which looks at who waits are averaged */
#define STALE_NS 10000000000u /* a window longer than that says nothing */

/* ---- costs */

bool driver_trusted(const struct collector *c, uint16_t b)
{
	unsigned int i;

	for (i = 0; i < c->config.drivers; i++)
		if (c->config.driver[i].untrusted &&
		    domains_find(&c->domains, c->config.driver[i].domain) ==
			    domains_get(&c->domains, b))
			return false;
	return true;
}

void window_charge(struct collector *c, struct debt_vm *v, uint16_t b, uint64_t ns,
		   uint64_t every_ns)
{
	const struct tree *t = tree_of(c, b);

	if ((v->why == DEBT_ON || v->why == DEBT_BLIND) && t && driver_trusted(c, b) &&
	    balance_scope(c->config.scope, v->cpus, t->cpus, CPUS_BYTES))
		cost_add(&v->cost, ns, every_ns);
}

static void charge(struct collector *c, struct debt_vm *v, uint16_t b, uint64_t ns,
		   uint64_t every_ns)
{
	struct passed to = { .backend = b, .ns = ns, .every_ns = every_ns };

	memcpy(to.uuid, v->e.uuid, 16);
	if (!through_keep(c, v, &to))
		window_charge(c, v, b, ns, every_ns);
}

/* What a statement, every_ns after the one that was seen before, charged above that; the first time nothing is. */
static void see_row(struct collector *c, struct kept *k, uint64_t every_ns)
{
	struct acctring_statement_row above;
	struct debt_vm *v = vm_by_uuid(c, k->is.uuid);
	uint64_t more;

	bill_above(&k->is, &k->base, &above);
	more = k->seen && above.charged_ns > k->seen_ns ? above.charged_ns - k->seen_ns : 0;
	k->seen = true;
	k->seen_ns = above.charged_ns;
	lately_add(&k->lately, more, through_slot());
	if (v && more)
		charge(c, v, k->is.backend, more, every_ns);
}

static void see_costs(struct collector *c)
{
	size_t i, k;

	for (i = 0; i < c->sources; i++) {
		struct source *s = c->source[i];
		/* several may have been read since: for bills, too */
		uint64_t every_ns =
			s->seen_ns && s->t_ns > s->seen_ns ? s->t_ns - s->seen_ns : s->every_ns;

		s->seen_ns = s->t_ns;
		for (k = 0; k < s->rows; k++)
			see_row(c, &s->row[k], every_ns);
	}
	through_pass(c);
}

/* The windows are some of these beats long, the more of them the longer. */
static void give_costs(struct collector *c)
{
	uint64_t since = c->debt.costs_ns ? c->domains.t_ns - c->debt.costs_ns : 0, ns;
	size_t i;

	c->debt.costs_ns = c->domains.t_ns;
	for (i = 0; i < c->debt.vms; i++) {
		struct debt_vm *v = c->debt.vm[i];

		ns = cost_take(&v->cost, since);
		v->cost_ns = ns > UINT64_MAX - v->cost_ns ? UINT64_MAX : v->cost_ns + ns;
	}
}

void windows_begin(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->debt.vms; i++) {
		memset(&c->debt.vm[i]->law, 0, sizeof(c->debt.vm[i]->law));
		memset(&c->debt.vm[i]->cost, 0, sizeof(c->debt.vm[i]->cost));
		c->debt.vm[i]->cost_ns = 0;
	}
}

static int average(int was, int is, int part)
{
	int by = (is - was) * part / (int)LOOKS_MS;

	return by ? was + by : is;
}

/* Xen tells of one moment whether a vCPU waits: so, how often it does, and how many want to run. */
static void see_waits(struct collector *c, struct debt_vm *v, const struct domain *d)
{
	uint64_t now = now_ms(), since = now - v->looked_ms;
	/* one look says little, also where it comes late */
	int part = (int)(since < LOOKS_MS / 4 ? since : LOOKS_MS / 4);
	bool waits;
	unsigned int wanted;

	v->looked_ms = now;
	if (d->stopped) { /* what it was stopped at stands there for ever */
		v->waits = v->wanted = 0;
		return;
	}
	wanted = cpus_wanted(c->xc, v->domid, v->vcpus, &waits);
	v->waits = average(v->waits, waits ? 1000 : 0, part);
	v->wanted = average(v->wanted, (int)wanted * 1000, part);
}

static void see_own(struct collector *c)
{
	const struct domain *d;
	size_t i;

	for (i = 0; i < c->debt.vms; i++) {
		struct debt_vm *v = c->debt.vm[i];

		d = domains_same(&c->domains, v->domid, v->e.uuid);
		if (!d)
			continue;
		v->paused = d->paused;
		if (v->measured && d->cpu_ns > v->cpu_ns) {
			v->own_ns += d->cpu_ns - v->cpu_ns;
			lately_add(&v->burned, d->cpu_ns - v->cpu_ns, through_slot());
		}
		v->cpu_ns = d->cpu_ns;
		v->measured = true;
		if (v->knob == KNOB_WEIGHT)
			see_waits(c, v, d);
	}
}

/* ---- writes */

static void give_back(struct collector *c, struct debt_vm *v, const char *why)
{
	size_t i;

	if (!sched_window_ms(v->kind) || entitle_empty(&v->e))
		return;
	/* each domain that has the UUID: two while it migrates */
	for (i = 0; i < c->domains.n; i++) {
		const struct domain *d = &c->domains.domain[i];

		if (uuid_equal(d->uuid, v->e.uuid) && !entitle_young(&v->e, d->domid, d->paused) &&
		    !actuate_see(&c->debt.hands, v->kind, &v->e, d->domid))
			actuate_back(&c->debt.hands, v->kind, &v->e, why);
	}
}

void windows_give_back(struct collector *c, struct debt_vm *only, const char *why)
{
	size_t i;

	for (i = 0; i < c->debt.vms; i++)
		if (!only || c->debt.vm[i] == only)
			give_back(c, c->debt.vm[i], why);
}

static void back(struct collector *c, struct debt_vm *v, const char *why)
{
	actuate_back(&c->debt.hands, v->kind, &v->e, why);
}

/* In steps of less than two per cent, so that not every number becomes one that we wrote. */
static unsigned int coarse(const struct weights_vm *law)
{
	unsigned int step = 1, value;

	if (law->write == law->weight)
		return law->weight;
	while (law->write / step >= 128)
		step *= 2;
	value = (law->write + step / 2) / step * step;
	return value > WEIGHT_MAX ? value - step : value;
}

static void apply(struct collector *c, struct debt_vm *v, enum knob_name which, unsigned int value)
{
	const struct knob *other = &v->e.knob[which == KNOB_CAP ? KNOB_WEIGHT : KNOB_CAP];

	if (c->debt.mode == MODE_DEBT) {
		if (knob_ours(other)) /* the operator set a cap, or took it away */
			back(c, v, "another knob");
		actuate_write(&c->debt.hands, v->kind, &v->e, which, (uint16_t)value, "debt");
	} else if (knob_ours(&v->e.knob[which]) || knob_ours(other)) {
		back(c, v, "born with it"); /* by a save, or on another host */
	} else if (v->value != value || v->knob != which) {
		log_debug("domain %u: in mode debt it would get %s %u", (unsigned int)v->domid,
			  which == KNOB_CAP ? "cap" : "weight", value);
	}
	v->knob = which;
	v->value = value;
}

/* ---- the law */

/* As configured, for the scheduler. */
static struct balance_params law_for(const struct collector *c, enum sched_kind kind,
				     enum balance_collect collect)
{
	struct balance_params law = c->config.law, credit;

	if (kind == SCHED_CREDIT) {
		balance_defaults_credit(&credit);
		law.jump_pm = credit.jump_pm;
	}
	law.collect = collect;
	return law;
}

static void cap_window(struct collector *c, struct debt_vm *v, uint64_t window_ns, uint64_t cost)
{
	const struct balance_params law = law_for(c, v->kind, COLLECT_ALWAYS);
	const struct balance_window w = {
		.entitled = (uint64_t)entitle_of(&v->e, KNOB_CAP) * BALANCE_GRAIN,
		.vcpus = v->vcpus,
		.window_ns = window_ns,
		.own_ns = v->own_ns,
		.cost_ns = cost,
	};

	balance_step(&law, &v->law.balance, &w, &v->law.is);
	apply(c, v, KNOB_CAP, v->law.is.cap);
}

struct weighed {
	struct debt_vm **vm;
	struct weights_vm *law;
	size_t n;
	bool any; /* one of them is served */
};

static void weights_window(struct collector *c, struct debt_pool *p, struct weighed *all,
			   uint64_t window_ns)
{
	const struct balance_params law = law_for(c, p->kind, COLLECT_CONTENTION);
	size_t i;

	if (all->any && !weights_step(&law, &p->contention, all->law, all->n, window_ns))
		return;
	for (i = 0; i < all->n; i++) {
		struct debt_vm *v = all->vm[i];

		if (!all->any) {
			back(c, v, vm_why(v->why));
			continue;
		}
		v->law = all->law[i];
		apply(c, v, KNOB_WEIGHT, coarse(&v->law));
	}
}

static void add_weighed(struct weighed *all, struct debt_vm *v, uint64_t cost)
{
	v->law.weight = entitle_of(&v->e, KNOB_WEIGHT);
	/* credit2 gives each vCPU that wants to run its domain's weight, credit divides it */
	v->law.share =
		v->kind == SCHED_CREDIT2
			? (uint64_t)v->law.weight * (v->wanted > 1000 ? (uint64_t)v->wanted : 1000)
			: 0;
	v->law.own_ns = v->own_ns;
	v->law.cost_ns = cost;
	v->law.waits = (unsigned int)v->waits;
	all->vm[all->n] = v;
	all->law[all->n++] = v->law;
	all->any |= v->why == DEBT_ON;
}

static void vm_window(struct collector *c, struct debt_vm *v, struct weighed *all,
		      uint64_t window_ns)
{
	uint64_t cost;
	bool capped;

	v->law.vcpus = v->vcpus;
	if (v->why == DEBT_ON && vm_is_blind(c, v->domid))
		v->why = DEBT_BLIND;
	cost = v->why == DEBT_BLIND ? 0 : v->cost_ns; /* or it waits */
	v->cost_ns -= cost;
	if (entitle_young(&v->e, v->domid, v->paused))
		return;
	if (v->why != DEBT_ON && v->why != DEBT_UNSERVED) {
		give_back(c, v, vm_why(v->why));
		return;
	}
	if (actuate_see(&c->debt.hands, v->kind, &v->e, v->domid))
		return;
	capped = entitle_of(&v->e, KNOB_CAP) != 0;
	if (!capped)
		add_weighed(all, v, cost);
	else if (v->why == DEBT_ON)
		cap_window(c, v, window_ns, cost);
	else
		back(c, v, vm_why(v->why));
}

static void see_idle(struct collector *c, struct debt_pool *p, uint64_t window_ns)
{
	uint64_t idle;
	unsigned int cpus;

	p->contention.halve = false;
	if (cpus_idle(c->xc, p->cpus, &idle, &cpus))
		return;
	if (p->idle_known && idle >= p->idle_ns)
		contention_step(&p->contention, idle - p->idle_ns, cpus * window_ns, window_ns);
	p->idle_ns = idle;
	p->idle_known = true;
}

static void pool_window(struct collector *c, struct debt_pool *p, uint64_t now)
{
	uint64_t window_ns = now - p->began_ns;
	struct weighed all = { 0 };
	size_t i;

	p->began_ns = now;
	see_idle(c, p, window_ns);
	all.vm = calloc(c->debt.vms + 1, sizeof(struct debt_vm *));
	all.law = calloc(c->debt.vms + 1, sizeof(*all.law));
	for (i = 0; i < c->debt.vms; i++) {
		struct debt_vm *v = c->debt.vm[i];

		if (v->pool != p->id || !v->here || !all.vm || !all.law)
			continue;
		if (window_ns < STALE_NS)
			vm_window(c, v, &all, window_ns);
		v->own_ns = 0;
	}
	weights_window(c, p, &all, window_ns);
	free(all.vm);
	free(all.law);
}

void windows_pass(struct collector *c)
{
	uint64_t now = c->domains.t_ns, least;
	size_t i;

	if (now_ms() - c->debt.updated_ms >= UPDATE_MS)
		vms_update(c);
	see_costs(c);
	give_costs(c);
	see_own(c);
	for (i = 0; i < c->debt.pools; i++) {
		struct debt_pool *p = &c->debt.pool[i];

		least = (uint64_t)sched_window_ms(p->kind) * 1000000u;
		if (least && now + EARLY_NS >= p->began_ns + least)
			pool_window(c, p, now);
	}
}
