/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * charge.c - see charge.h.
 */
#include "accountant/charge.h"

#include "accountant/limits.h"
#include "accountant/worker.h"
#include "common/clock.h"
#include "common/divide.h"

#include <stdlib.h>
#include <string.h>

#define PUBLISH_NS 1000000000u /* a backend tells its clocks more often than that */
#define BUSY_GRAIN_NS 20000000 /* two ticks of the kernel */

/* ------------------------------------------------------------------ */
/* What is due                                                         */

static uint64_t min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Claims come in lumps, of each CPU. */
static uint64_t due_max(const struct carry *c)
{
	return (c->cpus ? c->cpus : 1) * DUE_MAX_NS;
}

static void claimed(struct domain *d, uint64_t ns)
{
	struct carry *c = &d->carry;
	int64_t ahead = (int64_t)due_max(c) / 2; /* of busy time claims are no more than that */

	c->claimed_ns = sat_add(c->claimed_ns, ns);
	if (!c->cpus)
		return;
	c->other_ns -= (int64_t)min_ns(ns, due_max(c));
	if (c->other_ns < -ahead)
		c->other_ns = -ahead;
}

void charge_own(struct domain *d, uint64_t ns)
{
	claimed(d, ns);
	d->carry.own_due_ns = sat_add(d->carry.own_due_ns, ns);
}

/*
 * What a vCPU runs on its way into idleness and out of it is idle time for its kernel: it
 * adds up, where the grain of what we read does not.
 */
void charge_busy(struct domain *d, unsigned int cpus, uint64_t busy_ns, uint64_t ran_ns)
{
	struct carry *c = &d->carry;
	int64_t busy, before = c->other_ns;

	c->cpus = cpus;
	busy = (int64_t)min_ns(busy_ns, due_max(c));
	c->beyond_ns += (int64_t)min_ns(ran_ns, due_max(c)) - busy;
	if (c->beyond_ns > 0) {
		busy += c->beyond_ns;
		c->beyond_ns = 0;
	} else if (c->beyond_ns < -BUSY_GRAIN_NS) {
		c->beyond_ns = -BUSY_GRAIN_NS;
	}
	c->other_ns += busy;
	if (c->other_ns > 0)
		c->claimed_ns = sat_add(c->claimed_ns, (uint64_t)(before > 0 ? busy : c->other_ns));
}

void charge_not_busy(struct domain *d)
{
	d->carry.cpus = 0;
	d->carry.other_ns = d->carry.beyond_ns = 0;
}

void charge_due(struct worker *w, struct domain *d, struct account *x, uint64_t ns, uint64_t sent,
		enum basis basis)
{
	if (!ns)
		return;
	claimed(d, ns);
	basis_add(x->due_basis_ns, &x->due_ns, basis, ns);
	x->due_sent_ns = sat_add(x->due_sent_ns, sent);
	x->based |= basis != BASIS_THREAD;
	account_touch(&w->accounts, x);
	account_active(&w->accounts, x);
	if (x->is_owing)
		return;
	x->is_owing = true;
	x->owing = d->owing;
	d->owing = x;
}

/* Row 0 is nobody: what he pays stays unattributed. */
static void due(struct worker *w, struct link *k, unsigned int row, uint64_t ns, uint64_t sent,
		enum basis basis)
{
	struct payer *p = &k->payer[row];

	if (p->account) {
		charge_due(w, k->domain, p->account, ns, sent, basis);
	} else if (p->held) {
		basis_add(p->held->basis_ns, &p->held->charged_ns, basis, ns);
		p->dirty = true;
	}
}

static void divide_lane(struct worker *w, struct link *k, struct lane *l, uint64_t delta,
			enum basis basis)
{
	unsigned int n = l->ntouched;
	uint64_t *weight, *part, total;

	if (!delta)
		return;
	weight = calloc(2 * (size_t)n + 1, sizeof(*weight));
	if (!weight)
		n = 0;
	total = carry_take(&l->is.carried_ns, delta, n > 0);
	k->dirty = true;
	part = weight + n;
	for (unsigned int i = 0; i < n; i++)
		weight[i] = l->row[l->touched[i]].weight;
	if (n)
		divide_ns(total, weight, n, part);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int row = l->touched[i];

		due(w, k, row, part[i], part_ns(part[i], l->row[row].sent, weight[i]), basis);
		l->row[row].weight = l->row[row].sent = 0;
	}
	l->ntouched = weight ? 0 : l->ntouched;
	free(weight);
}

/* ------------------------------------------------------------------ */
/* Lanes' clocks                                                       */

void charge_begin(struct lane *l, uint64_t age_ns)
{
	uint64_t now = now_ns();
	uint64_t age = age_ns ? age_ns : PUBLISH_NS;

	l->looked_ns = now > age ? now - age : 1;
	l->since_ns = age_ns ? l->looked_ns : 0;
}

/*
 * What the clock can have grown by.  The value before was published after
 * our last look that did not see it: `since_ns`.  The first look at an epoch has
 * nothing to compare with: only the measurement limits it.
 */
static uint64_t grown(struct link *k, struct lane *l, unsigned int lane)
{
	uint64_t before = l->is.state.cpu_ns, look = now_ns();
	uint64_t cpu = acctring_reader_cpu(k->reader, lane), delta, most;
	/* the first look at an epoch, or the first since its payers waited for dom0's word */
	bool late = !l->since_ns || look - l->looked_ns > CARRY_MS * 1000000ull;

	if (acctring_reader_lane(k->reader, lane, &l->is.state))
		return 0;
	if (before == CPU_UNKNOWN) {
		l->is.state.cpu_ns = cpu ? cpu : CPU_UNKNOWN;
		l->since_ns = l->looked_ns;
		l->looked_ns = look;
		return 0;
	}
	if (cpu < before)
		cpu = before;
	l->is.state.cpu_ns = cpu;
	delta = most = cpu - before;
	if (delta && l->since_ns)
		most = clock_clamp(delta, now_ns() - l->since_ns);
	if (delta)
		l->since_ns = l->looked_ns;
	l->looked_ns = look;
	if (late)
		charge_late(k->domain, most);
	if (most < delta) {
		k->domain->s.overclaimed_ns = sat_add(k->domain->s.overclaimed_ns, delta - most);
		k->domain->dirty = true;
	}
	return most;
}

void charge_link(struct worker *w, struct link *k)
{
	if (!k->reader || k->state == LINK_HOLDING)
		return;
	for (unsigned int i = 0; i < k->e.lanes; i++) {
		struct lane *l = &k->lane[i];
		uint64_t delta = grown(k, l, i);

		k->e.cpu_ns = sat_add(k->e.cpu_ns, delta);
		divide_lane(w, k, l, delta, (enum basis)acctring_reader_basis(k->reader, i));
		/* positions may move without a post, e.g. after a roll-back */
		if (memcmp(&l->is, &l->stored, sizeof(l->is)))
			k->dirty = true;
	}
}

/* ------------------------------------------------------------------ */
/* Settlement                                                          */

void charge_measured(struct domain *d, uint64_t ns, uint64_t now)
{
	struct carry *c = &d->carry;
	uint64_t room = charge_room(d), most;

	if (!c->since_ms || now - c->since_ms >= CARRY_MS) {
		/* as we begin, claims for what came before are still on their way */
		c->before_ns = c->since_ms ? c->since_ns : UINT64_MAX;
		c->since_ns = 0;
		c->since_ms = now ? now : 1;
	}
	most = sat_add(sat_add(c->before_ns, c->since_ns), c->late_ns);
	if (room > most)
		c->closed_ns += room - most;
	c->since_ns = sat_add(c->since_ns, ns);
	d->s.measured_ns += ns;
	d->dirty = true;
	d->fresh = true;
}

void charge_late(struct domain *d, uint64_t ns)
{
	struct carry *c = &d->carry;

	c->closed_ns -= ns < c->closed_ns ? ns : c->closed_ns;
	c->late_ns = sat_add(c->late_ns, ns);
}

uint64_t charge_room(const struct domain *d)
{
	uint64_t used = sat_add(sat_add(d->charged_ns, d->s.own_ns), d->carry.closed_ns);

	return d->s.measured_ns > used ? d->s.measured_ns - used : 0;
}

/* What is due, in this order: to nobody, to acctringd, to the accounts that owe. */
enum { OTHER, OWN, FIRST };

struct claim {
	unsigned int n;
	uint64_t *due, *part, *more; /* n each */
};

static bool claims(const struct domain *d, struct claim *c)
{
	c->n = FIRST;
	for (const struct account *x = d->owing; x; x = x->owing)
		c->n++;
	c->due = calloc(3 * (size_t)c->n, sizeof(*c->due));
	if (!c->due)
		return false; /* it stays due */
	c->part = c->due + c->n;
	c->more = c->part + c->n;
	c->due[OTHER] = d->carry.other_ns > 0 ? (uint64_t)d->carry.other_ns : 0;
	c->due[OWN] = d->carry.own_due_ns;
	c->n = FIRST;
	for (const struct account *x = d->owing; x; x = x->owing)
		c->due[c->n++] = x->due_ns;
	return true;
}

static void give(struct worker *w, struct domain *d, struct claim *c)
{
	unsigned int i = FIRST;
	uint64_t sent;

	fit_ns(charge_room(d), c->due, c->n, c->part);
	d->carry.closed_ns += c->part[OTHER];
	d->rest.got_ns = sat_add(d->rest.got_ns, sat_add(c->part[OTHER], c->part[OWN]));
	d->s.own_ns += c->part[OWN];
	for (struct account *x = d->owing; x; x = x->owing, i++) {
		if (!c->part[i])
			continue;
		sent = part_ns(c->part[i], x->due_sent_ns, x->due_ns);
		x->sent_ns += sent;
		x->due_sent_ns -= sent;
		account_charge(&w->accounts, x, c->part[i]);
		d->charged_ns += c->part[i];
	}
	for (i = 0; i < c->n; i++) {
		d->dirty |= c->part[i] > 0;
		c->due[i] -= c->part[i];
	}
}

/* At most ns that nobody paid: what was acctringd's just now (own), then what was nobody's. */
static uint64_t pay_rest(struct domain *d, uint64_t ns, uint64_t *own)
{
	uint64_t from_own = min_ns(ns, *own);
	uint64_t closed = min_ns(ns - from_own, d->carry.closed_ns);

	*own -= from_own;
	d->s.own_ns -= from_own;
	d->carry.closed_ns -= closed;
	return from_own + closed;
}

/*
 * What nobody claimed since the last time, and what acctringd burned, to VMs by what they were
 * charged now.  The part of the domain's own posts is its own.
 */
static void share_rest(struct worker *w, struct domain *d, struct claim *c)
{
	uint64_t now = now_ns(), dt = now - d->rest.at_ns, own = c->part[OWN], ns, given = 0;
	unsigned int i = FIRST;

	for (struct account *x = d->owing; x; x = x->owing, i++)
		given += account_is_vm(x) ? c->part[i] : 0;
	ns = rest_take(&d->rest, d->rest.got_ns, dt, given);
	d->rest.got_ns = 0;
	d->rest.at_ns = now;
	if (!ns || !w->conf.unclaimed)
		return;
	c->part[OTHER] = c->part[OWN] = 0;
	if (!divide_ns(ns, c->part, c->n, c->more))
		return;
	i = FIRST;
	for (struct account *x = d->owing; x; x = x->owing, i++) {
		ns = account_is_vm(x) ? pay_rest(d, c->more[i], &own) : 0;
		if (!ns)
			continue;
		d->charged_ns += ns;
		account_charge_pool(&w->accounts, x, ns);
	}
}

/*
 * The hypervisor has been asked, and has not seen them burn that much.  What it said may be older
 * than the latest claims: those since it was asked before, and since the time before that, wait.
 */
static void drop(struct domain *d, struct claim *c)
{
	uint64_t young = sat_add(d->carry.claimed_ns, d->carry.claimed_before_ns);

	d->carry.claimed_before_ns = d->carry.claimed_ns;
	d->carry.claimed_ns = 0;
	fit_ns(min_ns(young, due_max(&d->carry)), c->due, c->n, c->part);
	for (unsigned int i = 0; i < c->n; i++) {
		uint64_t over = c->due[i] - c->part[i];

		c->due[i] = c->part[i];
		if (!over || i < FIRST)
			continue;
		d->s.overclaimed_ns = sat_add(d->s.overclaimed_ns, over);
		d->dirty = true;
	}
}

static void leave(struct worker *w, struct domain *d, const struct claim *c)
{
	struct account **p = &d->owing, *x;

	if (d->carry.other_ns > 0)
		d->carry.other_ns = (int64_t)c->due[OTHER];
	d->carry.own_due_ns = c->due[OWN];
	for (unsigned int i = FIRST; i < c->n; i++) {
		x = *p;
		if (!x)
			break;
		if (x->due_ns != c->due[i])
			account_touch(&w->accounts, x);
		x->due_ns = c->due[i];
		basis_cut(x->due_basis_ns, x->due_ns);
		if (x->due_sent_ns > x->due_ns)
			x->due_sent_ns = x->due_ns;
		if (x->due_ns) {
			p = &x->owing;
			continue;
		}
		*p = x->owing;
		x->owing = NULL;
		x->is_owing = false;
	}
}

void charge_settle(struct worker *w, struct domain *d)
{
	struct claim c;

	if (!d->owing && !d->carry.own_due_ns && d->carry.other_ns <= 0)
		return;
	if (!claims(d, &c))
		return;
	give(w, d, &c);
	if (d->fresh && d->carry.cpus)
		share_rest(w, d, &c);
	if (d->fresh)
		drop(d, &c);
	d->fresh = false;
	d->carry.late_ns = 0;
	leave(w, d, &c);
	free(c.due);
}

void charge_load(struct worker *w)
{
	for (struct account *x = w->accounts.first; x; x = x->next) {
		struct domain *d = scan_domain(w, x->key.backend);
		uint64_t ns = x->due_ns;

		d->charged_ns = sat_add(d->charged_ns, x->book.charged_ns);
		if (!ns || x->is_owing)
			continue;
		d->carry.claimed_ns = sat_add(d->carry.claimed_ns, ns);
		x->is_owing = true;
		x->owing = d->owing;
		d->owing = x;
	}
}
