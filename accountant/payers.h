/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * payers.h - rows of a backend's payer table and the VMs behind them.
 *
 * A row is a claim: "these posts are for domid F".  It is checked once,
 * when its first post is seen, against what dom0 says that the driver
 * domain serves; what was found is durable, so that a later change of the
 * domid does not move it.
 */
#ifndef ACCOUNTANT_PAYERS_H
#define ACCOUNTANT_PAYERS_H

#include "accountant/served.h"

struct payer {
	enum payer_state state;
	bool dirty;
	uint16_t rule; /* rules.h: who pays for what he receives */
	struct acctring_payer_row is;
	uint64_t since_ms; /* first seen */
	uint64_t asked_ms; /* dom0, last */
	uint64_t before_ms; /* its posts came after this moment; 0: any time */
	struct account *account; /* RESOLVED, REFUSED */
	struct book *held; /* UNRESOLVED */
};

enum payer_verdict { PAYER_WAIT, PAYER_BILL, PAYER_REFUSE };

/*
 * Pure.  `s` is what dom0 says about (B, row's domid), NULL: nothing;
 * `open`: the row is open at this moment.
 *
 * An open row belongs to who has the domid now.  A closed one may be of a
 * former owner: if the domid changed hands since before its posts came,
 * nobody can tell, and nobody is billed.
 */
enum payer_verdict payer_judge(const struct payer *p, const struct served *s, bool open,
			       uint64_t now_ms, uint64_t limit_ms);

#endif
