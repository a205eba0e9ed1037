/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rings of a network device.
 */
#include "frontend/net/netfront.h"

#define PARTS 17u /* of a frame, at most */

/* ---- sending ---- */

/* Free pages for a frame, or false. */
static bool find_pages(const struct netfront *n, const struct net_queue *q, unsigned int want,
		       unsigned int *page)
{
	unsigned int i, k = 0;

	for (i = 0; k < want && i < n->tx_pages; i++)
		if (!q->out[i].busy)
			page[k++] = i;
	return k == want;
}

static void put_extra(struct net_queue *q, struct netif_extra_info e, bool more)
{
	e.flags = more ? XEN_NETIF_EXTRA_FLAG_MORE : 0;
	memcpy(RING_GET_REQUEST(&q->tx, q->tx.req_prod_pvt), &e, sizeof(e));
	q->tx.req_prod_pvt++;
	q->in_flight++;
}

static void put_extras(struct net_queue *q, const struct net_frame *f)
{
	struct netif_extra_info gso = { .type = XEN_NETIF_EXTRA_TYPE_GSO };
	struct netif_extra_info hash = { .type = XEN_NETIF_EXTRA_TYPE_HASH };

	gso.u.gso.type = f->gso;
	gso.u.gso.size = f->gso_size;
	if (f->gso)
		put_extra(q, gso, f->hash);
	if (f->hash)
		put_extra(q, hash, false);
}

bool net_send(struct netfront *n, struct net_queue *q, const struct net_frame *f)
{
	unsigned int page[PARTS], parts = (f->len + XENBUS_PAGE - 1) / XENBUS_PAGE, i;
	unsigned int extras = f->hash + (f->gso != 0);
	uint32_t size, at;

	if (RING_FREE_REQUESTS(&q->tx) < parts + extras || !find_pages(n, q, parts, page))
		return false;
	for (i = 0, at = 0; i < parts; i++, at += size) {
		struct net_page *p = &q->out[page[i]];
		struct netif_tx_request *r = RING_GET_REQUEST(&q->tx, q->tx.req_prod_pvt);

		size = f->len - at < XENBUS_PAGE ? f->len - at : XENBUS_PAGE;
		memcpy(p->data, f->data + at, size);
		p->busy = true;
		r->gref = p->ref;
		r->offset = 0;
		r->id = (uint16_t)page[i];
		r->size = (uint16_t)(i ? size : f->len); /* the first says it all */
		r->flags = i + 1 < parts ? NETTXF_more_data : 0;
		if (!i && f->blank)
			r->flags |= NETTXF_csum_blank | NETTXF_data_validated;
		if (!i && extras)
			r->flags |= NETTXF_extra_info;
		q->tx.req_prod_pvt++;
		q->in_flight++;
		if (!i && extras)
			put_extras(q, f);
	}
	return true;
}

void net_push(struct netfront *n, struct net_queue *q)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&q->tx, notify);
	if (notify)
		front_kick_port(&n->f, q->port[0]);
}

unsigned int net_in_flight(const struct netfront *n)
{
	unsigned int i, all = 0;

	for (i = 0; i < n->how.queues; i++)
		all += n->queue[i].in_flight;
	return all;
}

/* One answer. */
static bool take_answer(struct netfront *n, struct net_queue *q,
			const struct netif_tx_response *copy)
{
	q->tx.rsp_cons++;
	q->in_flight--;
	if (copy->status == NETIF_RSP_NULL)
		return true;
	if (copy->id >= n->tx_pages || !q->out[copy->id].busy)
		return false;
	q->out[copy->id].busy = false;
	n->tx_error += copy->status != NETIF_RSP_OKAY;
	return true;
}

bool net_reap(struct netfront *n, struct net_queue *q)
{
	struct netif_tx_response copy;
	uint32_t prod;

	for (;;) {
		prod = xenbus_index(&q->tx.sring->rsp_prod);
		xen_rmb(); /* answers are read after the index that covers them */
		if (prod - q->tx.rsp_cons > q->tx.req_prod_pvt - q->tx.rsp_cons)
			return false;
		while (q->tx.rsp_cons != prod) {
			RING_COPY_RESPONSE(&q->tx, q->tx.rsp_cons, &copy);
			if (!take_answer(n, q, &copy))
				return false;
		}
		q->tx.sring->rsp_event = prod + 1;
		xen_mb(); /* the backend sees our wish before we see its index */
		if (xenbus_index(&q->tx.sring->rsp_prod) == prod)
			return true;
	}
}

/* ---- receiving ---- */

void net_refill(struct netfront *n, struct net_queue *q)
{
	struct netif_rx_request *r;
	unsigned int i;
	bool any = false;
	int notify;

	for (i = 0; !n->stalled && i < n->how.buffers; i++) {
		if (q->in[i].busy)
			continue;
		r = RING_GET_REQUEST(&q->rx, q->rx.req_prod_pvt);
		r->id = (uint16_t)i;
		r->pad = 0;
		r->gref = q->in[i].ref;
		q->in[i].busy = true;
		q->place[q->rx.req_prod_pvt % NET_RX_PAGES] = (uint16_t)i;
		q->rx.req_prod_pvt++;
		any = true;
	}
	if (!any)
		return;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&q->rx, notify);
	if (notify && !n->how.no_notify)
		front_kick_port(&n->f, q->port[n->how.split]);
}

/* It takes the place of a buffer, which is empty then. */
static int take_extra(struct net_queue *q)
{
	uint32_t at = q->rx.rsp_cons++;
	struct netif_extra_info e;

	memcpy(&e, RING_GET_RESPONSE(&q->rx, at), sizeof(e));
	q->in[q->place[at % NET_RX_PAGES]].busy = false;
	q->extra = e.flags & XEN_NETIF_EXTRA_FLAG_MORE;
	if (e.type != XEN_NETIF_EXTRA_TYPE_GSO)
		return -1;
	q->gso = e.u.gso.type;
	q->gso_size = e.u.gso.size;
	return 0;
}

/* The frame is whole: 1, if it is good. */
static int end_frame(struct netfront *n, struct net_queue *q)
{
	n->rx_error += q->spoiled;
	return !q->spoiled;
}

/* One slot of a frame: 1: the frame is whole. */
static int take_slot(struct netfront *n, struct net_queue *q, const struct netif_rx_response *copy)
{
	struct net_page *p;

	q->rx.rsp_cons++;
	if (copy->id >= n->how.buffers || !q->in[copy->id].busy ||
	    copy->status > (int)XENBUS_PAGE - copy->offset)
		return -1;
	p = &q->in[copy->id];
	p->busy = false;
	if (!q->inside) {
		q->len = q->gso = q->gso_size = 0;
		q->blank = copy->flags & NETRXF_csum_blank;
		q->extra = copy->flags & NETRXF_extra_info;
		q->spoiled = false;
	}
	q->inside = copy->flags & NETRXF_more_data;
	if (copy->status <= 0 || q->len + (uint32_t)copy->status > 65549) {
		q->spoiled = true;
	} else {
		memcpy(q->frame + q->len, p->data + copy->offset, (size_t)copy->status);
		q->len += (uint32_t)copy->status;
	}
	return q->inside || q->extra ? 0 : end_frame(n, q);
}

/* As take_slot(), and -1: the backend broke the ring. */
static int take_next(struct netfront *n, struct net_queue *q)
{
	struct netif_rx_response copy;

	if (q->extra) {
		if (take_extra(q))
			return -1;
		return q->inside || q->extra ? 0 : end_frame(n, q);
	}
	RING_COPY_RESPONSE(&q->rx, q->rx.rsp_cons, &copy);
	return take_slot(n, q, &copy);
}

int net_receive(struct netfront *n, struct net_queue *q)
{
	uint32_t prod;
	int r;

	for (;;) {
		prod = xenbus_index(&q->rx.sring->rsp_prod);
		xen_rmb(); /* answers are read after the index that covers them */
		if (prod - q->rx.rsp_cons > q->rx.req_prod_pvt - q->rx.rsp_cons)
			return -1;
		while (q->rx.rsp_cons != prod) {
			r = take_next(n, q);
			if (r)
				return r;
		}
		q->rx.sring->rsp_event = prod + 1;
		xen_mb(); /* the backend sees our wish before we see its index */
		if (xenbus_index(&q->rx.sring->rsp_prod) == prod)
			return 0;
	}
}
