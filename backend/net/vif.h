/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vif.h - a connected network device, and the switch that joins them.  All
 * on one thread, with one lane; guests are served in turn, a bounded number
 * of frames each.
 */
#ifndef BACKEND_NET_VIF_H
#define BACKEND_NET_VIF_H

#include <xenevtchn.h>
#include <xengnttab.h>

#include "backend/backend.h"
#include "backend/net/fdb.h"
#include "backend/net/txparse.h"

#define TX_TURN 32u /* frames taken from a guest in its turn */
#define RX_TURN 64u /* frames given to a guest in its turn */
#define RX_LOOKS 4u /* for more buffers, in its turn */
#define QUEUE_FRAMES 256u /* waiting for a guest; then they are dropped */
#define QUEUE_BYTES (1024u * 1024u)
#define TX_RING __CONST_RING_SIZE(netif_tx, XENBUS_PAGE)

/* A frame in our memory; in the queues of one receiver or of many. */
struct frame {
	unsigned int refs;
	uint16_t cause; /* the sender's payer row */
	uint16_t len;
	bool blank; /* its checksum is blank */
	bool valid; /* its checksum was checked */
	uint8_t data[];
};

struct queued {
	struct frame *f;
	uint64_t at; /* counter */
	uint8_t klass;
};

/* What one frame costs: a span, and ns by the thread's CPU clock while it is paused. */
struct work {
	struct acctring_span span;
	uint64_t ns;
};

struct net; /* the switch */

struct vif {
	LIST_ENTRY(vif) link;
	struct net *net;
	struct device *d;
	struct fdb_port fdb;
	/* the connection */
	evtchn_port_t port;
	bool bound;
	struct netif_tx_back_ring tx;
	struct netif_rx_back_ring rx;
	bool sg, blank4, blank6, rx_notify;
	/* an event came and is still masked; when; did it bring anything? */
	bool masked, worked;
	uint64_t event_at;
	uint64_t fruitless; /* ns spent on frames whose last slots were missing */
	/* the guest's indices when we last looked; they never go back */
	uint32_t seen_to, rx_seen;
	/* the counter when each transmit slot was first seen */
	uint64_t seen_at[TX_RING];
	bool again; /* has more to do */
	bool blocked; /* has no allowance now */
	const char *broken;
	/* frames for this guest */
	struct queued queue[QUEUE_FRAMES];
	unsigned int head, queued;
	uint64_t queued_bytes;
};

struct net {
	struct backend *b;
	struct acctring_lane *lane;
	xengnttab_handle *xgt;
	xenevtchn_handle *xce;
	LIST_HEAD(, vif) vifs;
	struct fdb fdb;
	uint64_t aside; /* ns inside the running span that are posted already */
	bool no_copy; /* this kernel has no grant copy: maps instead */
};

/*
 * copy.c: false when any part could not be copied.  The grant device may
 * make us wait for others, so what was burned is added to w->ns and the
 * span is paused meanwhile.
 */
bool copy_from_guest(struct vif *v, const struct tx_packet *p, uint8_t *to, struct work *w);
bool copy_to_guest(struct vif *v, const uint8_t *data, const struct tx_part *part,
		   unsigned int parts, struct work *w);

/* tx.c: takes frames from the guest and switches them */
void vif_transmit(struct vif *v);

/* rx.c */
void vif_queue(struct vif *v, struct frame *f, uint8_t klass);
void vif_receive(struct vif *v);
/* Gives up what is queued; the drops are billed. */
void vif_flush(struct vif *v);
void frame_put(struct frame *f);

/* Ends the work as a record for this vif; what is aside is not in it. */
void vif_post(struct vif *v, struct work *w, struct acctring_cost *c);
void vif_push(struct vif *v, int notify);

static inline void work_begin(const struct vif *v, struct work *w)
{
	w->ns = 0;
	acctring_span_begin(v->net->lane, &w->span);
}

static inline uint32_t vif_wait(const struct vif *v, uint64_t from, uint64_t to)
{
	uint64_t ns = acctring_ns(v->net->lane, to - from);

	return ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

#endif
