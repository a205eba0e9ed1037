/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring/spill.h"
#include "ring/barrier.h"

#include <string.h>

void spill_init(struct spill *s, struct acctring_lane_page *page,
		const struct acctring_lane_reply_page *kreply, unsigned int limit)
{
	s->page = page;
	s->kreply = kreply;
	st_relaxed(&s->spilled, 0); /* others count it */
	s->acked = 0;
	s->used = 0;
	s->limit = limit;
	memset(s->last, 0, sizeof(s->last));
	memset(s->key, 0, sizeof(s->key));
	memset(s->seq, 0, sizeof(s->seq));
	memset(s->hint, 0, sizeof(s->hint));
}

void spill_rebind(struct spill *s, struct acctring_lane_page *page,
		  const struct acctring_lane_reply_page *kreply)
{
	s->page = page;
	s->kreply = kreply;
}

/*
 * How far the accountant has acknowledged, extended to 64 bits.  A word that
 * would be ahead of what we spilled is a lie, or so late that it wrapped:
 * then nothing is taken from it, and rows keep their keys.
 */
static uint64_t spill_acked(struct spill *s)
{
	uint32_t ack = ld_acquire(&s->kreply->ack); /* P2 -> C2 */
	uint32_t ahead = ack - (uint32_t)s->acked;

	if (ahead <= s->spilled - s->acked)
		s->acked += ahead;
	return s->acked;
}

static unsigned int key_hash(uint32_t key)
{
	return key * 0x9e3779b1u >> 24;
}

static unsigned int spill_give(struct spill *s, unsigned int row, uint32_t key)
{
	s->key[row] = key;
	s->hint[key_hash(key)] = (uint8_t)row;
	return row;
}

/* The row of a key: its own, a free one, one that is acknowledged, or 61. */
static unsigned int spill_find(struct spill *s, uint32_t key)
{
	unsigned int i = s->hint[key_hash(key)];
	uint64_t acked;

	if (i < s->used && s->key[i] == key)
		return i;
	for (i = 0; i < s->used; i++)
		if (s->key[i] == key)
			return spill_give(s, i, key);
	if (s->used < s->limit)
		return spill_give(s, s->used, key);

	/*
	 * All that such a row holds is in the ledger, under its old key;
	 * so what is added from now on may go to another.
	 */
	acked = spill_acked(s);
	for (i = 0; i < s->used; i++)
		if (s->last[i] <= acked)
			return spill_give(s, i, key);
	return ACCTRING_ROW_OVERFLOW;
}

/* One commit: a kill before the last store leaves the row as it was. */
static void row_add(struct acctring_row *row, uint32_t seq, uint32_t key,
		    const struct acctring_cost *c)
{
	const struct acctring_row_copy *o = &row->copy[seq & 1];
	struct acctring_row_copy *n = &row->copy[~seq & 1];

	/* S0: who sees a word of n below also sees that n was retired */
	fence_release();
	st_relaxed(&n->ns, o->ns + c->ns);
	st_relaxed(&n->bytes, o->bytes + c->bytes);
	st_relaxed(&n->units, o->units + c->units);
	st_relaxed(&n->key, key);
	st_release(&n->seq, seq + 1); /* S1 -> R1 */
}

void spill_post(struct spill *s, const struct acctring_cost *c)
{
	uint32_t key = ACCTRING_KEY(c->payer, c->cause, c->klass);
	struct acctring_lane_page *page = s->page;
	unsigned int i = spill_find(s, key);

	if (i == ACCTRING_ROW_OVERFLOW)
		key = 0;
	row_add(&page->row[i], s->seq[i]++, key, c);
	if (i == ACCTRING_ROW_OVERFLOW) {
		st_relaxed(&page->overflowed, page->overflowed + 1);
	} else if (i == s->used) {
		s->used++;
		st_release(&page->rows, s->used);
	}
	s->last[i] = s->spilled + 1;
	st_relaxed(&s->spilled, s->spilled + 1);
	st_release(&page->spilled, (uint32_t)s->spilled); /* S2 -> R0 */

	/* often enough that the low bits of `ack` cannot wrap unseen */
	if (!(s->spilled & 0xffffff))
		spill_acked(s);
}
