/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/net/netfront.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/mac.h"
#include "common/xs.h"

static bool read_mac(struct netfront *n)
{
	char *text = xs_readf(n->f.xsh, "%s/mac", n->f.dir);
	bool ok = text && mac_parse(text, n->mac);

	if (!ok)
		log_error("%s/mac: not an address", n->f.dir);
	free(text);
	return ok;
}

static bool share(struct netfront *n, struct net_page *p, unsigned int pages)
{
	uint32_t ref[NET_RX_PAGES];
	char *data = front_share(&n->f, pages, ref);
	unsigned int i;

	for (i = 0; data && i < pages; i++) {
		p[i].data = data + i * XENBUS_PAGE;
		p[i].ref = ref[i];
	}
	return data;
}

int net_open(struct netfront *n, const char *device, unsigned int buffers, int timeout_ms)
{
	memset(n, 0, sizeof(*n));
	n->buffers = buffers;
	if (!front_open(&n->f, "vif", device, timeout_ms) || !read_mac(n))
		return EXIT_ENV;
	n->tx.sring = front_share(&n->f, 1, &n->tx_ref);
	n->rx.sring = front_share(&n->f, 1, &n->rx_ref);
	if (n->tx.sring && n->rx.sring && share(n, n->out, NET_TX_PAGES) &&
	    share(n, n->in, buffers))
		return 0;
	log_error("cannot grant %u pages to domain %d: %s", 2 + NET_TX_PAGES + buffers,
		  n->f.backend, strerror(errno));
	return EXIT_ENV;
}

bool net_connect(struct netfront *n)
{
	struct netif_tx_sring *tx = n->tx.sring;
	struct netif_rx_sring *rx = n->rx.sring;
	unsigned int i;

	if (!front_begin(&n->f))
		return false;
	XEN_FRONT_RING_INIT(&n->tx, tx, XENBUS_PAGE);
	XEN_FRONT_RING_INIT(&n->rx, rx, XENBUS_PAGE);
	for (i = 0; i < NET_TX_PAGES; i++)
		n->out[i].busy = false;
	for (i = 0; i < n->buffers; i++)
		n->in[i].busy = false;
	n->in_flight = 0;
	n->inside = false;
	net_refill(n);
	return front_write(&n->f, "tx-ring-ref", "%u", n->tx_ref) &&
	       front_write(&n->f, "rx-ring-ref", "%u", n->rx_ref) &&
	       front_write(&n->f, "event-channel", "%u", n->f.port) &&
	       front_write(&n->f, "request-rx-copy", "1") &&
	       front_write(&n->f, "feature-rx-notify", "1") &&
	       front_write(&n->f, "feature-sg", "1") &&
	       front_write(&n->f, "feature-no-csum-offload", "%d", n->no_csum) &&
	       front_connect(&n->f);
}

void net_close(struct netfront *n)
{
	front_end(&n->f);
	front_close(&n->f);
}

/* Free pages for a frame, or false. */
static bool find_pages(const struct netfront *n, unsigned int want, unsigned int *page)
{
	unsigned int i, k = 0;

	for (i = 0; k < want && i < NET_TX_PAGES; i++)
		if (!n->out[i].busy)
			page[k++] = i;
	return k == want;
}

static void put_hash(struct netfront *n)
{
	struct netif_extra_info e = { .type = XEN_NETIF_EXTRA_TYPE_HASH };

	memcpy(RING_GET_REQUEST(&n->tx, n->tx.req_prod_pvt), &e, sizeof(e));
	n->tx.req_prod_pvt++;
	n->in_flight++;
}

bool net_send(struct netfront *n, const uint8_t *frame, uint32_t len, bool blank, bool hash)
{
	unsigned int page[17], parts = (len + XENBUS_PAGE - 1) / XENBUS_PAGE, i;
	struct netif_tx_request *r;
	uint32_t size;

	if (RING_FREE_REQUESTS(&n->tx) < parts + hash || !find_pages(n, parts, page))
		return false;
	for (i = 0; i < parts; i++) {
		size = len - i * XENBUS_PAGE < XENBUS_PAGE ? len - i * XENBUS_PAGE : XENBUS_PAGE;
		memcpy(n->out[page[i]].data, frame + i * XENBUS_PAGE, size);
		n->out[page[i]].busy = true;
		r = RING_GET_REQUEST(&n->tx, n->tx.req_prod_pvt);
		r->gref = n->out[page[i]].ref;
		r->offset = 0;
		r->id = (uint16_t)page[i];
		r->size = (uint16_t)(i ? size : len); /* the first says it all */
		r->flags = i + 1 < parts ? NETTXF_more_data : 0;
		if (!i && blank)
			r->flags |= NETTXF_csum_blank | NETTXF_data_validated;
		if (!i && hash)
			r->flags |= NETTXF_extra_info;
		n->tx.req_prod_pvt++;
		n->in_flight++;
		if (!i && hash)
			put_hash(n);
	}
	return true;
}

void net_push(struct netfront *n)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&n->tx, notify);
	if (notify)
		front_kick(&n->f);
}

/* One answer. */
static bool take_answer(struct netfront *n, const struct netif_tx_response *copy)
{
	n->tx.rsp_cons++;
	n->in_flight--;
	if (copy->status == NETIF_RSP_NULL)
		return true;
	if (copy->id >= NET_TX_PAGES || !n->out[copy->id].busy)
		return false;
	n->out[copy->id].busy = false;
	n->tx_error += copy->status != NETIF_RSP_OKAY;
	return true;
}

bool net_reap(struct netfront *n)
{
	struct netif_tx_response copy;
	uint32_t prod;

	for (;;) {
		prod = xenbus_index(&n->tx.sring->rsp_prod);
		xen_rmb(); /* answers are read after the index that covers them */
		if (prod - n->tx.rsp_cons > n->tx.req_prod_pvt - n->tx.rsp_cons)
			return false;
		while (n->tx.rsp_cons != prod) {
			RING_COPY_RESPONSE(&n->tx, n->tx.rsp_cons, &copy);
			if (!take_answer(n, &copy))
				return false;
		}
		n->tx.sring->rsp_event = prod + 1;
		xen_mb(); /* the backend sees our wish before we see its index */
		if (xenbus_index(&n->tx.sring->rsp_prod) == prod)
			return true;
	}
}

void net_refill(struct netfront *n)
{
	struct netif_rx_request *r;
	unsigned int i;
	bool any = false;
	int notify;

	for (i = 0; !n->stalled && i < n->buffers; i++) {
		if (n->in[i].busy)
			continue;
		r = RING_GET_REQUEST(&n->rx, n->rx.req_prod_pvt);
		r->id = (uint16_t)i;
		r->pad = 0;
		r->gref = n->in[i].ref;
		n->in[i].busy = true;
		n->rx.req_prod_pvt++;
		any = true;
	}
	if (!any)
		return;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&n->rx, notify);
	if (notify)
		front_kick(&n->f);
}

/* One slot of a frame: 1: the frame is whole. */
static int take_slot(struct netfront *n, const struct netif_rx_response *copy)
{
	struct net_page *p;

	n->rx.rsp_cons++;
	if (copy->id >= n->buffers || !n->in[copy->id].busy || (copy->flags & NETRXF_extra_info) ||
	    copy->status > (int)XENBUS_PAGE - copy->offset)
		return -1;
	p = &n->in[copy->id];
	p->busy = false;
	if (!n->inside) {
		n->len = 0;
		n->blank = copy->flags & NETRXF_csum_blank;
		n->spoiled = false;
	}
	n->inside = copy->flags & NETRXF_more_data;
	if (copy->status <= 0 || n->len + (uint32_t)copy->status > 65535) {
		n->spoiled = true;
	} else {
		memcpy(n->frame + n->len, p->data + copy->offset, (size_t)copy->status);
		n->len += (uint32_t)copy->status;
	}
	if (n->inside)
		return 0;
	n->rx_error += n->spoiled;
	return !n->spoiled;
}

int net_receive(struct netfront *n)
{
	struct netif_rx_response copy;
	uint32_t prod;
	int r;

	for (;;) {
		prod = xenbus_index(&n->rx.sring->rsp_prod);
		xen_rmb(); /* answers are read after the index that covers them */
		if (prod - n->rx.rsp_cons > n->rx.req_prod_pvt - n->rx.rsp_cons)
			return -1;
		while (n->rx.rsp_cons != prod) {
			RING_COPY_RESPONSE(&n->rx, n->rx.rsp_cons, &copy);
			r = take_slot(n, &copy);
			if (r)
				return r;
		}
		n->rx.sring->rsp_event = prod + 1;
		xen_mb(); /* the backend sees our wish before we see its index */
		if (xenbus_index(&n->rx.sring->rsp_prod) == prod)
			return 0;
	}
}
