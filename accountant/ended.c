/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ended.c - driver domains that are no more.  No kernel is left that would
 * clear `alive` in their pages, and as long as we map those the domain is a
 * zombie; so all its links end at once.
 */
#include "accountant/worker.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PEER PEERS "/%u"
#define FORGET_S 86400u /* as long as a tombstone is kept */

bool domain_ended(struct worker *w, const struct domain *d)
{
	if (w->domid || d->domid == w->domid)
		return false; /* only dom0 may ask; it tells others, and knows itself */
	errno = 0;
	return !xs_is_domain_introduced(w->xs, d->domid) && !errno;
}

/* What was open and can never be read; what the holder has is attached yet. */
static void lose_pending(struct worker *w, struct domain *d)
{
	struct pending **p = &w->pending, *x;

	while ((x = *p)) {
		if (x->e.id.domid != d->domid || scan_is_held(w, &x->e.id)) {
			p = &x->next;
			continue;
		}
		*p = x->next;
		if (!link_find(w, d->domid, x->e.id.epoch))
			link_lost(w, d, &x->e);
		free(x);
	}
}

void end_links(struct worker *w, struct domain *d)
{
	for (struct link *k = w->links; k; k = k->next)
		if (k->domain == d && k->reader && k->state <= LINK_ATTACHED)
			link_close(w, k);
	lose_pending(w, d);
}

void end_domain(struct worker *w, struct domain *d)
{
	char path[64];

	d->gone = true; /* nobody is told anything there any more */
	end_links(w, d);
	if (d->swept)
		return;
	d->swept = true;
	d->peer_dir = false;
	snprintf(path, sizeof(path), PEER, w->domid, d->domid);
	xs_rm(w->xs, XBT_NULL, path);
	log_info("domain %u has ended", d->domid);
	if (d->named)
		w->named = true; /* perhaps it is another's number already */
}

/* Something of that domain is ours to end. */
static bool has_business(const struct worker *w, unsigned int domid)
{
	for (const struct domain *d = w->domains; d; d = d->next)
		if (d->domid == domid && d->named)
			return true;
	for (const struct link *k = w->links; k; k = k->next)
		if (k->e.id.domid == domid)
			return true;
	for (const struct hold *h = w->holds; h; h = h->next)
		if (h->id.domid == domid)
			return true;
	for (const struct pending *p = w->pending; p; p = p->next)
		if (p->e.id.domid == domid)
			return true;
	return false;
}

/* Of domains that we have nothing to do with any more. */
void sweep_peers(struct worker *w)
{
	char path[64], **dir;
	unsigned int n;
	uint64_t domid;

	dir = xs_listf(w->xs, &n, PEERS, w->domid);
	for (unsigned int i = 0; dir && i < n; i++) {
		if (!parse_u64(dir[i], DOMID_LAST, &domid) || has_business(w, (unsigned int)domid))
			continue;
		snprintf(path, sizeof(path), PEER, w->domid, (unsigned int)domid);
		xs_rm(w->xs, XBT_NULL, path);
		for (struct domain *d = w->domains; d; d = d->next)
			if (d->domid == domid)
				d->peer_dir = false;
	}
	free(dir);
}

/*
 * Nobody told us of the end of these, or that domain has had another
 * accountant for long; should it come back, it is told and begins a new epoch.
 */
bool epoch_forgotten(const struct domain *d, const struct epoch *e)
{
	uint64_t now = (uint64_t)time(NULL);

	return !d->named && d->unnamed_ms && now > e->changed_s && now - e->changed_s > FORGET_S;
}
