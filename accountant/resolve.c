/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolve.c - payer rows that wait for dom0's word.  A domain's rows stand in
 * one queue, who was asked about last at its end, and each tick asks a few
 * questions: a backend may open thousands of rows that nobody confirms.
 */
#include "accountant/allow.h"
#include "accountant/charge.h"
#include "accountant/limits.h"
#include "accountant/links.h"
#include "accountant/pays.h"
#include "accountant/worker.h"
#include "common/clock.h"
#include "common/log.h"

#include <stdlib.h>
#include <string.h>

#define ASK_AGAIN_MS 250u

struct waiting {
	struct waiting *next;
	struct link *link;
	unsigned int row;
};

static struct payer *payer_of(const struct waiting *x)
{
	return &x->link->payer[x->row];
}

static void append(struct waiting **to, struct waiting *x)
{
	while (*to)
		to = &(*to)->next;
	*to = x;
}

bool resolve_later(struct link *k, unsigned int row)
{
	struct domain *d = k->domain;
	struct waiting *x = calloc(1, sizeof(*x));

	if (!x)
		return false;
	x->link = k;
	x->row = row;
	append(&d->waiting, x);
	k->unresolved++;
	d->held++;
	return true;
}

void resolve_never(struct link *k)
{
	struct domain *d = k->domain;
	struct waiting **p = &d->waiting, *x;

	while (k->unresolved && (x = *p)) {
		if (x->link != k) {
			p = &x->next;
			continue;
		}
		*p = x->next;
		free(x);
		k->unresolved--;
		d->held--;
	}
}

static void settle(struct worker *w, struct link *k, struct payer *p, struct account *x)
{
	account_add(&w->accounts, x, p->held);
	charge_late(k->domain, p->held->charged_ns);
	for (unsigned int b = 0; b < BASES; b++)
		charge_due(w, k->domain, x, p->held->basis_ns[b], 0, b);
	free(p->held);
	p->held = NULL;
	p->account = x;
	p->dirty = true;
	k->dirty = true;
	k->unresolved--;
	k->domain->held--;
	allow_again(w);
}

/* A backend may name any number of domains: said now and then, with how many. */
static void say_refused(struct domain *d, const struct payer *p)
{
	uint64_t now = now_ms();

	d->refused_rows++;
	if (d->said_refused_ms && now - d->said_refused_ms < REFUSED_SAID_MS)
		return;
	log_warn("domain %u: posts for domain %u, which dom0 does not confirm: refused (%u payer "
		 "rows since this was last said)",
		 d->domid, p->is.domid, d->refused_rows);
	d->refused_rows = 0;
	d->said_refused_ms = now;
}

/* `s`: dom0's answer.  true: the row waits no more. */
static bool resolve(struct worker *w, const struct waiting *at, const struct served *s)
{
	struct link *k = at->link;
	struct payer *p = payer_of(at);
	struct account_key key = { .backend = k->domain->domid,
				   .kind = p->is.kind,
				   .device = p->is.device };
	struct acctring_payer_row is;
	struct account *x;
	bool open;

	open = k->reader && !acctring_reader_payer(k->reader, at->row, &is) &&
	       is.state == ACCTRING_PAYER_OPEN;
	switch (payer_judge(p, s, open, now_ms(), (uint64_t)w->conf.unresolved_ms)) {
	case PAYER_WAIT:
		return false;
	case PAYER_BILL:
		memcpy(key.uuid, s->is.uuid, sizeof(key.uuid));
		x = accounts_get_vm(&w->accounts, &key);
		if (!x)
			return false;
		x->domid = p->is.domid;
		p->state = PAYER_RESOLVED;
		settle(w, k, p, x);
		pays_find(w, k, p);
		return true;
	case PAYER_REFUSE:
		say_refused(k->domain, p);
		p->state = PAYER_REFUSED;
		settle(w, k, p, k->domain->refused);
	}
	return true;
}

/*
 * One question serves all rows that name `domid`: they were seen before it was
 * asked, and a row that is open after that is the asked one's.
 */
static void ask(struct worker *w, struct domain *d, unsigned int domid)
{
	const struct served *s = scan_served(w, d->domid, domid);
	struct waiting *asked = NULL, **end = &asked, **p = &d->waiting, *x;

	while ((x = *p)) {
		if (payer_of(x)->is.domid != domid) {
			p = &x->next;
			continue;
		}
		*p = x->next;
		if (resolve(w, x, s)) {
			free(x);
			continue;
		}
		payer_of(x)->asked_ms = now_ms();
		x->next = NULL;
		*end = x;
		end = &x->next;
	}
	*p = asked;
}

void resolve_rows(struct worker *w, struct domain *d)
{
	uint64_t began = now_ms(), now = began, asked_ms;
	struct waiting *x;

	for (unsigned int n = 0; n < ASKS_A_TICK && now - began < ASKS_MS; n++) {
		for (x = d->waiting; x; x = x->next) {
			asked_ms = payer_of(x)->asked_ms;
			if (!asked_ms || now - asked_ms >= ASK_AGAIN_MS)
				break;
		}
		if (!x)
			return;
		ask(w, d, payer_of(x)->is.domid);
		now = now_ms();
	}
}
