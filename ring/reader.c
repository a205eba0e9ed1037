/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring/reader.h"
#include "ring/barrier.h"

#include <errno.h>
#include <string.h>

#define PAYERS_A_DRAIN 64u
#define LEASE_MAX_MS 1000u

/* ------------------------------------------------------------------ */
/* Payer rows                                                          */

static const struct acctring_payer_row *krow(const struct acctring_reader *r, unsigned int payer)
{
	return (const struct acctring_payer_row *)r->kpages + payer;
}

static void row_copy(struct acctring_payer_row *to, const struct acctring_payer_row *k)
{
	to->state = ld_acquire(&k->state);
	to->domid = ld_relaxed(&k->domid);
	to->kind = ld_relaxed(&k->kind);
	to->device = ld_relaxed(&k->device);
	to->serial = ld_relaxed(&k->serial);
}

/* The row as it is now; -ENOENT, -EPROTO: it changed since it was seen. */
static int row_look(const struct acctring_reader *r, unsigned int payer,
		    struct acctring_payer_row *out)
{
	struct reader_payers *p = r->payers;
	struct acctring_payer_row *seen = &p->seen[payer];

	if (payer % ACCTRING_PAYERS_PER_PAGE < ACCTRING_PAYER_HOLE)
		return -ENOENT; /* page heads: nobody, ever */
	row_copy(out, krow(r, payer));
	if (seen->state == ACCTRING_PAYER_FREE) {
		if (out->state == ACCTRING_PAYER_FREE)
			return -ENOENT;
		*seen = *out;
		return 0;
	}
	if (out->domid != seen->domid || out->kind != seen->kind || out->device != seen->device ||
	    out->serial != seen->serial || out->state < seen->state) {
		p->reason = "payer row changed";
		return -EPROTO;
	}
	seen->state = out->state;
	return 0;
}

int acctring_reader_payer(const struct acctring_reader *r, unsigned int payer,
			  struct acctring_payer_row *out)
{
	if (payer < ACCTRING_PAYER_HOLE || payer >= reader_payer_limit(r))
		return -EINVAL;
	if (acctring_reader_reason(r))
		return -EPROTO;
	return row_look(r, payer, out);
}

unsigned int acctring_reader_payers(const struct acctring_reader *r)
{
	return reader_payer_limit(r);
}

int reader_check_payers(struct acctring_reader *r)
{
	struct reader_payers *p = r->payers;
	struct acctring_payer_row row;
	unsigned int i;

	for (i = 0; i < PAYERS_A_DRAIN; i++) {
		p->cursor = (p->cursor + 1) % reader_payer_limit(r);
		if (p->seen[p->cursor].state != ACCTRING_PAYER_FREE &&
		    row_look(r, p->cursor, &row) == -EPROTO)
			return -EPROTO;
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Drain and commit                                                    */

int64_t acctring_drain(struct acctring_reader *r, acctring_drain_fn *fn, void *ctx,
		       unsigned int flags)
{
	int64_t posts = 0, ret;
	unsigned int i;

	if (acctring_reader_reason(r) || reader_check_payers(r))
		return -EPROTO;
	for (i = 0; i < r->link.lanes; i++) {
		reader_lane_come(r, &r->lane[i]);
		if (!r->lane[i].come)
			continue;
		ret = drain_lane(&r->lane[i].drain, fn, ctx, flags);
		if (ret < 0) {
			r->reason = r->lane[i].drain.reason;
			return ret;
		}
		posts += ret;
	}
	return posts;
}

void acctring_prepare(struct acctring_reader *r)
{
	unsigned int i;

	for (i = 0; i < r->link.lanes; i++)
		if (r->lane[i].come)
			drain_prepare(&r->lane[i].drain, r->lane[i].reply);
}

void acctring_commit(struct acctring_reader *r)
{
	unsigned int i;

	for (i = 0; i < r->link.lanes; i++) {
		struct reader_lane *l = &r->lane[i];

		if (!l->come)
			continue;
		drain_commit(&l->drain, l->reply);
		l->committed = l->drain.s.pos;
	}
}

void acctring_tick(struct acctring_reader *r)
{
	st_relaxed(&r->reply->tick, ld_relaxed(&r->reply->tick) + 1);
}

/* ------------------------------------------------------------------ */
/* What a reader knows                                                 */

unsigned int acctring_reader_lanes(const struct acctring_reader *r)
{
	return r->link.lanes;
}

int acctring_reader_lane(const struct acctring_reader *r, unsigned int lane,
			 struct acctring_lane_state *out)
{
	if (lane >= r->link.lanes)
		return -EINVAL;
	*out = r->lane[lane].drain.s;
	return 0;
}

uint32_t acctring_reader_fill(const struct acctring_reader *r, uint32_t *slots)
{
	uint32_t most = 0, fill;
	unsigned int i;

	for (i = 0; i < r->link.lanes; i++) {
		fill = r->lane[i].drain.s.pos - r->lane[i].committed;
		if (fill > most)
			most = fill;
	}
	if (slots)
		*slots = reader_slots(r);
	return most;
}

uint64_t acctring_reader_cpu(struct acctring_reader *r, unsigned int lane)
{
	struct drain *d;
	uint64_t cpu;

	if (lane >= r->link.lanes)
		return 0;
	d = &r->lane[lane].drain;
	cpu = ld_acquire(&d->kpage->cpu_ns);
	if (cpu > d->s.cpu_ns)
		d->s.cpu_ns = cpu;
	return d->s.cpu_ns;
}

unsigned int acctring_reader_basis(const struct acctring_reader *r, unsigned int lane)
{
	uint32_t basis = ACCTRING_BASIS_MODEL;

	if (lane < r->link.lanes)
		basis = ld_relaxed(&r->lane[lane].drain.kpage->basis);
	return basis < ACCTRING_BASIS_MODEL ? basis : ACCTRING_BASIS_MODEL;
}

bool acctring_reader_alive(const struct acctring_reader *r)
{
	return ld_acquire(&r->klink->alive);
}

unsigned int acctring_reader_refs(const struct acctring_reader *r, const uint32_t **refs)
{
	*refs = r->refs;
	return 1 + r->link.refs_used;
}

const char *acctring_reader_program(const struct acctring_reader *r)
{
	return r->link.program;
}

bool acctring_reader_never_asks(const struct acctring_reader *r)
{
	return r->link.features & ACCTRING_FEATURE_NEVER_ASKS;
}

bool acctring_reader_tells_all(const struct acctring_reader *r)
{
	return r->link.features & ACCTRING_FEATURE_TELLS_ALL;
}

const char *acctring_reader_reason(const struct acctring_reader *r)
{
	return r->reason ? r->reason : r->payers->reason;
}

uint64_t acctring_reader_rolled_back(const struct acctring_reader *r)
{
	return r->rolled_back;
}

bool acctring_reader_foreign(const struct acctring_reader *r)
{
	return r->foreign;
}

bool acctring_reader_whole(const struct acctring_reader *r, unsigned int lane)
{
	return lane < r->link.lanes && r->lane[lane].come && !r->lane[lane].cut;
}

uint64_t acctring_reader_skipped(const struct acctring_reader *r)
{
	uint64_t skipped = 0;
	unsigned int i;

	for (i = 0; i < r->link.lanes; i++)
		skipped += r->lane[i].drain.skipped;
	return skipped;
}

/* ------------------------------------------------------------------ */
/* Allowance                                                           */

int acctring_reader_allow(struct acctring_reader *r, unsigned int lane, unsigned int payer,
			  uint64_t ns, unsigned int lease_ms)
{
	struct acctring_allowance *row;
	const struct reader_lane *l;
	uint64_t until;

	if (lane >= r->link.lanes || payer >= reader_payer_limit(r) ||
	    payer % ACCTRING_PAYERS_PER_PAGE < ACCTRING_PAYER_HOLE || !lease_ms ||
	    lease_ms > LEASE_MAX_MS)
		return -EINVAL;
	l = &r->lane[lane];
	row = (struct acctring_allowance *)l->reply + payer;
	until = ld_relaxed(&l->drain.kpage->cpu_at) +
		clock_cycles(r->link.mult, r->link.shift, (uint64_t)lease_ms * 1000000);
	st_relaxed(&row->until, until);
	st_release(&row->ns, ns); /* L1 -> L2 */
	return 0;
}
