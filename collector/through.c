/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * through.c - what a driver domain or a stub domain was charged goes on to those it worked
 * for (pass.h): a driver domain's clients by what its own ledger charged them in the last
 * seconds, the part of its own work left out; a stub domain's target.
 *
 * One whose accountant is not trusted (config.h) keeps what it is charged, and nobody pays.
 */
#include "collector/collector.h"
#include "collector/pass.h"
#include "common/clock.h"
#include "common/kv.h"

#include <stdlib.h>

#define HALF_MS 5000u /* a ledger's proportions: of the last one or two of these */

/* The parts of all domains, by their place in c->domains. */
struct parts {
	const struct pass **by;
	struct pass *pass;
	uint64_t *paid, *ledger;
	size_t n, passing;
};

void lately_add(struct lately *l, uint64_t ns, uint64_t half)
{
	if (l->half != half) {
		l->before = l->half + 1 == half ? l->now : 0;
		l->now = 0;
		l->half = half;
	}
	l->now += ns;
}

static uint64_t lately_sum(struct lately *l, uint64_t half)
{
	lately_add(l, 0, half);
	return l->before + l->now;
}

uint64_t through_half(void)
{
	return now_ms() / HALF_MS;
}

/* What it said of its own work, above what it said before. */
static void see_own(struct tree *t, uint64_t half)
{
	const struct acctring_statement_row *r = &t->state;
	int64_t idle = (int64_t)r->unattributed_ns;
	uint64_t own = r->own_ns + (idle > 0 ? (uint64_t)idle : 0);

	if (t->stated && t->own_seen && own > t->own_ns)
		lately_add(&t->own, own - t->own_ns, half);
	t->own_seen = t->stated;
	t->own_ns = own;
}

void through_see(struct collector *c)
{
	uint64_t half = through_half();
	size_t i;

	for (i = 0; i < c->trees; i++)
		see_own(&c->tree[i], half);
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

/* Rows of all accountants: it may have had several. */
static void add_clients(struct collector *c, const struct tree *t, uint64_t *ledger, uint64_t half)
{
	size_t i, k, place;

	for (i = 0; i < c->sources; i++)
		for (k = 0; k < c->source[i]->rows; k++) {
			struct kept *row = &c->source[i]->row[k];

			if (row->is.backend == t->b && place_of(c, row->is.uuid, &place))
				ledger[place] += lately_sum(&row->lately, half);
		}
}

static void add_driver(struct collector *c, struct parts *p, struct tree *t, uint64_t half)
{
	uint64_t *ledger;
	size_t place;

	if (!t->b || !driver_trusted(c, t->b) || !place_of(c, t->b_uuid, &place) || p->by[place])
		return;
	ledger = begin(p, place);
	p->pass[p->passing - 1].own = lately_sum(&t->own, half);
	add_clients(c, t, ledger, half);
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
	uint64_t half = through_half();

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
		add_driver(c, p, &c->tree[i], half);
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

static void hand_out(struct collector *c, struct parts *p, const struct passed *charge)
{
	struct debt_vm *v;
	size_t i, place;

	if (!place_of(c, charge->uuid, &place))
		return;
	p->paid[place] = charge->ns;
	pass_on(p->by, p->paid, p->n);
	for (i = 0; i < p->n; i++) {
		v = p->paid[i] && !p->by[i] ? vm_by_uuid(c, c->domains.domain[i].uuid) : NULL;
		if (v) {
			v->passed_ns += p->paid[i];
			window_charge(c, v, charge->backend, p->paid[i], charge->every_ns);
		}
		p->paid[i] = 0;
	}
}

bool through_keep(struct collector *c, const struct debt_vm *v, const struct passed *charge)
{
	struct debt *d = &c->debt;
	struct passed *grown;

	if (!v->stub && !tree_of(c, v->domid))
		return false;
	grown = reallocarray(d->passed, d->passes + 1, sizeof(*grown));
	if (grown) {
		d->passed = grown;
		d->passed[d->passes++] = *charge;
	}
	return true;
}

void through_pass(struct collector *c)
{
	struct debt *d = &c->debt;
	struct parts p;
	size_t i;

	if (!d->passes)
		return;
	if (parts_make(c, &p))
		for (i = 0; i < d->passes; i++)
			hand_out(c, &p, &d->passed[i]);
	parts_free(&p);
	d->passes = 0;
}
