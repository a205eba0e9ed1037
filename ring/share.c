/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct pages *pages_new(const struct geometry *g)
{
	struct pages *p = calloc(1, sizeof(*p) + g->lanes * sizeof(p->lane[0]));

	if (p)
		p->geo = *g;
	return p;
}

static size_t pages_bytes(const struct geometry *g)
{
	return (1 + geometry_refs(g)) * (size_t)ACCTRING_PAGE;
}

struct pages *pages_local(const struct geometry *g)
{
	struct pages *p = pages_new(g);
	char *at;
	unsigned int i;

	if (!p)
		return NULL;
	at = mmap(NULL, pages_bytes(g), PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (at == MAP_FAILED) {
		free(p);
		return NULL;
	}
	madvise(at, pages_bytes(g), MADV_DONTFORK);
	p->memory = at;
	p->link = (void *)at;
	p->kreply = (void *)(at += ACCTRING_PAGE);
	p->payers = (void *)(at += ACCTRING_PAGE);
	at += (size_t)g->payer_pages * ACCTRING_PAGE;
	for (i = 0; i < g->lanes; i++) {
		p->lane[i].page = (void *)at;
		p->lane[i].kreply = (void *)(at += ACCTRING_PAGE);
		at += (size_t)g->payer_pages * ACCTRING_PAGE;
		p->lane[i].ring = g->ring_pages ? (void *)at : NULL;
		at += (size_t)g->ring_pages * ACCTRING_PAGE;
	}
	return p;
}

/* ------------------------------------------------------------------ */

/* No page of ours goes to a child, and none is touched first while posting. */
static void prepare(void *at, unsigned int count)
{
	volatile char *c = at;
	unsigned int i;

	madvise(at, (size_t)count * ACCTRING_PAGE, MADV_DONTFORK);
	for (i = 0; i < count; i++)
		c[(size_t)i * ACCTRING_PAGE] = 0;
}

static void *share(struct pages *p, unsigned int count, uint32_t *refs, bool writable)
{
	void *at = xengntshr_share_pages(p->gntshr, p->domid, (int)count, refs, writable);

	if (at)
		prepare(at, count);
	return at;
}

/* Lane page and ring in one: both are ours; refs are in the page's order. */
static int share_lane(struct pages *p, unsigned int lane, uint32_t *ref)
{
	unsigned int payer_pages = p->geo.payer_pages, ring_pages = p->geo.ring_pages;
	uint32_t own[1 + ACCTRING_MAX_RING_PAGES];
	struct lane_pages *lp = &p->lane[lane];
	char *at = share(p, 1 + ring_pages, own, false);

	if (!at)
		return -1;
	lp->page = (void *)at;
	lp->ring = ring_pages ? (void *)(at + ACCTRING_PAGE) : NULL;
	ref[0] = own[0];
	memcpy(ref + 1 + payer_pages, own + 1, ring_pages * sizeof(own[0]));
	lp->kreply = share(p, payer_pages, ref + 1, true);
	return lp->kreply ? 0 : -1;
}

static int share_all(struct pages *p)
{
	uint32_t *ref;
	unsigned int i;

	p->link = xengntshr_share_page_notify(p->gntshr, p->domid, &p->ref, 0,
					      offsetof(struct acctring_link_page, alive), p->port);
	if (!p->link)
		return -1;
	prepare(p->link, 1);
	ref = p->link->ref;
	p->kreply = share(p, 1, ref++, true);
	if (!p->kreply)
		return -1;
	p->payers = share(p, p->geo.payer_pages, ref, false);
	if (!p->payers)
		return -1;
	ref += p->geo.payer_pages;
	for (i = 0; i < p->geo.lanes; i++) {
		if (share_lane(p, i, ref))
			return -1;
		ref += 1 + p->geo.payer_pages + p->geo.ring_pages;
	}
	return 0;
}

struct pages *pages_grant(const struct geometry *g, xengntshr_handle *gntshr, unsigned int domid,
			  evtchn_port_t port)
{
	struct pages *p = pages_new(g);
	int err;

	if (!p)
		return NULL;
	p->granted = true;
	p->gntshr = gntshr;
	p->domid = domid;
	p->port = port;
	errno = EIO; /* should the library not say */
	if (!share_all(p))
		return p;
	err = errno;
	pages_free(p);
	errno = err;
	return NULL;
}

static void unshare(const struct pages *p, void *at, unsigned int count)
{
	if (at)
		xengntshr_unshare(p->gntshr, at, count);
}

void pages_free(struct pages *p)
{
	unsigned int i;

	if (!p)
		return;
	if (p->memory)
		munmap(p->memory, pages_bytes(&p->geo));
	for (i = 0; p->granted && i < p->geo.lanes; i++) {
		unshare(p, p->lane[i].kreply, p->geo.payer_pages);
		unshare(p, p->lane[i].page, 1 + p->geo.ring_pages);
	}
	if (p->granted) {
		unshare(p, p->payers, p->geo.payer_pages);
		unshare(p, p->kreply, 1);
		unshare(p, p->link, 1); /* last: its kernel tells the accountant */
	}
	free(p);
}
