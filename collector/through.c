/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * through.c - what a driver domain or a stub domain was charged goes on to those it worked
 * for (pass.h): a driver domain's clients by what its own ledger charged them in the last
 * seconds, as a part of what the hypervisor saw it burn; a stub domain's target.
 *
 * One whose accountant is not trusted (config.h) keeps what it is charged, and nobody pays.
 */
#include "collector/collector.h"
#include "collector/pass.h"
#include "common/clock.h"
#include "common/kv.h"

#include <stdlib.h>

#define SLOT_MS 5000u /* a ledger's proportions: of this one, and of the one before */

/* What each domain passes on, by its place in c->domains. */
struct parts {
	const struct pass **by;
	struct pass *pass;
	uint64_t *paid, *ledger;
	size_t n, passing;
};

void lately_add(struct lately *l, uint64_t ns, uint64_t slot)
{
	if (l->slot != slot) {
		l->before = l->slot + 1 == slot ? l->now : 0;
		l->now = 0;
		l->slot = slot;
	}
	l->now += ns;
}

uint64_t lately_sum(struct lately *l, uint64_t slot)
{
	lately_add(l, 0, slot);
	return l->before + l->now;
}

uint64_t through_slot(void)
{
	return now_ms() / SLOT_MS;
}

/* ------------------------------------------------------------------ */

static bool place_of(const struct collector *c, const uint8_t uuid[16], size_t *place)
{
	const struct domain *d = domains_by_uuid(&c->domains, uuid);

	if (!d)
		return false;
	*place = (size_t)(d - c->domains.domain);
	return true;
}

static uint64_t *begin(struct parts *p, size_t place)
{
	p->by[place] = &p->pass[p->passing];
	p->pass[p->passing].ledger = p->ledger + p->passing * p->n;
	return p->ledger + p->passing++ * p->n;
}

/* Rows of all accountants: it may have had several.  Returns the sum; the dead are not in it. */
static uint64_t add_clients(struct collector *c, const struct tree *t, uint64_t *ledger,
			    uint64_t slot)
{
	uint64_t sum = 0, ns;
	size_t i, k, place;

	for (i = 0; i < c->sources; i++)
		for (k = 0; k < c->source[i]->rows; k++) {
			struct kept *row = &c->source[i]->row[k];

			if (row->is.backend != t->b || !place_of(c, row->is.uuid, &place))
				continue;
			ns = lately_sum(&row->lately, slot);
			ledger[place] += ns;
			sum += ns;
		}
	return sum;
}

/* Its own part: what it burned by the hypervisor's clock, and charged to nobody who lives. */
static void add_driver(struct collector *c, struct parts *p, const struct tree *t, uint64_t slot)
{
	struct debt_vm *v = vm_by_uuid(c, t->b_uuid);
	uint64_t *ledger, burned, served;
	size_t place;

	if (!v || v->domid != t->b || !driver_trusted(c, t->b) || !place_of(c, t->b_uuid, &place) ||
	    p->by[place])
		return;
	ledger = begin(p, place);
	served = add_clients(c, t, ledger, slot);
	burned = lately_sum(&v->burned, slot);
	p->pass[p->passing - 1].own = burned > served ? burned - served : 0;
}

static void add_stub(struct collector *c, struct parts *p, const struct debt_vm *v)
{
	const struct domain *target = domains_get(&c->domains, v->target);
	size_t place;

	if (v->stub && target && place_of(c, v->e.uuid, &place) && !p->by[place])
		begin(p, place)[target - c->domains.domain] = 1;
}

static bool parts_make(struct collector *c, struct parts *p)
{
	size_t n = c->domains.n, most = c->trees, i;
	uint64_t slot = through_slot();

	for (i = 0; i < c->debt.vms; i++)
		most += c->debt.vm[i]->stub;
	*p = (struct parts){ .n = n };
	p->by = calloc(n + 1, sizeof(*p->by));
	p->pass = calloc(most + 1, sizeof(*p->pass));
	p->paid = calloc(n + 1, sizeof(*p->paid));
	p->ledger = calloc((most + 1) * (n + 1), sizeof(*p->ledger));
	if (!p->by || !p->pass || !p->paid || !p->ledger)
		return false;
	for (i = 0; i < c->trees; i++)
		add_driver(c, p, &c->tree[i], slot);
	for (i = 0; i < c->debt.vms; i++)
		add_stub(c, p, c->debt.vm[i]);
	return true;
}

static void parts_free(struct parts *p)
{
	free(p->by);
	free(p->pass);
	free(p->paid);
	free(p->ledger);
}

/* All that the driver domain of the first charge charged, at once. */
static void hand_out(struct collector *c, struct parts *p, struct passed *charge, size_t n)
{
	const struct passed first = *charge;
	struct debt_vm *v;
	size_t i, place;

	for (i = 0; i < n; i++) {
		if (charge[i].backend == first.backend && place_of(c, charge[i].uuid, &place))
			p->paid[place] += charge[i].ns;
		if (charge[i].backend == first.backend)
			charge[i].ns = 0;
	}
	pass_on(p->by, p->paid, p->n);
	for (i = 0; i < p->n; i++) {
		v = p->paid[i] ? vm_by_uuid(c, c->domains.domain[i].uuid) : NULL;
		if (v && v->why != DEBT_EXEMPT) {
			v->passed_ns += p->paid[i];
			window_charge(c, v, first.backend, p->paid[i], first.every_ns);
		}
		p->paid[i] = 0;
	}
}

bool through_keep(struct collector *c, const struct debt_vm *v, const struct passed *charge)
{
	const struct tree *t = tree_of(c, v->domid);
	struct debt *d = &c->debt;
	struct passed *grown;

	if (!v->stub && !(t && uuid_equal(t->b_uuid, v->e.uuid)))
		return false;
	grown = reallocarray(d->passed, d->charges + 1, sizeof(*grown));
	if (grown) {
		d->passed = grown;
		d->passed[d->charges++] = *charge;
	}
	return true;
}

void through_pass(struct collector *c)
{
	struct debt *d = &c->debt;
	struct parts p;
	size_t i;

	if (!d->charges)
		return;
	if (parts_make(c, &p))
		for (i = 0; i < d->charges; i++)
			if (d->passed[i].ns)
				hand_out(c, &p, &d->passed[i], d->charges - i);
	parts_free(&p);
	d->charges = 0;
}
