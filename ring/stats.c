/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring/barrier.h"
#include "ring/link.h"

#include <errno.h>
#include <string.h>

bool link_attached(const struct acctring *r)
{
	return r->sets->granted && ld_relaxed(&r->sets->kreply->alive);
}

uint64_t link_pending(const struct acctring *r)
{
	const struct pages *p;
	uint64_t pending = 0;
	unsigned int i;

	for (p = r->sets->next; p; p = p->next)
		pending += handover_pending(r, p);
	for (i = 0; i < r->geo.lanes; i++)
		pending += lane_pending(&r->lane[i]);
	return pending;
}

static enum acctring_state link_state(const struct acctring *r)
{
	if (r->refused)
		return ACCTRING_REFUSED;
	if (!r->sets->granted)
		return ACCTRING_LOCAL;
	return link_attached(r) ? ACCTRING_ATTACHED : ACCTRING_WAITING;
}

static void lanes_stats(struct acctring *r, struct acctring_stats *s)
{
	unsigned int i;

	for (i = 0; i < r->geo.lanes; i++) {
		struct lane *l = &r->lane[i];

		lane_count(l);
		s->lanes_open += l->open;
		s->recorded += l->recorded;
		s->spilled += l->spilled;
		s->overflowed += ld_relaxed(&ld_acquire(&l->at)->lane[i].page->overflowed);
	}
}

int acctring_stats(struct acctring *r, struct acctring_stats *stats)
{
	struct acctring_stats s = { 0 };
	size_t size = stats->size;

	if (!size)
		return -EINVAL;
	if (r->forked)
		return -EPIPE;
	pthread_mutex_lock(&r->lock);
	s.state = link_state(r);
	s.error = r->error;
	if (r->refused)
		memcpy(s.reason, r->reason, sizeof(s.reason));
	s.epoch = r->epoch;
	s.accountant = r->sets->granted ? r->sets->domid : 0;
	s.ring_pages = r->geo.ring_pages;
	s.lanes = r->geo.lanes;
	s.payers = r->rows;
	s.payers_open = r->rows_open;
	s.payers_used = r->rows_used;
	s.left_behind = r->left_behind;
	s.pending = link_pending(r);
	s.moves = r->moves;
	lanes_stats(r, &s);
	pthread_mutex_unlock(&r->lock);
	if (size > sizeof(s))
		size = sizeof(s);
	s.size = size;
	memcpy(stats, &s, size);
	return 0;
}
