/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring/drain.h"
#include "ring/barrier.h"

#include <errno.h>
#include <string.h>

#define BATCH 64u
#define ROW_TRIES 4

void drain_init(struct drain *d, const struct acctring_lane_page *kpage,
		const struct acctring_record *kring, uint32_t slots, uint32_t payers,
		unsigned int lane)
{
	memset(d, 0, sizeof(*d));
	d->kpage = kpage;
	d->kring = kring;
	d->slots = slots;
	d->payers = payers;
	d->lane = (uint16_t)lane;
}

static int violation(struct drain *d, const char *reason)
{
	d->reason = reason;
	return -EPROTO;
}

/* ------------------------------------------------------------------ */
/* Records                                                             */

/* Each word is read once; what is checked is what is used. */
static void copy_records(const struct drain *d, struct acctring_record *out, unsigned int n)
{
	unsigned int i, j;

	for (i = 0; i < n; i++) {
		const struct acctring_record *kr = &d->kring[(d->s.pos + i) & (d->slots - 1)];
		const ring_word *kw = (const ring_word *)kr;
		ring_word *w = (ring_word *)&out[i];

		for (j = 0; j < 4; j++)
			w[j] = ld_relaxed(&kw[j]);
	}
	compiler_barrier();
}

static const char *check_record(const struct drain *d, const struct acctring_record *r,
				uint32_t pos)
{
	if (r->pos != (uint16_t)pos)
		return "bad position";
	if (r->payer - ACCTRING_PAYER_HOLE >= d->payers - ACCTRING_PAYER_HOLE ||
	    r->cause >= d->payers || r->klass - 1u >= ACCTRING_CLASSES - 1u || r->zero)
		return "bad record";
	return NULL;
}

static void record_item(const struct drain *d, const struct acctring_record *r,
			struct acctring_item *it)
{
	*it = (struct acctring_item){
		.ns = r->ns,
		.bytes = r->bytes,
		.units = r->units,
		.end = r->end,
		.wait = r->wait,
		.posts = 1,
		.lane = d->lane,
		.payer = r->payer,
		.cause = r->cause,
		.klass = r->klass,
		.flags = r->flags,
	};
}

static int drain_records(struct drain *d, acctring_drain_fn *fn, void *ctx, uint64_t *posts)
{
	struct acctring_record rec[BATCH];
	struct acctring_item item[BATCH];
	uint32_t left = ld_acquire(&d->kpage->prod) - d->s.pos; /* D1 -> P1 */
	const char *bad = NULL;
	unsigned int i, n;

	if (left > d->slots)
		return violation(d, "prod ahead of ring");
	while (left && !bad) {
		n = left < BATCH ? left : BATCH;
		copy_records(d, rec, n);
		for (i = 0; i < n; i++) {
			bad = check_record(d, &rec[i], d->s.pos + i);
			if (bad)
				break;
			record_item(d, &rec[i], &item[i]);
		}
		if (i)
			fn(ctx, item, i);
		d->s.pos += i;
		*posts += i;
		left -= n;
	}
	return bad ? violation(d, bad) : 0;
}

/* ------------------------------------------------------------------ */
/* Rows                                                                */

/*
 * Copies the valid copy of a row.  1: copied; 0: the row was never used;
 * -EAGAIN: it did not stand still; -EPROTO.
 */
static int row_read(struct drain *d, const struct acctring_row *krow, struct acctring_row_copy *out)
{
	int tries;

	for (tries = 0; tries < ROW_TRIES; tries++) {
		uint32_t s0 = ld_acquire(&krow->copy[0].seq); /* R1 -> S1 */
		uint32_t s1 = ld_acquire(&krow->copy[1].seq);
		const struct acctring_row_copy *kc = &krow->copy[s1 - s0 == 1];

		out->ns = ld_relaxed(&kc->ns);
		out->bytes = ld_relaxed(&kc->bytes);
		out->units = ld_relaxed(&kc->units);
		out->key = ld_relaxed(&kc->key);
		out->seq = s1 - s0 == 1 ? s1 : s0;
		fence_acquire(); /* the words, and only then seq again: R2 -> S0 */
		if (ld_relaxed(&krow->copy[0].seq) != s0 || ld_relaxed(&krow->copy[1].seq) != s1)
			continue;
		if (!s0 && !s1)
			return 0;
		if (s1 - s0 != 1 && s0 - s1 != 1)
			return violation(d, "bad row sequence");
		return 1;
	}
	return -EAGAIN;
}

static bool key_ok(const struct drain *d, uint32_t key, unsigned int row)
{
	uint32_t payer = ACCTRING_KEY_PAYER(key), klass = ACCTRING_KEY_CLASS(key);

	if (row == ACCTRING_ROW_OVERFLOW)
		return !key;
	return payer - ACCTRING_PAYER_HOLE < d->payers - ACCTRING_PAYER_HOLE &&
	       ACCTRING_KEY_CAUSE(key) < d->payers && klass - 1 < ACCTRING_CLASSES - 1;
}

static void row_item(const struct drain *d, unsigned int row, const struct acctring_row_copy *now,
		     const struct acctring_row_copy *base, struct acctring_item *it)
{
	bool overflow = row == ACCTRING_ROW_OVERFLOW;

	*it = (struct acctring_item){
		.ns = now->ns - base->ns,
		.bytes = now->bytes - base->bytes,
		.units = now->units - base->units,
		.posts = now->seq - base->seq,
		.lane = d->lane,
		.payer = overflow ? ACCTRING_PAYER_OWN : (uint16_t)ACCTRING_KEY_PAYER(now->key),
		.cause = (uint16_t)ACCTRING_KEY_CAUSE(now->key),
		.klass = overflow ? ACCTRING_CLASS_OTHER : (uint8_t)ACCTRING_KEY_CLASS(now->key),
		.spilled = true,
		.overflow = overflow,
	};
}

/*
 * Looks at one row; 1: *it holds what it grew by; 0: nothing new; -EAGAIN,
 * -EPROTO.
 */
static int row_drain(struct drain *d, unsigned int row, struct acctring_item *it)
{
	struct acctring_row_copy now, *base = &d->s.base[row];
	int ret = row_read(d, &d->kpage->row[row], &now);

	if (ret <= 0)
		return ret;
	/* rows after the last one in use have no base: it is zero */
	if (now.seq == base->seq)
		return 0;
	if (!key_ok(d, now.key, row))
		return violation(d, "bad row key");
	if ((int64_t)(now.ns - base->ns) < 0 || (int64_t)(now.bytes - base->bytes) < 0 ||
	    (int64_t)(now.units - base->units) < 0)
		return violation(d, "row sum went back");
	row_item(d, row, &now, base, it);
	*base = now;
	if (d->s.rows <= row)
		d->s.rows = row + 1;
	return 1;
}

static int drain_rows(struct drain *d, acctring_drain_fn *fn, void *ctx, unsigned int flags,
		      uint64_t *posts)
{
	/* R0 -> S2: before the rows, so that all it counts is in them */
	uint32_t sp = ld_acquire(&d->kpage->spilled);
	struct acctring_item item[ACCTRING_ROWS];
	unsigned int i, n = 0, rows;
	bool waits = false;
	int ret = 0;

	if (sp == d->s.ack && d->scanned && !(flags & ACCTRING_DRAIN_LAST))
		return 0;
	rows = ld_acquire(&d->kpage->rows);
	if (rows > ACCTRING_ROW_OVERFLOW)
		return violation(d, "bad row count");
	/* killed between a row's first commit and `rows`: look further */
	if (flags & ACCTRING_DRAIN_LAST)
		rows = ACCTRING_ROW_OVERFLOW;
	for (i = 0; i < ACCTRING_ROWS; i++) {
		if (i >= rows && i != ACCTRING_ROW_OVERFLOW)
			continue;
		ret = row_drain(d, i, &item[n]);
		if (ret == -EPROTO)
			break;
		waits |= ret == -EAGAIN;
		if (ret > 0)
			*posts += item[n++].posts;
	}
	if (n)
		fn(ctx, item, n);
	if (ret == -EPROTO)
		return ret;
	if (!waits) {
		d->s.ack = sp;
		d->scanned = true;
	}
	return 0;
}

/* ------------------------------------------------------------------ */

/*
 * Another ledger billed what the rows hold: start from there.  A row that
 * does not stand still is taken the next time, the others not again.
 */
static int drain_rebase(struct drain *d)
{
	struct acctring_item billed;
	uint32_t sp = ld_acquire(&d->kpage->spilled);
	unsigned int i;
	int ret;

	for (i = 0; i < ACCTRING_ROWS; i++) {
		if (d->rebased >> i & 1)
			continue;
		ret = row_drain(d, i, &billed);
		if (ret == -EPROTO)
			return ret;
		if (ret >= 0)
			d->rebased |= (uint64_t)1 << i;
	}
	d->rebase = d->rebased != ((uint64_t)1 << ACCTRING_ROWS) - 1;
	if (!d->rebase) {
		d->skipped += sp - d->s.ack;
		d->s.ack = sp;
	}
	return 0;
}

int64_t drain_lane(struct drain *d, acctring_drain_fn *fn, void *ctx, unsigned int flags)
{
	uint64_t posts = 0, cpu;
	int ret = 0;

	if (d->reason)
		return -EPROTO;
	if (!ld_acquire(&d->kpage->here)) /* H1 -> H0 */
		return 0;
	cpu = ld_relaxed(&d->kpage->cpu_ns);
	if (cpu > d->s.cpu_ns)
		d->s.cpu_ns = cpu;
	if (d->rebase)
		ret = drain_rebase(d);
	if (!ret)
		ret = drain_records(d, fn, ctx, &posts);
	if (!ret && !d->rebase)
		ret = drain_rows(d, fn, ctx, flags, &posts);
	return ret ? ret : (int64_t)posts;
}

void drain_prepare(const struct drain *d, struct acctring_lane_reply_page *kreply)
{
	st_release(&kreply->want, d->s.pos);
	st_release(&kreply->want_ack, d->s.ack);
}

void drain_commit(const struct drain *d, struct acctring_lane_reply_page *kreply)
{
	st_release(&kreply->cons, d->s.pos); /* C2 -> P0 */
	st_release(&kreply->ack, d->s.ack); /* C2 -> P2 */
}
