/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netfront.h - a network device as the guest sees it: two rings, pages to
 * send from and to receive into, granted from start to end.
 */
#ifndef FRONTEND_NET_NETFRONT_H
#define FRONTEND_NET_NETFRONT_H

#include "common/xenbus_ring.h"
#include <xen/io/netif.h>

#include "frontend/front.h"

#define NET_TX_PAGES 128u
#define NET_RX_PAGES 256u /* entries of a receive ring of one page */

struct net_page {
	char *data;
	uint32_t ref;
	bool busy;
};

struct netfront {
	struct front f;
	uint8_t mac[6];
	bool no_csum; /* we do not take frames with blank checksums */
	struct netif_tx_front_ring tx;
	struct netif_rx_front_ring rx;
	uint32_t tx_ref, rx_ref;
	struct net_page out[NET_TX_PAGES], in[NET_RX_PAGES];
	unsigned int buffers; /* receive pages in use */
	unsigned int in_flight; /* slots sent and not answered */
	unsigned int tx_error; /* slots answered with an error */
	unsigned int rx_error;
	/* a frame of many slots, while it comes */
	uint8_t frame[65536 + XENBUS_PAGE];
	uint32_t len;
	bool blank, spoiled, inside;
	bool stalled; /* buffers are not given back */
};

int net_open(struct netfront *n, const char *device, unsigned int buffers, int timeout_ms);
bool net_connect(struct netfront *n);
void net_close(struct netfront *n);

/* Puts a frame into the ring; false: no room now.  hash: with an extra slot. */
bool net_send(struct netfront *n, const uint8_t *frame, uint32_t len, bool blank, bool hash);
void net_push(struct netfront *n);
/* Takes answers; false: the backend broke the ring. */
bool net_reap(struct netfront *n);

/*
 * The next frame, in n->frame, n->len, n->blank: 1; 0: none; -1: the
 * backend broke the ring.
 */
int net_receive(struct netfront *n);
/* Gives emptied buffers back. */
void net_refill(struct netfront *n);

#endif
