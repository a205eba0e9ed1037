/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * check.h - is a block request one that may be served?  Pure: works on the
 * backend's copies of the request and of its indirect segments, which the
 * frontend cannot change any more.
 */
#ifndef BACKEND_BLOCK_CHECK_H
#define BACKEND_BLOCK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/blkabi.h"

#define SECTOR 512u /* what the protocol counts in */
#define SEGMENTS 256u /* most of a request */

struct disk {
	uint64_t sectors;
	bool readonly, discard;
	bool lost; /* a flush has failed */
};

/* A request as it was asked, whatever the layout. */
struct ask {
	uint64_t id, sector;
	uint64_t discarded; /* sectors */
	uint8_t op;
	uint8_t indirect_op;
	uint16_t segments;
	struct blk_segment seg[BLK_DIRECT];
	uint32_t indirect[BLK_INDIRECT];
};

void ask_decode(enum blk_abi abi, const union blk_entry *copy, struct ask *out);

struct part {
	uint32_t ref;
	uint16_t offset, bytes; /* within the page */
};

struct request {
	uint64_t id;
	uint64_t offset, bytes; /* of the file */
	uint8_t op; /* BLKIF_OP_READ, _WRITE, _FLUSH_DISKCACHE, _DISCARD; the response's */
	uint8_t klass; /* ACCTRING_CLASS_* */
	uint16_t segments;
	/* the segments are still in these pages; then check_indirect() */
	uint16_t pages;
	uint32_t page[BLK_INDIRECT];
	struct part part[SEGMENTS];
};

/* BLKIF_RSP_OKAY, or what to answer.  id, op, klass are always set. */
int16_t check_request(const struct ask *ask, const struct disk *disk, struct request *out);

/* seg: out->segments of them, copied from out->pages pages. */
int16_t check_indirect(const struct blk_segment *seg, const struct disk *disk, struct request *out);

#endif
