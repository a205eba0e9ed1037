/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * check.h - is a block request one that may be served?  Pure: works on the
 * backend's copy of the request, which the frontend cannot change any more.
 */
#ifndef BACKEND_BLOCK_CHECK_H
#define BACKEND_BLOCK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/xenbus_ring.h"
#include <xen/io/blkif.h>

#define SECTOR 512u /* the protocol's, whatever sector-size says */
#define SECTORS_PER_PAGE (XENBUS_PAGE / SECTOR)

struct disk {
	uint64_t sectors;
	bool readonly;
};

struct request {
	uint64_t id;
	uint64_t offset; /* bytes into the file */
	uint32_t bytes;
	uint8_t operation; /* as the frontend wrote it, for the response */
	uint8_t klass; /* ACCTRING_CLASS_* */
	uint8_t segments;
	uint32_t ref[BLKIF_MAX_SEGMENTS_PER_REQUEST];
	struct {
		uint16_t offset, bytes; /* within the page */
	} part[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};

/* BLKIF_RSP_OKAY, or what to answer.  id, operation, klass are always set. */
int16_t check_request(const struct blkif_request *copy, const struct disk *disk,
		      struct request *out);

#endif
