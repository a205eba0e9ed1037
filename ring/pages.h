/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link's pages: granted to an accountant, or private memory while that
 * cannot be.  A link may have several sets while its lanes move.
 */
#ifndef RING_PAGES_H
#define RING_PAGES_H

#include "ring/lane.h"

#include <xenevtchn.h>
#include <xengnttab.h>

struct geometry {
	unsigned int lanes;
	unsigned int ring_pages;
	unsigned int payer_pages;
};

static inline uint32_t geometry_slots(const struct geometry *g)
{
	return g->ring_pages * ACCTRING_SLOTS_PER_PAGE;
}

static inline uint32_t geometry_payers(const struct geometry *g)
{
	return g->payer_pages * ACCTRING_PAYERS_PER_PAGE;
}

/* References in the link page; the link page itself is one page more. */
static inline uint32_t geometry_refs(const struct geometry *g)
{
	return 1 + g->payer_pages + g->lanes * (1 + g->payer_pages + g->ring_pages);
}

struct pages {
	struct pages *next;
	struct geometry geo;
	bool granted;
	uint64_t epoch; /* lanes that come from another one begin anew */
	struct pages *heir; /* what is not committed here is copied there */
	bool abandoned; /* nobody can read them any more: nothing is owed */
	bool sealed; /* no accountant may begin with them any more */
	bool masked; /* an event came, and its port is still masked */
	uint64_t left_at; /* ms: when the last lane had left; 0: not yet */
	unsigned int domid; /* granted to */
	xengntshr_handle *gntshr;
	evtchn_port_t port;
	bool port_gone; /* closed with its handle: the number may be another's */
	void *memory; /* when not granted */
	uint32_t ref; /* grant of the link page */
	struct acctring_link_page *link;
	struct acctring_reply_page *kreply;
	struct acctring_payer_page *payers;
	struct lane_pages lane[];
};

/* Private pages.  NULL: ENOMEM. */
struct pages *pages_local(const struct geometry *g);

/*
 * Pages granted to domid, whose kernel is told through port when we end.
 * NULL: errno, among them ENOSPC.
 */
struct pages *pages_grant(const struct geometry *g, xengntshr_handle *gntshr, unsigned int domid,
			  evtchn_port_t port);

/* Gives the pages back. */
void pages_free(struct pages *p);

#endif
