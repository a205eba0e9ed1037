/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.h - a thread that serves queues: by events, by deficit round robin
 * among their guests, with one lane.
 */
#ifndef BACKEND_NET_WORKER_H
#define BACKEND_NET_WORKER_H

#include "backend/net/meter.h"
#include "backend/net/vif.h"

#define WORKERS 64u /* most of them */

/* A part of a frame, on its way from or to a page of a guest. */
struct piece {
	uint32_t ref;
	uint16_t offset, size;
	void *local;
	bool ok; /* was copied */
};

#define PIECES (TX_BATCH * (TX_PARTS > RX_PARTS ? TX_PARTS : RX_PARTS))

/* All queues of a guest at a worker; it gets no more for having many. */
struct flow {
	struct drr_flow drr; /* first */
	LIST_ENTRY(flow) link;
	unsigned int domid, queues;
	TAILQ_HEAD(, queue) ready;
};

struct worker {
	struct net *net;
	pthread_t thread;
	bool running;
	int epoll, wake;
	xengnttab_handle *xgt;
	xenevtchn_handle *xce;
	unsigned int queues; /* the main thread's: assigned */
	/* from other threads */
	pthread_mutex_t lock;
	STAILQ_HEAD(, queue) pokes;
	bool ending;
	/* its own */
	struct acctring_lane *lane;
	struct meter meter;
	struct drr drr;
	LIST_HEAD(, flow) flows;
	TAILQ_HEAD(, queue) later; /* have no allowance, or no buffers and would not tell */
	uint64_t later_at; /* ms: when they are looked at */
	struct queue **port; /* by event channel */
	unsigned int ports;
	bool no_copy; /* this kernel has no grant copy: maps instead */
	struct piece piece[PIECES];
	xengnttab_grant_copy_segment_t segment[PIECES];
	uint8_t *arena; /* TX_BATCH frames of any size */
};

/* The whole frame of the arena's i-th place. */
struct frame *worker_frame(struct worker *w, unsigned int i);

/* 0 or -errno; the thread has a lane and runs. */
int worker_start(struct worker *w, struct net *net);
void worker_stop(struct worker *w);

/* May its guest spend more?  All of the batch counts, also what others pay: rather too early denied. */
static inline bool queue_admitted(const struct queue *q)
{
	return acctring_admit_more(q->w->lane, vif_payer(q->v)->row,
				   admission_pending(&q->admission, q->w->meter.n));
}

/* ready.c */
/* By any thread: has q's worker look at it. */
void queue_poke(struct queue *q, enum want want);
/* By the queue's worker. */
void queue_ready(struct queue *q);
/* It is to be asked again in a while. */
void queue_later(struct queue *q);
void queue_broke(struct queue *q, const char *why);
/* Does what others have asked for; has those looked at whose while is over. */
void worker_pokes(struct worker *w);
void worker_later(struct worker *w);

/* copy.c: pieces of one guest's pages, in one call */
void copy_pieces(struct worker *w, unsigned int domid, unsigned int n, bool to_guest);

#endif
