/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * allow_who.c - whom the guard looks after, and at which lanes.  Made anew when links,
 * rows, names or limits change, which is seldom; what is known of a lane stays.
 */
#include "accountant/allow_impl.h"

#include "accountant/limits.h"
#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

bool allow_acts(const struct worker *w, const struct domain *d)
{
	return w->conf.guard == GUARD_ON || (w->conf.guard == GUARD_AUTO && d->mode);
}

bool allow_acts_somewhere(const struct worker *w)
{
	for (const struct domain *d = w->domains; d; d = d->next)
		if (d->named && allow_acts(w, d))
			return true;
	return false;
}

static struct guarded *find(struct allow *a, const struct domain *d, const uint8_t uuid[16])
{
	struct guarded *g;

	for (g = a->first; g && (g->domain != d || memcmp(g->uuid, uuid, 16)); g = g->next)
		;
	return g;
}

static struct guarded *get(struct allow *a, struct domain *d, const uint8_t uuid[16])
{
	struct guarded *g = find(a, d, uuid);

	if (g || !(g = calloc(1, sizeof(*g))))
		return g;
	g->domain = d;
	memcpy(g->uuid, uuid, 16);
	g->next = a->first;
	a->first = g;
	return g;
}

static void drop(struct guarded *g)
{
	free(g->row.at);
	free(g->fresh.at);
	free(g->account);
	free(g->spot);
	free(g->lane);
	free(g);
}

void allow_forget(struct worker *w)
{
	struct allow *a = w->allow;
	struct guarded *g;

	while ((g = a->first)) {
		a->first = g->next;
		drop(g);
	}
	allow_again(w);
}

/* ------------------------------------------------------------------ */
/* Lanes                                                               */

bool allow_add_lane(struct guarded *g, const struct spot *at)
{
	unsigned int room = g->room ? 2 * g->room : 8;
	struct guard_lane *lane;
	struct lane_row *r;
	struct spot *spot;

	if (g->lanes == g->room) {
		spot = realloc(g->spot, room * sizeof(*spot));
		if (!spot)
			return false;
		g->spot = spot;
		lane = realloc(g->lane, room * sizeof(*lane));
		if (!lane)
			return false;
		g->lane = lane;
		g->room = room;
	}
	r = &at->link->lane[at->lane].row[at->row];
	r->listed |= (uint8_t)(1u << allow_which(g));
	g->spot[g->lanes] = *at;
	/* what was spent since it was last followed is new */
	g->lane[g->lanes++] = (struct guard_lane){ .seen = r->idle[allow_which(g)], .known = true };
	return true;
}

static bool has_row(const struct rows *rows, const struct spot *s)
{
	for (unsigned int i = 0; i < rows->n; i++)
		if (rows->at[i].serial == s->serial && rows->at[i].row == s->row)
			return true;
	return false;
}

static bool link_lives(const struct worker *w, const struct spot *s)
{
	for (const struct link *k = w->links; k; k = k->next)
		if (k == s->link)
			return k->serial == s->serial && k->reader;
	return false;
}

/* The rows that were just found are the rows; lanes of others are let go. */
static void renew(struct worker *w, struct guarded *g, uint64_t now_ms)
{
	struct rows old = g->row;
	unsigned int n = 0;

	for (unsigned int i = 0; i < old.n; i++)
		if (!has_row(&g->fresh, &old.at[i]) && link_lives(w, &old.at[i]))
			allow_let_go(g, &old.at[i], now_ms);
	for (unsigned int i = 0; i < g->lanes; i++) {
		if (!has_row(&g->fresh, &g->spot[i]))
			continue;
		g->spot[n] = g->spot[i];
		g->lane[n++] = g->lane[i];
	}
	g->lanes = n;
	g->row = g->fresh;
	g->fresh = (struct rows){ 0 };
	free(old.at);
}

/* ------------------------------------------------------------------ */
/* Who                                                                 */

struct vm {
	uint8_t uuid[16];
	uint16_t domid;
	char name[NAME_MAX_BYTES];
	uint64_t owed, owed_until_ms;
};

/* Whose row it is, as is known by now: he may not have posted yet. */
static bool whose(struct worker *w, const struct link *k, unsigned int row, struct vm *vm)
{
	const struct payer *p = &k->payer[row];
	struct acctring_payer_row is;
	const struct served *s;
	bool named;

	if (acctring_reader_payer(k->reader, row, &is) || is.state != ACCTRING_PAYER_OPEN ||
	    !is.domid || is.domid == w->domid || p->state == PAYER_REFUSED)
		return false;
	memset(vm, 0, sizeof(*vm));
	vm->domid = is.domid;
	urcu_memb_read_lock();
	s = served_find(&w->served, k->e.id.domid, is.domid);
	named = s && s->named;
	if (s) {
		memcpy(vm->uuid, s->is.uuid, 16);
		memcpy(vm->name, s->is.name, sizeof(vm->name));
		vm->owed = s->gone ? 0 : s->limit;
		vm->owed_until_ms = s->limit_ms + SERVED_LIMIT_MS;
	}
	urcu_memb_read_unlock();
	if (p->state == PAYER_RESOLVED && p->account) {
		if (memcmp(vm->uuid, p->account->key.uuid, 16)) {
			vm->name[0] = 0;
			vm->owed = 0;
		}
		memcpy(vm->uuid, p->account->key.uuid, 16);
		named = true;
	}
	return named;
}

static uint64_t limit_of(const struct worker *w, const struct vm *vm, const struct domain *d)
{
	const struct quota_domain who = { vm->uuid, vm->domid, vm->name };
	const struct quota_domain where = { d ? d->uuid : NULL, d ? d->domid : 0,
					    d ? d->name : NULL };
	const struct quota *q = quota_find(&w->quotas, &who, d ? &where : NULL);

	if (!q)
		q = quota_find(&w->conf.quotas, &who, d ? &where : NULL);
	return q ? q->ppm * 1000 : 0;
}

void allow_look(const struct worker *w, const struct quota *q, struct allow_state *out)
{
	memset(out, 0, sizeof(*out));
	for (const struct guarded *g = w->allow->first; g; g = g->next) {
		const struct domain *d = g->domain;

		if (!g->limit || !d != !*q->driver ||
		    (d && !domtext_is(q->driver, d->uuid, d->domid, d->name)) ||
		    !domtext_is(q->vm, g->uuid, g->domid, g->name))
			continue;
		out->lanes += g->lanes - g->deaf;
		out->open += g->open;
		out->never += g->never;
		out->let_go_ns = sat_add(out->let_go_ns, g->guard.let_go_ns);
	}
}

static void add_row(struct guarded *g, struct link *k, unsigned int row)
{
	struct spot *grown = g->fresh.n == GUARD_ROWS_MAX
				     ? NULL
				     : realloc(g->fresh.at, (g->fresh.n + 1u) * sizeof(*grown));

	if (!grown)
		return;
	g->fresh.at = grown;
	g->fresh.at[g->fresh.n++] =
		(struct spot){ .link = k, .serial = k->serial, .row = (uint16_t)row };
}

/* The row's VM at d, or at all: only where there is something to do. */
static void look_after(struct worker *w, struct link *k, unsigned int row, const struct vm *vm,
		       struct domain *d)
{
	unsigned int rule = rules_find(&w->conf.rules, vm->uuid, vm->domid, vm->name);
	unsigned int weight = rules_weight(&w->conf.rules, rule);
	uint64_t limit = weight ? limit_of(w, vm, d) : 0;
	uint64_t owed = weight && d ? vm->owed : 0;
	struct guarded *g;

	if (!limit && !owed && !(d && w->share))
		return;
	g = get(w->allow, d, vm->uuid);
	if (!g)
		return;
	g->wanted = true;
	g->domid = vm->domid;
	memcpy(g->name, vm->name, sizeof(g->name));
	g->limit = limit;
	g->owed = owed;
	g->owed_until_ms = vm->owed_until_ms;
	g->weight = weight;
	g->never += k->never_asks;
	if (allow_acts(w, k->domain))
		add_row(g, k, row);
}

static void find_rows(struct worker *w, struct link *k)
{
	unsigned int row = k->rows_seen, looked = 0;
	struct vm vm;

	/* the latest first: those before may all be closed */
	while (row-- > ACCTRING_PAYER_OWN + 1 && looked < ROWS_LOOKED) {
		if (!whose(w, k, row, &vm))
			continue;
		looked++;
		look_after(w, k, row, &vm, k->domain);
		look_after(w, k, row, &vm, NULL);
	}
}

static void find_accounts(const struct worker *w, struct guarded *g)
{
	unsigned int n = 0;

	free(g->account);
	g->accounts = 0;
	for (const struct account *x = w->accounts.first; x; x = x->next)
		n += !memcmp(x->key.uuid, g->uuid, 16);
	g->account = calloc(n + 1u, sizeof(*g->account));
	for (struct account *x = w->accounts.first; g->account && x; x = x->next)
		if (account_is_vm(x) && !memcmp(x->key.uuid, g->uuid, 16) &&
		    (!g->domain || g->domain->domid == x->key.backend))
			g->account[g->accounts++] = x;
}

void allow_find(struct worker *w)
{
	struct guarded **p = &w->allow->first, *g;
	uint64_t now = now_ms();

	for (g = *p; g; g = g->next) {
		g->wanted = false;
		g->limit = g->owed = 0;
		g->never = 0;
	}
	for (struct link *k = w->links; k; k = k->next)
		if (allow_wanted(w) && k->reader && k->state <= LINK_ATTACHED)
			find_rows(w, k);
	while ((g = *p)) {
		renew(w, g, now);
		if (g->wanted) {
			find_accounts(w, g);
			p = &g->next;
			continue;
		}
		*p = g->next;
		drop(g);
	}
}
