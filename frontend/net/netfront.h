/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * netfront.h - a network device as the guest sees it: queues of two rings,
 * pages to send from and to receive into, granted from start to end.
 */
#ifndef FRONTEND_NET_NETFRONT_H
#define FRONTEND_NET_NETFRONT_H

#include "common/xenbus_ring.h"
#include <xen/io/netif.h>

#include "frontend/front.h"

#define NET_QUEUES 8u
#define NET_TX_PAGES 128u
#define NET_RX_PAGES 256u /* entries of a receive ring of one page */

struct net_page {
	char *data;
	uint32_t ref;
	bool busy;
};

/* What the device is to be like. */
struct net_how {
	unsigned int queues;
	unsigned int buffers; /* receive pages of a queue */
	bool split; /* event channels of their own for both directions */
	/* what we do not take */
	bool no_csum, no_gso, no_sg;
	bool no_notify; /* nor tell when there are buffers */
};

/* A frame that is sent. */
struct net_frame {
	const uint8_t *data;
	uint32_t len;
	uint8_t gso; /* XEN_NETIF_GSO_TYPE_*, and bytes of a segment */
	uint16_t gso_size;
	bool blank, hash;
};

struct net_queue {
	unsigned int id;
	evtchn_port_t port[2]; /* transmit, receive */
	struct netif_tx_front_ring tx;
	struct netif_rx_front_ring rx;
	uint32_t tx_ref, rx_ref;
	struct net_page out[NET_TX_PAGES], in[NET_RX_PAGES];
	unsigned int in_flight; /* slots sent and not answered */
	uint16_t place[NET_RX_PAGES]; /* by place in the receive ring: which of in[] */
	/* a frame of many slots, while it comes */
	uint8_t frame[65536 + XENBUS_PAGE];
	uint32_t len;
	uint8_t gso;
	uint16_t gso_size;
	bool blank, spoiled, inside, extra;
};

struct netfront {
	struct front f;
	struct net_how how;
	uint8_t mac[6];
	unsigned int tx_pages; /* of a queue */
	struct net_queue *queue;
	unsigned int tx_error; /* slots answered with an error */
	unsigned int rx_error;
	bool stalled; /* buffers are not given back */
};

/* An exit status.  Memory and grants for how->queues queues. */
int net_open(struct netfront *n, const char *device, const struct net_how *how, int timeout_ms);
/* As n->how says, which may have changed, but for more queues or buffers. */
bool net_connect(struct netfront *n);
/* Who was there before us may have had split channels: what it wrote is not ours. */
void net_forget_split(struct netfront *n);
void net_close(struct netfront *n);

/* Puts a frame into the ring; false: no room now. */
bool net_send(struct netfront *n, struct net_queue *q, const struct net_frame *f);
void net_push(struct netfront *n, struct net_queue *q);
/* Takes answers; false: the backend broke the ring. */
bool net_reap(struct netfront *n, struct net_queue *q);
/* Of all queues: slots sent and not answered. */
unsigned int net_in_flight(const struct netfront *n);

/*
 * The next frame, in q->frame, q->len, q->blank, q->gso: 1; 0: none; -1: the
 * backend broke the ring.
 */
int net_receive(struct netfront *n, struct net_queue *q);
/* Gives emptied buffers back. */
void net_refill(struct netfront *n, struct net_queue *q);

#endif
