/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/pays.h"

#include "accountant/worker.h"

#include <stdlib.h>
#include <string.h>

void pays_find(struct worker *w, const struct link *k, struct payer *p)
{
	const struct served *s;
	const char *name = "";

	p->rule = 0;
	if (!w->conf.rules.vms || p->state != PAYER_RESOLVED || !account_is_vm(p->account))
		return;
	urcu_memb_read_lock();
	s = served_find(&w->served, k->e.id.domid, p->is.domid);
	if (s && !memcmp(s->is.uuid, p->account->key.uuid, sizeof(s->is.uuid)))
		name = s->is.name;
	p->rule = (uint16_t)rules_find(&w->conf.rules, p->account->key.uuid, p->is.domid, name);
	urcu_memb_read_unlock();
}

void pays_find_all(struct worker *w)
{
	for (struct link *k = w->links; k; k = k->next)
		for (unsigned int i = 0; k->payer && i < k->npayers; i++)
			pays_find(w, k, &k->payer[i]);
}

/* `sent`: it pays as the sender of what another got. */
static inline void weigh(struct lane *l, unsigned int row, uint64_t ns, bool sent)
{
	struct lane_row *r = &l->row[row];

	if (!ns)
		return;
	if (!r->weight)
		l->touched[l->ntouched++] = (uint16_t)row;
	r->weight = sat_add(r->weight, ns);
	r->paid += ns;
	if (sent)
		r->sent = sat_add(r->sent, ns);
}

static void share_out(const struct worker *w, struct link *k, struct lane *l,
		      const struct acctring_item *item, bool known)
{
	const struct rules *r = &w->conf.rules;
	struct policy_shares s =
		policy_decide(&r->host, rules_policy(r, k->payer[item->payer].rule), item->klass,
			      item->payer, item->cause, known);
	uint64_t cause = s.cause == POLICY_WHOLE ? item->ns : s.cause ? item->ns / 2 : 0;

	weigh(l, item->cause, cause, true);
	weigh(l, item->payer, s.payer ? item->ns - cause : 0, false);
	weigh(l, ACCTRING_PAYER_OWN, s.host ? item->ns : 0, false);
	weigh(l, ACCTRING_PAYER_NONE, s.nobody ? item->ns : 0, false);
}

/* As its lane counts it, whoever pays. */
static inline void spend(struct lane *l, const struct acctring_item *item)
{
	struct lane_row *r = &l->row[item->payer];

	if (item->overflow)
		l->overflow_ns = sat_add(l->overflow_ns, item->ns);
	if (!r->spent)
		l->used[l->nused++] = item->payer;
	r->spent = sat_add(r->spent, item->ns); /* never 0 again: `used` has it once */
}

void pays_weigh(const struct worker *w, struct link *k, const struct acctring_item *item,
		bool known)
{
	struct lane *l = &k->lane[item->lane];

	if (!item->ns || (!l->row && !lane_ready(k, l)))
		return;
	spend(l, item);
	if (POLICY_CLASSES >> item->klass & 1)
		share_out(w, k, l, item, known);
	else
		weigh(l, item->payer, item->ns, false);
}
