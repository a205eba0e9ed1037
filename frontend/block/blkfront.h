/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * blkfront.h - a disk as the guest sees it: ring, requests in flight, their
 * pages.  Pages stay granted from start to end.  Not more is believed of
 * the backend than a guest's kernel would: its answers are checked.
 */
#ifndef FRONTEND_BLOCK_BLKFRONT_H
#define FRONTEND_BLOCK_BLKFRONT_H

#include "common/xenbus_ring.h"
#include <xen/io/blkif.h>

#include "frontend/block/load.h"
#include "frontend/front.h"
#include "frontend/hist.h"

#define BLK_DEPTH 32u /* entries of a ring of one page */
#define BLK_SEGMENTS BLKIF_MAX_SEGMENTS_PER_REQUEST
#define BLK_MAX_BYTES (BLK_SEGMENTS * XENBUS_PAGE)

struct blk_slot {
	bool busy;
	struct load_request r;
	uint64_t id; /* slot number + 256 * use */
	uint64_t since; /* ns, when it was put into the ring */
	char *data;
	uint32_t ref[BLK_SEGMENTS];
};

struct blkfront {
	struct front f;
	struct blkif_front_ring ring;
	uint32_t ring_ref;
	unsigned int depth, busy;
	unsigned int pages; /* of each slot */
	struct blk_slot slot[BLK_DEPTH];
	/* the disk */
	uint64_t sectors;
	bool readonly, can_flush;
	/* what happened */
	uint64_t done[4]; /* by enum load_op: answered */
	uint64_t errors, unsupported, bytes, reconnects;
	struct hist latency;
};

/* Opens and grants; then connects.  Exit code 0, or what the program exits with. */
int blk_open(struct blkfront *b, const char *device, unsigned int depth, uint32_t max_bytes,
	     int timeout_ms);
bool blk_connect(struct blkfront *b);
/* Connects anew and asks again what was not answered. */
bool blk_reconnect(struct blkfront *b);
void blk_close(struct blkfront *b);

/* A free slot or NULL. */
struct blk_slot *blk_slot(struct blkfront *b);
void blk_put(struct blkfront *b, struct blk_slot *s);
void blk_push(struct blkfront *b);

/*
 * Takes one answer: the slot, free now, and its status; NULL when there is
 * none.  *broken: the backend broke the ring.
 */
struct blk_slot *blk_answer(struct blkfront *b, int16_t *status, bool *broken);

#endif
