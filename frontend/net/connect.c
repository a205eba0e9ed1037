/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The device from its first page to the last: grants, what stands in xenstore.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mac.h"
#include "common/xs.h"
#include "frontend/net/netfront.h"

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

static bool open_queue(struct netfront *n, struct net_queue *q)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (!front_port(&n->f, 2 * q->id + i, &q->port[i]))
			return false;
	q->tx.sring = front_share(&n->f, 1, &q->tx_ref);
	q->rx.sring = front_share(&n->f, 1, &q->rx_ref);
	if (q->tx.sring && q->rx.sring && share(n, q->out, n->tx_pages) &&
	    share(n, q->in, n->how.buffers))
		return true;
	log_error("cannot grant %u pages to domain %d: %s",
		  n->how.queues * (2 + n->tx_pages + n->how.buffers), n->f.backend,
		  strerror(errno));
	return false;
}

int net_open(struct netfront *n, const char *device, const struct net_how *how, int timeout_ms)
{
	unsigned int i;

	memset(n, 0, sizeof(*n));
	n->how = *how;
	/* a domain has 1024 grants */
	n->tx_pages = how->queues > 2 ? NET_TX_PAGES / 2 : NET_TX_PAGES;
	n->queue = calloc(how->queues, sizeof(*n->queue));
	if (!n->queue || !front_open(&n->f, "vif", device, timeout_ms) || !read_mac(n))
		return EXIT_ENV;
	for (i = 0; i < how->queues; i++) {
		n->queue[i].id = i;
		if (!open_queue(n, &n->queue[i]))
			return EXIT_ENV;
	}
	return 0;
}

/* ---- connecting ---- */

static void begin_queue(struct netfront *n, struct net_queue *q)
{
	struct netif_tx_sring *tx = q->tx.sring;
	struct netif_rx_sring *rx = q->rx.sring;
	unsigned int i;

	XEN_FRONT_RING_INIT(&q->tx, tx, XENBUS_PAGE);
	XEN_FRONT_RING_INIT(&q->rx, rx, XENBUS_PAGE);
	for (i = 0; i < n->tx_pages; i++)
		q->out[i].busy = false;
	for (i = 0; i < n->how.buffers; i++)
		q->in[i].busy = false;
	q->in_flight = 0;
	q->inside = q->extra = false;
	net_refill(n, q);
}

static bool write_number(struct netfront *n, const struct net_queue *q, const char *leaf,
			 uint32_t value)
{
	char path[64];

	snprintf(path, sizeof(path), "queue-%u/%s", q->id, leaf);
	return front_write(&n->f, n->how.queues > 1 ? path : leaf, "%u", value);
}

static bool write_queue(struct netfront *n, const struct net_queue *q)
{
	if (!write_number(n, q, "tx-ring-ref", q->tx_ref) ||
	    !write_number(n, q, "rx-ring-ref", q->rx_ref))
		return false;
	if (!n->how.split)
		return write_number(n, q, "event-channel", q->port[0]);
	return write_number(n, q, "event-channel-tx", q->port[0]) &&
	       write_number(n, q, "event-channel-rx", q->port[1]);
}

void net_forget_split(struct netfront *n)
{
	static const char *const leaf[] = { "event-channel-tx", "event-channel-rx" };
	char path[XENSTORE_ABS_PATH_MAX + 1];
	unsigned int i, queue;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", n->f.dir, leaf[i]);
		xs_rm(n->f.xsh, XBT_NULL, path);
		for (queue = 0; queue < n->how.queues; queue++) {
			snprintf(path, sizeof(path), "%s/queue-%u/%s", n->f.dir, queue, leaf[i]);
			xs_rm(n->f.xsh, XBT_NULL, path);
		}
	}
}

static bool write_features(struct netfront *n)
{
	const struct {
		const char *leaf;
		unsigned int value;
	} node[] = {
		{ "multi-queue-num-queues", n->how.queues },
		{ "request-rx-copy", 1 },
		{ "feature-rx-notify", !n->how.no_notify },
		{ "feature-sg", !n->how.no_sg },
		{ "feature-gso-tcpv4", !n->how.no_gso },
		{ "feature-gso-tcpv6", !n->how.no_gso },
		{ "feature-no-csum-offload", n->how.no_csum },
		{ "feature-ipv6-csum-offload", !n->how.no_csum },
	};
	unsigned int i;

	for (i = 0; i < sizeof(node) / sizeof(node[0]); i++)
		if (!front_write(&n->f, node[i].leaf, "%u", node[i].value))
			return false;
	return true;
}

bool net_connect(struct netfront *n)
{
	unsigned int i;

	if (!front_begin(&n->f))
		return false;
	net_forget_split(n);
	for (i = 0; i < n->how.queues; i++) {
		begin_queue(n, &n->queue[i]);
		if (!write_queue(n, &n->queue[i]))
			return false;
	}
	return write_features(n) && front_connect(&n->f);
}

void net_close(struct netfront *n)
{
	front_end(&n->f);
	front_close(&n->f);
	free(n->queue);
	n->queue = NULL;
}
