/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Payer rows.  Each set of pages has the whole table: a set that lanes are
 * still on may have its accountant.
 */
#include "ring/barrier.h"
#include "ring/link.h"

#include <errno.h>

#define DOMID_LIMIT 32752u

static struct acctring_payer_row *row_in(const struct pages *p, uint32_t n)
{
	return (struct acctring_payer_row *)p->payers + n;
}

static void row_write(const struct pages *p, uint32_t n, const struct acctring_payer_row *row)
{
	struct acctring_payer_row *to = row_in(p, n);

	st_relaxed(&to->domid, row->domid);
	st_relaxed(&to->kind, row->kind);
	st_relaxed(&to->device, row->device);
	st_relaxed(&to->serial, row->serial);
	st_release(&to->state, row->state);
}

void link_fill(struct acctring *r, struct pages *p)
{
	struct acctring_link_page *k = p->link;
	unsigned int i, j;

	p->epoch = r->epoch;
	k->magic = ACCTRING_MAGIC_LINK;
	k->version = ACCTRING_ABI_VERSION;
	k->features = r->features;
	k->epoch = r->epoch;
	k->domid = (uint16_t)r->conn.domid;
	k->lanes = (uint16_t)p->geo.lanes;
	k->ring_pages = (uint16_t)p->geo.ring_pages;
	k->payer_pages = (uint16_t)p->geo.payer_pages;
	k->counter = r->counter;
	k->shift = r->shift;
	k->mult = r->mult;
	k->refs_used = geometry_refs(&p->geo);
	for (i = 0; i < sizeof(k->program) - 1; i++)
		k->program[i] = r->program[i];
	k->alive = 1;
	p->kreply->magic = ACCTRING_MAGIC_REPLY;
	p->kreply->epoch = r->epoch;
	for (i = 0; i < p->geo.lanes; i++) {
		for (j = 0; j < p->geo.payer_pages; j++) {
			struct acctring_lane_reply_page *kr = &p->lane[i].kreply[j];

			kr->magic = ACCTRING_MAGIC_LANE_REPLY;
			kr->epoch = r->epoch;
			kr->lane = i;
			kr->page = j;
		}
	}
	r->row[ACCTRING_PAYER_OWN].domid = (uint16_t)r->conn.domid;
	for (i = 0; i < r->row_next; i++)
		if (r->row[i].state != ACCTRING_PAYER_FREE)
			row_write(p, i, &r->row[i]);
}

/* Payer numbers leave out the head of each page. */
static uint32_t row_after(uint32_t n)
{
	n++;
	return n % ACCTRING_PAYERS_PER_PAGE ? n : n + ACCTRING_PAYER_HOLE;
}

int acctring_payer_open(struct acctring *r, unsigned int domid, unsigned int kind,
			unsigned int device)
{
	struct acctring_payer_row *row;
	struct pages *p;
	uint32_t n;

	if (r->forked)
		return -EPIPE;
	if (domid >= DOMID_LIMIT || kind >= ACCTRING_KINDS)
		return -EINVAL;
	pthread_mutex_lock(&r->lock);
	n = r->row_next;
	if (n >= geometry_payers(&r->geo)) {
		pthread_mutex_unlock(&r->lock);
		return -ENOSPC;
	}
	row = &r->row[n];
	row->domid = (uint16_t)domid;
	row->kind = (uint8_t)kind;
	row->device = device;
	row->serial = ++r->serial;
	row->state = ACCTRING_PAYER_OPEN;
	for (p = r->sets; p; p = p->next)
		row_write(p, n, row);
	r->row_next = row_after(n);
	r->rows_open++;
	r->rows_used++;
	pthread_mutex_unlock(&r->lock);
	return (int)n;
}

int acctring_payer_close(struct acctring *r, int payer)
{
	uint32_t n = (uint32_t)payer;
	struct pages *p;
	int ret = -EINVAL;

	if (r->forked)
		return -EPIPE;
	pthread_mutex_lock(&r->lock);
	if (payer > (int)ACCTRING_PAYER_OWN && n < geometry_payers(&r->geo) &&
	    r->row[n].state == ACCTRING_PAYER_OPEN) {
		r->row[n].state = ACCTRING_PAYER_CLOSED;
		for (p = r->sets; p; p = p->next)
			st_release(&row_in(p, n)->state, ACCTRING_PAYER_CLOSED);
		r->rows_open--;
		ret = 0;
	}
	pthread_mutex_unlock(&r->lock);
	return ret;
}
