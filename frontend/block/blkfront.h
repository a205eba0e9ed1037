/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * blkfront.h - a disk as the guest sees it: rings, requests in flight, their
 * pages.  Pages stay granted from start to end.  Not more is believed of
 * the backend than a guest's kernel would: its answers are checked.
 */
#ifndef FRONTEND_BLOCK_BLKFRONT_H
#define FRONTEND_BLOCK_BLKFRONT_H

#include "common/blkabi.h"
#include "frontend/block/load.h"
#include "frontend/front.h"
#include "frontend/hist.h"

#define BLK_ORDER 4u /* most, of a ring's pages */
#define BLK_DEPTH 512u /* entries of so large a ring */
#define BLK_QUEUES 16u
#define BLK_PAGES 256u /* of a request */
#define BLK_MAX_BYTES (BLK_PAGES * XENBUS_PAGE)

/* How the disk is to be connected. */
struct blk_how {
	unsigned int depth, queues, order;
	uint32_t bytes; /* of the largest request */
	enum blk_abi abi;
	bool indirect; /* for requests that do not need it, too */
};

struct blk_slot {
	bool busy;
	struct load_request r;
	unsigned int queue;
	uint64_t id; /* slot number + BLK_DEPTH * use */
	uint64_t since; /* ns, when it was put into the ring */
	char *data;
	uint32_t ref[BLK_PAGES];
	/* where segments stand that are too many for the ring; or NULL */
	struct blk_segment *segment;
	uint32_t segment_ref;
};

struct blk_queue {
	evtchn_port_t port;
	uint8_t *ring;
	uint32_t ref[1u << BLK_ORDER], size; /* entries */
	uint32_t prod, pushed, cons;
};

struct blkfront {
	struct front f;
	struct blk_how how;
	struct blk_queue queue[BLK_QUEUES];
	unsigned int busy;
	struct blk_slot slot[BLK_DEPTH]; /* how.depth; slot i is of queue i % how.queues */
	/* the disk */
	uint64_t sectors; /* of 512 bytes */
	/* what happened */
	uint64_t done[LOAD_OPS]; /* answered */
	uint64_t errors, unsupported, bytes, reconnects;
	struct hist latency;
};

/* Opens and grants; then connects.  Exit code 0, or what the program exits with. */
int blk_open(struct blkfront *b, const char *device, const struct blk_how *how, int timeout_ms);
bool blk_connect(struct blkfront *b);
/* Connects anew and asks again what was not answered. */
bool blk_reconnect(struct blkfront *b);
void blk_close(struct blkfront *b);
/* The disk's size, as the backend says it now. */
void blk_read_size(struct blkfront *b);

/* A free slot or NULL. */
struct blk_slot *blk_slot(struct blkfront *b);
void blk_put(struct blkfront *b, struct blk_slot *s);
/* The same of a queue, byte by byte: what our own code would not make. */
void blk_put_raw(struct blkfront *b, unsigned int queue, const void *entry);
void blk_push(struct blkfront *b);

static inline struct blk_ring_header *blk_header(const struct blk_queue *q)
{
	return (struct blk_ring_header *)q->ring;
}

/* Entry `index` of the ring. */
uint8_t *blk_entry(const struct blkfront *b, const struct blk_queue *q, uint32_t index);

struct blk_answer {
	uint64_t id;
	uint8_t op;
	int16_t status;
};

/*
 * The next answer of a queue as it stands there, taken; 0: there is none,
 * and an event will come; -1: the backend's index breaks the ring.
 */
int blk_answer_raw(struct blkfront *b, unsigned int queue, struct blk_answer *a);

/*
 * Takes one answer: the slot, free now, and its status; NULL when there is
 * none.  *broken: the backend broke the ring.
 */
struct blk_slot *blk_answer(struct blkfront *b, int16_t *status, bool *broken);

#endif
