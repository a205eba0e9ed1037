/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pays.h - whose weight in its lane a post is: the policy (policy.h) at work.
 */
#ifndef ACCOUNTANT_PAYS_H
#define ACCOUNTANT_PAYS_H

#include "accountant/links.h"

/* Its time goes to who pays; `known`: the cause is a row that is not refused. */
void pays_weigh(const struct worker *w, struct link *k, const struct acctring_item *item,
		bool known);
/* Which rule is the row's: its VM is known now, or the rules or names are new. */
void pays_find(struct worker *w, const struct link *k, struct payer *p);
void pays_find_all(struct worker *w);

#endif
