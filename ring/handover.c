/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From one set of pages to the next, when the accountant is another
 * (docs/protocol.md, section 6).  No post may be billed by both: either the
 * old accountant is dead and its pages are sealed, and then the lanes take
 * along what it had not committed; or it lives, and keeps what it has: the
 * lanes begin a new epoch.
 */
#include "ring/barrier.h"
#include "ring/link.h"

#include <errno.h>
#include <string.h>

#define GONE_MS 2000u /* so long silent, and its nodes gone: no domain any more */
#define LEFT_MS 5000u /* so long the old accountant may commit what it has */

/* ------------------------------------------------------------------ */
/* Lanes                                                               */

static void lane_start(struct acctring *r, struct lane *l, struct pages *p)
{
	lane_bind(l, &p->lane[l->number], geometry_slots(&p->geo), geometry_payers(&p->geo),
		  ACCTRING_ROW_OVERFLOW);
	l->kpeer = p->kreply;
	l->pub.mult = r->mult;
	l->pub.shift = r->shift;
	l->pub.counter = r->counter;
	l->lease = clock_cycles(r->mult, r->shift, 1100000000);
	l->asked = p;
	l->cpu_epoch = p->epoch;
	st_release(&l->at, p);
}

/* Its posting thread may be under way to where it was asked to before. */
static bool lane_asks(const struct lane *l)
{
	return ld_acquire(&l->at) != l->asked;
}

static void lane_ask(struct acctring *r, struct lane *l)
{
	struct pages *p = r->sets;

	if (l->asked == p)
		return;
	if (lane_asks(l) && !swap_acq_rel(&l->move, NULL))
		return; /* it has just taken the request before: next tick */
	l->asked = p;
	st_release(&l->move, p);
	r->moves++;
	if (!l->open)
		lane_move(l);
}

/* ------------------------------------------------------------------ */
/* Who has what the old pages hold                                     */

/* Pages that an accountant may be working on, and that lanes would leave. */
static struct pages *predecessor(struct acctring *r)
{
	struct pages *p = r->sets;

	return p && p->granted && p->epoch == r->epoch ? p : NULL;
}

/*
 * `alive` of a domain that was destroyed stays 1: nobody was there to clear
 * it.  But its nodes are gone then, and nobody ticks.
 */
static int peer_gone(struct acctring *r, const struct pages *old)
{
	uint32_t tick = ld_relaxed(&old->kreply->tick);
	struct conn *c = &r->conn;

	if (store_peer(c, old->domid))
		return 0;
	if (!c->silent_at) {
		c->silent_at = control_now();
		c->silent_tick = tick;
	}
	if (tick != c->silent_tick)
		return 0;
	return control_now() - c->silent_at < GONE_MS ? -EAGAIN : 1;
}

int handover_plan(struct acctring *r, enum handover *plan)
{
	struct pages *old;
	int gone = 0;

	pthread_mutex_lock(&r->lock);
	old = predecessor(r);
	pthread_mutex_unlock(&r->lock);
	*plan = HANDOVER_COPY;
	if (old && !old->sealed && ld_acquire(&old->kreply->alive)) {
		gone = peer_gone(r, old);
		*plan = gone ? HANDOVER_GONE : HANDOVER_RENEW;
	}
	return gone < 0 ? gone : 0;
}

/*
 * Of a newcomer that sets `alive` and then reads our magic, and us, who do
 * it the other way round, one at least sees the other (attach.c).
 */
static bool seal(struct pages *old, bool gone)
{
	st_relaxed(&old->link->magic, 0);
	fence_full();
	if (ld_acquire(&old->kreply->alive) && !gone) {
		st_relaxed(&old->link->magic, ACCTRING_MAGIC_LINK);
		return false;
	}
	old->sealed = true;
	return true;
}

int handover_begin(struct acctring *r, enum handover plan)
{
	struct pages *old = predecessor(r);

	if (!old || old->sealed)
		return 0;
	if (plan == HANDOVER_RENEW)
		r->epoch = random_epoch();
	else if (!seal(old, plan == HANDOVER_GONE))
		return -EAGAIN; /* it is back */
	return 0;
}

int link_install(struct acctring *r, struct pages *p)
{
	struct pages *before = r->sets;
	unsigned int i;

	if (r->frozen && memcmp(&p->geo, &r->geo, sizeof(p->geo)) != 0)
		return -ESTALE;
	r->geo = p->geo;
	link_fill(r, p);
	p->next = before;
	r->sets = p;
	if (before && before->epoch == p->epoch) {
		/* whose `cons` it is that the lanes will hand over */
		p->kreply->incarnation = ld_relaxed(&before->kreply->incarnation);
		before->heir = p;
	}
	for (i = 0; i < r->geo.lanes; i++) {
		if (before)
			lane_ask(r, &r->lane[i]);
		else
			lane_start(r, &r->lane[i], p);
	}
	return 0;
}

/* ------------------------------------------------------------------ */
/* Old pages                                                           */

static bool set_used(const struct acctring *r, const struct pages *p)
{
	const struct pages *q;
	unsigned int i;

	if (p == r->sets)
		return true;
	for (q = r->sets; q; q = q->next)
		if (q->heir == p)
			return true;
	for (i = 0; i < r->geo.lanes; i++)
		if (ld_acquire(&r->lane[i].at) == p || r->lane[i].asked == p ||
		    r->lane[i].counted == p)
			return true;
	return false;
}

static uint64_t set_pending(const struct acctring *r, const struct pages *p)
{
	uint64_t pending = 0;
	unsigned int i;

	if (!p->granted || p->heir)
		return 0;
	for (i = 0; i < r->geo.lanes; i++)
		if (ld_acquire(&r->lane[i].at) != p)
			pending += lane_pages_pending(&p->lane[i], r->lane[i].slots);
	return pending;
}

uint64_t handover_pending(const struct acctring *r, const struct pages *p)
{
	return p->abandoned ? 0 : set_pending(r, p);
}

/* Does the old accountant still commit?  Giving back tells it: the last drain. */
static bool set_waits(struct acctring *r, struct pages *p)
{
	uint64_t pending = handover_pending(r, p);

	if (!pending)
		return false;
	if (!p->left_at)
		p->left_at = control_now();
	if (control_now() - p->left_at < LEFT_MS)
		return true;
	r->left_behind += pending;
	return false;
}

/* Gives back one set that nobody needs; false: there is none. */
static bool set_drop(struct acctring *r)
{
	struct pages **link, *p;

	for (link = &r->sets; (p = *link); link = &p->next) {
		if (set_used(r, p) || set_waits(r, p))
			continue;
		*link = p->next;
		if (p->abandoned) /* up to the last post before its lane left */
			r->left_behind += set_pending(r, p);
		if (p->granted && r->conn.evtchn && !p->port_gone)
			xenevtchn_unbind(r->conn.evtchn, p->port);
		pages_free(p);
		return true;
	}
	return false;
}

void link_tend_moves(struct acctring *r)
{
	unsigned int i;

	for (i = 0; i < r->geo.lanes; i++) {
		struct lane *l = &r->lane[i];

		lane_ask(r, l);
		if (lane_asks(l)) { /* forces the slow path, whatever it stored since */
			const struct pages *at = ld_acquire(&l->at);

			st_relaxed(&l->pub.stop, ld_relaxed(&at->lane[i].page->prod));
		}
	}
	while (set_drop(r)) /* an heir after those that it inherits from */
		;
}
