/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vif.h - a network device and its queues, as the threads that serve it have
 * them.  A queue belongs to one worker; what other threads may touch of it is
 * said below.
 */
#ifndef BACKEND_NET_VIF_H
#define BACKEND_NET_VIF_H

#include <pthread.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "backend/admission.h"
#include "backend/backend.h"
#include "backend/drr.h"
#include "backend/net/fdb.h"
#include "backend/net/gso.h"
#include "backend/net/tap.h"
#include "backend/net/txparse.h"

#define QUEUES 16u /* most of a device */
#define TX_BATCH 32u /* frames taken from a queue in one service */
#define RX_BATCH 32u /* frames given to it */
#define BATCH_BYTES (256u * 1024u) /* and then the batch ends */
#define RX_LOOKS 4u /* for more buffers, in one service */
#define FIFO_FRAMES 512u /* waiting for a queue; then they are dropped */
#define FIFO_BYTES (2u * 1024u * 1024u)
#define FRAME_MAX 65600u /* of a TAP: IPv6's 65535 and headers */
#define RX_PARTS (FRAME_MAX / XENBUS_PAGE + 2) /* with the extra information */
#define TX_RING __CONST_RING_SIZE(netif_tx, XENBUS_PAGE)

struct worker;
struct net;
struct vif;

/* A frame in our memory; in the queues of one receiver or of many. */
struct frame {
	unsigned int refs; /* atomic; what is shared is not changed any more */
	uint32_t len;
	uint64_t ns; /* burned for it before it was queued; 0 where it is shared */
	struct offload off;
	uint16_t cause; /* the sender's payer row */
	uint8_t data[];
};

struct queued {
	struct frame *f;
	uint64_t at; /* counter */
	uint8_t klass;
};

struct fifo {
	struct queued slot[FIFO_FRAMES];
	unsigned int head, n;
	uint64_t bytes;
};

/* What the main thread wants of a queue's worker. */
enum want { WANT_NOTHING, WANT_SERVED, WANT_LEFT };

enum { PORT_TX, PORT_RX, PORTS };

struct queue {
	struct vif *v;
	unsigned int id;
	struct worker *w;
	struct flow *flow; /* of its guest, at the worker */
	TAILQ_ENTRY(queue) link; /* of those of the flow with work, or that are asked again later */
	enum { QUEUE_IDLE, QUEUE_READY, QUEUE_LATER } list;
	/* under w->lock */
	STAILQ_ENTRY(queue) poke;
	bool poked;
	enum want want;
	/* the connection */
	evtchn_port_t port[PORTS]; /* both the same where they are not split */
	bool bound[PORTS];
	struct netif_tx_back_ring tx;
	struct netif_rx_back_ring rx;
	int tap; /* descriptor, or -1 */
	/* the worker's */
	bool masked[PORTS]; /* an event came and is still masked */
	bool event; /* and did not bring anything yet */
	bool tap_ready; /* it may have frames */
	bool again, later; /* has more to do; to be asked again in a while */
	bool denied, rx_first; /* by its limit; what is served first */
	uint64_t due_ms; /* when that is over */
	struct admission admission;
	uint64_t event_at; /* counter */
	uint64_t idle; /* ns burned without a frame, not billed yet */
	uint32_t seen_to, rx_seen; /* the guest's indices when last seen; they never go back */
	uint64_t seen_at[TX_RING]; /* the counter when each transmit slot was first seen */
	struct queued cut; /* being cut into segments; .f NULL: none */
	unsigned int cut_next, cut_all;
	size_t cut_head;
	/* under lock: frames for the guest; others put some there */
	pthread_mutex_t lock;
	struct fifo fifo;
	/* atomic */
	bool left; /* not served any more: the answer to WANT_LEFT */
};

struct vif {
	LIST_ENTRY(vif) link; /* of those that are switched, under net->topology */
	struct net *net;
	struct device *d;
	struct tap tap;
	char *bridge; /* of the TAP */
	struct fdb_port fdb;
	bool joined; /* under net->topology: it is one of them, and learned from */
	/* from here on of one connection */
	struct queue *queue;
	unsigned int queues;
	/* what the guest takes */
	bool sg, blank4, blank6, gso4, gso6, rx_notify;
	bool stopping;
	const char *broken; /* atomic; why, of the first queue that broke */
};

static inline struct payer *vif_payer(const struct vif *v)
{
	return &v->d->payer;
}

static inline uint32_t wait_ns(const struct acctring_lane *l, uint64_t from, uint64_t to)
{
	uint64_t ns = to > from ? acctring_ns(l, to - from) : 0;

	return ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

/* tx.c: takes frames from the guest and sends them on */
void queue_transmit(struct queue *q);

/* rx.c: gives the guest frames */
void queue_receive(struct queue *q);
/* What is to be given is given up; the drops are billed.  False: more has come meanwhile. */
bool queue_flush(struct queue *q);

/* fifo.c */
struct frame *frame_new(uint32_t len);
void frame_put(struct frame *f);
/* By any thread, of worker `by`: for q's guest, or dropped and billed. */
void queue_put(struct queue *q, struct frame *f, uint8_t klass, struct worker *by);
/* By its worker: the first; false: none. */
bool queue_peek(struct queue *q, struct queued *out);
unsigned int queue_waiting(struct queue *q);
void queue_pop(struct queue *q);
/* A frame that this guest does not get; `cycles` were burned for it. */
void post_drop(struct queue *q, const struct frame *f, uint64_t cycles, struct worker *by);
/* Must this guest be given segments, or can it take the frame? */
bool vif_must_cut(const struct vif *v, const struct frame *f);

/* switch.c */
void switch_join(struct vif *v);
/* When it returns nobody has the vif in hand. */
void switch_leave(struct vif *v);
/* Between begin, which learns where the frames come from, and end. */
void switch_begin(struct vif *from, struct frame *const *f, unsigned int n);
void switch_frame(struct vif *from, struct frame *f, struct worker *by);
void switch_end(struct net *net);

#endif
