/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/block/check.h"

#include <acctring/abi.h>

static uint8_t class_of(uint8_t operation)
{
	switch (operation) {
	case BLKIF_OP_READ:
		return ACCTRING_CLASS_READ;
	case BLKIF_OP_WRITE:
		return ACCTRING_CLASS_WRITE;
	case BLKIF_OP_FLUSH_DISKCACHE:
		return ACCTRING_CLASS_FLUSH;
	default:
		return ACCTRING_CLASS_OTHER;
	}
}

/* Segments lie in their pages and together on the disk. */
static bool check_segments(const struct blkif_request *copy, const struct disk *disk,
			   struct request *out)
{
	uint32_t sectors = 0;
	unsigned int i;

	for (i = 0; i < copy->nr_segments; i++) {
		const struct blkif_request_segment *s = &copy->seg[i];

		if (s->first_sect > s->last_sect || s->last_sect >= SECTORS_PER_PAGE)
			return false;
		out->ref[i] = s->gref;
		out->part[i].offset = (uint16_t)(s->first_sect * SECTOR);
		out->part[i].bytes = (uint16_t)((s->last_sect - s->first_sect + 1u) * SECTOR);
		sectors += s->last_sect - s->first_sect + 1u;
	}
	if (copy->sector_number > disk->sectors || sectors > disk->sectors - copy->sector_number)
		return false;
	out->segments = copy->nr_segments;
	out->offset = copy->sector_number * SECTOR;
	out->bytes = sectors * SECTOR;
	return true;
}

int16_t check_request(const struct blkif_request *copy, const struct disk *disk,
		      struct request *out)
{
	out->id = copy->id;
	out->operation = copy->operation;
	out->klass = class_of(copy->operation);
	out->segments = 0;
	out->offset = 0;
	out->bytes = 0;
	switch (copy->operation) {
	case BLKIF_OP_FLUSH_DISKCACHE:
		return copy->nr_segments ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
	case BLKIF_OP_WRITE:
		if (disk->readonly)
			return BLKIF_RSP_ERROR;
		break;
	case BLKIF_OP_READ:
		break;
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
	if (!copy->nr_segments || copy->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ||
	    !check_segments(copy, disk, out))
		return BLKIF_RSP_ERROR;
	return BLKIF_RSP_OKAY;
}
