/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * feed.c - from a link's posts to accounts; who pays is found by resolve.c.
 */
#include "accountant/allow.h"
#include "accountant/limits.h"
#include "accountant/links.h"
#include "accountant/pays.h"
#include "accountant/worker.h"
#include "common/clock.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct feed {
	struct worker *w;
	struct link *k;
	uint64_t now_ms;
};

/* First post that names a row: what does it claim to be? */
static void meet(struct feed *f, struct payer *p, unsigned int row)
{
	struct link *k = f->k;

	p->dirty = true;
	p->since_ms = f->now_ms;
	p->before_ms = k->drained_ms;
	p->state = PAYER_RESOLVED;
	p->account = k->domain->own;
	if (row == ACCTRING_PAYER_OWN)
		return;
	p->account = NULL;
	p->state = PAYER_UNRESOLVED;
	/* a row that is free was never opened: nobody pays */
	if (!acctring_reader_payer(k->reader, row, &p->is) && k->domain->held < HELD_MAX &&
	    (p->held = calloc(1, sizeof(*p->held))) && resolve_later(k, row))
		return;
	free(p->held);
	p->held = NULL;
	p->state = PAYER_REFUSED;
	p->account = k->domain->refused;
}

/* Somebody caused it whom the backend named; dom0's word on him may not be there yet. */
static bool cause_known(struct feed *f, unsigned int row)
{
	struct payer *p = &f->k->payer[row];

	if (p->state == PAYER_UNSEEN)
		meet(f, p, row);
	return p->state != PAYER_REFUSED;
}

static void take(void *ctx, const struct acctring_item *item, unsigned int n)
{
	struct feed *f = ctx;
	struct link *k = f->k;

	for (unsigned int i = 0; i < n; i++, item++) {
		struct payer *p = &k->payer[item->payer];
		struct sums s = { item->posts, item->units, item->bytes, item->ns };

		if (p->state == PAYER_UNSEEN)
			meet(f, p, item->payer);
		if (p->account) {
			account_post(&f->w->accounts, p->account, item->klass, &s);
		} else {
			book_add(p->held, item->klass, &s);
			p->dirty = true;
		}
		if (item->spilled)
			k->e.spilled += item->posts;
		else
			k->e.records += item->posts;
		if (item->overflow)
			k->e.overflowed += item->posts;
		pays_weigh(f->w, k, item, item->cause && cause_known(f, item->cause));
	}
}

static void quarantine(struct worker *w, struct link *k)
{
	const char *reason = acctring_reader_reason(k->reader);

	allow_again(w);
	k->state = LINK_REFUSED;
	k->e.state = EPOCH_REFUSED;
	k->dirty = true;
	snprintf(k->e.reason, sizeof(k->e.reason), "%s", reason ? reason : "broken");
	domain_warn(k->domain, "domain %u, slot %u, epoch %016" PRIx64 " (\"%s\"): quarantined: %s",
		    k->e.id.domid, k->e.id.slot, k->e.id.epoch, k->e.program, k->e.reason);
	k->tell = "refused";
}

/* Lanes may come late to a link that another ledger had. */
static void say_skipped(struct link *k)
{
	uint64_t skipped = acctring_reader_skipped(k->reader);

	if (skipped == k->skipped)
		return;
	domain_warn(k->domain,
		    "domain %u, slot %u, epoch %016" PRIx64
		    ": another accountant died with %" PRIu64
		    " posts that it may have billed: they are in no account here",
		    k->e.id.domid, k->e.id.slot, k->e.id.epoch, skipped - k->skipped);
	k->skipped = skipped;
}

static bool drain(struct worker *w, struct link *k, unsigned int flags)
{
	struct feed f = { w, k, now_ms() };
	int64_t n;

	urcu_memb_read_lock();
	n = acctring_drain(k->reader, take, &f, flags);
	urcu_memb_read_unlock();
	k->drained_ms = now_ms();
	say_skipped(k);
	if (n)
		k->dirty = true;
	if (n < 0)
		quarantine(w, k);
	return n > 0;
}

bool link_drain(struct worker *w, struct link *k)
{
	bool alive = acctring_reader_alive(k->reader);

	if (!alive) {
		link_close(w, k);
		return true;
	}
	if (k->state != LINK_ATTACHED)
		return false;
	acctring_tick(k->reader);
	return drain(w, k, 0);
}

/* The backend is gone or going: all that it posted, now. */
void link_close(struct worker *w, struct link *k)
{
	if (k->state != LINK_ATTACHED && k->state != LINK_HOLDING)
		return;
	drain(w, k, ACCTRING_DRAIN_LAST);
	if (k->state == LINK_REFUSED)
		return;
	k->state = LINK_CLOSING;
	k->e.state = EPOCH_CLOSED;
	k->dirty = true;
}

bool link_hurry(const struct link *k)
{
	uint32_t slots, fill;

	if (k->state == LINK_CLOSING || k->state == LINK_LEAVING ||
	    (k->state == LINK_REFUSED && k->dirty))
		return true;
	if (!k->reader)
		return false;
	fill = acctring_reader_fill(k->reader, &slots);
	return slots && fill >= slots / 2;
}
