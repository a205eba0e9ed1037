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
static void weigh(struct lane *l, unsigned int row, uint64_t ns, bool sent)
{
	if (!ns)
		return;
	if (!l->weight[row])
		l->touched[l->ntouched++] = (uint16_t)row;
	l->weight[row] = sat_add(l->weight[row], ns);
	if (sent)
		l->sent[row] = sat_add(l->sent[row], ns);
}

/* Room for a weight of each row; false: no memory, the time is carried. */
static bool ready(const struct link *k, struct lane *l)
{
	if (l->weight)
		return true;
	l->weight = calloc(k->npayers, sizeof(*l->weight));
	l->sent = calloc(k->npayers, sizeof(*l->sent));
	l->touched = calloc(k->npayers, sizeof(*l->touched));
	if (l->weight && l->sent && l->touched)
		return true;
	lane_free(l);
	return false;
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

void pays_weigh(const struct worker *w, struct link *k, const struct acctring_item *item,
		bool known)
{
	struct lane *l = &k->lane[item->lane];

	if (!ready(k, l))
		return;
	if (POLICY_CLASSES >> item->klass & 1)
		share_out(w, k, l, item, known);
	else
		weigh(l, item->payer, item->ns, false);
}
