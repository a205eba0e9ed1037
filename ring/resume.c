/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a reader goes on (docs/protocol.md, section 5.5). */
#include "ring/barrier.h"
#include "ring/reader.h"

#include <errno.h>

/* From what the other ledger told the poster; rows count as billed by it. */
static void from_page(struct drain *d, uint32_t cons, uint32_t ack)
{
	d->s.pos = cons;
	d->s.ack = ack;
	d->rebase = true;
}

/*
 * Another ledger was here last.  What it was committing when it ended may be
 * in it or not: rather lost than billed twice.
 */
static void skip_wanted(const struct reader_lane *l, struct drain *d, uint32_t *cons, uint32_t *ack)
{
	uint32_t want = ld_relaxed(&l->reply->want), rows = ld_relaxed(&l->reply->want_ack);

	if (want - *cons <= d->slots && ld_relaxed(&d->kpage->prod) - want <= d->slots) {
		d->skipped += want - *cons;
		*cons = want;
	}
	if ((int32_t)(rows - *ack) > 0 && (int32_t)(ld_relaxed(&d->kpage->spilled) - rows) >= 0) {
		d->skipped += rows - *ack;
		*ack = rows;
	}
}

/* The ledger knows the epoch. */
static void lane_known(struct acctring_reader *r, struct drain *d, uint32_t cons, uint32_t ack)
{
	uint32_t gap = cons - d->s.pos, rows_gap = ack - d->s.ack;
	bool back = d->s.pos - cons > d->slots;
	bool rows_back = d->s.ack - ack > ld_relaxed(&d->kpage->spilled) - ack;

	/*
	 * Ours ahead: we died before we told, and it is no more than the poster
	 * had posted then.  All else is a commit that we told the poster of and
	 * that the database no longer has, however long ago; or it was not us.
	 */
	if (!back && !rows_back)
		return;
	if (back && !r->foreign)
		r->rolled_back += gap;
	if (rows_back && !r->foreign)
		r->rolled_back += rows_gap;
	from_page(d, back ? cons : d->s.pos, rows_back ? ack : d->s.ack);
}

/*
 * Until a lane has come, `cons` and `ack` are its poster's: then they are
 * what the accountant of its former pages had committed.
 */
void reader_lane_come(struct acctring_reader *r, struct reader_lane *l)
{
	struct drain *d = &l->drain;
	uint32_t cons, ack;

	if (l->come || !ld_acquire(&d->kpage->here)) /* H1 -> H0 */
		return;
	cons = ld_relaxed(&l->reply->cons);
	ack = ld_relaxed(&l->reply->ack);
	l->come = true;
	l->committed = cons;
	if (r->foreign)
		skip_wanted(l, d, &cons, &ack);
	if (r->known) {
		lane_known(r, d, cons, ack);
		l->cut = d->rebase;
		return;
	}
	l->cut = cons || ack;
	d->s.pos = cons;
	if (ack) /* of rows that were never acknowledged the base is 0 */
		from_page(d, cons, ack);
}

/*
 * A ledger's state of a lane is ours, but `rows` bounds what is used of it;
 * positions that the poster is behind of are found by the first drain.
 */
static int resume_known(struct acctring_reader *r, const struct acctring_resume *from)
{
	unsigned int i;

	if (from->lanes != r->link.lanes) { /* it was another at our last attach */
		r->reason = "geometry out of range";
		return -EPROTO;
	}
	for (i = 0; i < r->link.lanes; i++) {
		if (from->lane[i].rows > ACCTRING_ROWS)
			return -EINVAL;
		r->lane[i].drain.s = from->lane[i];
		r->lane[i].committed = from->lane[i].pos;
	}
	return 0;
}

int reader_resume(struct acctring_reader *r, const struct acctring_resume *from,
		  uint64_t last_ledger)
{
	unsigned int i;
	int ret = 0;

	r->known = from != NULL;
	r->foreign = last_ledger && last_ledger != r->incarnation;
	if (from)
		ret = resume_known(r, from);
	for (i = 0; !ret && i < r->link.lanes; i++)
		reader_lane_come(r, &r->lane[i]);
	return ret;
}
