/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/payers.h"

enum payer_verdict payer_judge(const struct payer *p, const struct served *s, bool open,
			       uint64_t now_ms, uint64_t limit_ms)
{
	if (s && s->named) {
		if (!open && s->grown_ms && s->grown_ms >= p->before_ms)
			return PAYER_REFUSE;
		return PAYER_BILL;
	}
	return now_ms - p->since_ms >= limit_ms ? PAYER_REFUSE : PAYER_WAIT;
}
