/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lanes.c - what is known of payers on a lane: weights, and what was spent for them.
 */
#include "accountant/links.h"
#include "accountant/worker.h"

#include <stdlib.h>
#include <string.h>

void lane_free(struct lane *l)
{
	free(l->row);
	free(l->touched);
	free(l->used);
	l->row = NULL;
	l->touched = l->used = NULL;
	l->ntouched = l->nused = 0;
}

bool lane_ready(const struct link *k, struct lane *l)
{
	if (l->row)
		return true;
	l->row = calloc(k->npayers, sizeof(*l->row));
	l->touched = calloc(k->npayers, sizeof(*l->touched));
	l->used = calloc(k->npayers, sizeof(*l->used));
	if (l->row && l->touched && l->used)
		return true;
	lane_free(l);
	return false;
}

bool lane_known(const struct link *k, unsigned int lane)
{
	return k->reader && k->lane[lane].had_known && acctring_reader_whole(k->reader, lane);
}

/* Of a lane: what an older acctringd did not see to is not known any more. */
static void restore_spent(void *ctx, unsigned int lane, const struct lane_spent *e)
{
	struct link *k = ctx;
	struct lane *l = lane < k->e.lanes ? &k->lane[lane] : NULL;
	struct spent_row r;

	if (!l || l->nused || !e->known || e->pos != l->is.state.pos || e->ack != l->is.state.ack ||
	    !lane_ready(k, l))
		return;
	l->overflow_ns = e->overflow_ns;
	for (unsigned int i = 0; i < e->rows; i++) {
		memcpy(&r, (const char *)e->row + i * sizeof(r), sizeof(r));
		if (r.row >= k->npayers || !r.ns || l->row[r.row].spent)
			continue;
		l->row[r.row].spent = r.ns;
		l->used[l->nused++] = (uint16_t)r.row;
	}
	l->had_known = true;
}

int lanes_load(struct worker *w, struct link *k, const struct lane_entry *old, bool known)
{
	for (unsigned int i = 0; i < k->e.lanes; i++) {
		const struct acctring_lane_state *s = &old[i].state;

		k->lane[i].had_known = !known || (!s->pos && !s->ack);
	}
	return known ? ledger_load_spent(w->ledger, &k->e.id, restore_spent, k) : 0;
}
