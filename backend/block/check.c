/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/block/check.h"

#include <acctring/abi.h>

static void decode64(const union blk_entry *copy, struct ask *out)
{
	out->id = copy->rw64.id;
	out->sector = copy->rw64.sector;
	if (out->op == BLKIF_OP_INDIRECT) {
		out->indirect_op = copy->indirect64.indirect_op;
		out->segments = copy->indirect64.segments;
		memcpy(out->indirect, copy->indirect64.ref, sizeof(out->indirect));
	} else if (out->op == BLKIF_OP_DISCARD) {
		out->discarded = copy->discard64.sectors;
	} else {
		out->segments = copy->rw64.segments;
		memcpy(out->seg, copy->rw64.seg, sizeof(out->seg));
	}
}

static void decode32(const union blk_entry *copy, struct ask *out)
{
	out->id = copy->rw32.id;
	out->sector = copy->rw32.sector;
	if (out->op == BLKIF_OP_INDIRECT) {
		out->indirect_op = copy->indirect32.indirect_op;
		out->segments = copy->indirect32.segments;
		memcpy(out->indirect, copy->indirect32.ref, sizeof(out->indirect));
	} else if (out->op == BLKIF_OP_DISCARD) {
		out->discarded = copy->discard32.sectors;
	} else {
		out->segments = copy->rw32.segments;
		memcpy(out->seg, copy->rw32.seg, sizeof(out->seg));
	}
}

void ask_decode(enum blk_abi abi, const union blk_entry *copy, struct ask *out)
{
	memset(out, 0, sizeof(*out));
	out->op = copy->rw64.op; /* the first byte in both */
	if (abi == BLK_ABI_32)
		decode32(copy, out);
	else
		decode64(copy, out);
}

static uint8_t class_of(uint8_t op)
{
	switch (op) {
	case BLKIF_OP_READ:
		return ACCTRING_CLASS_READ;
	case BLKIF_OP_WRITE:
		return ACCTRING_CLASS_WRITE;
	case BLKIF_OP_FLUSH_DISKCACHE:
		return ACCTRING_CLASS_FLUSH;
	case BLKIF_OP_DISCARD:
		return ACCTRING_CLASS_DISCARD;
	default:
		return ACCTRING_CLASS_OTHER;
	}
}

/* Do so many sectors from there lie on the disk? */
static bool on_disk(const struct disk *disk, uint64_t sector, uint64_t sectors)
{
	return sector <= disk->sectors && sectors <= disk->sectors - sector;
}

/* Segments lie in their pages and together on the disk. */
static bool check_segments(const struct blk_segment *seg, const struct disk *disk,
			   struct request *out)
{
	uint32_t sectors = 0;
	unsigned int i;

	for (i = 0; i < out->segments; i++) {
		const struct blk_segment *s = &seg[i];
		uint32_t n = s->last - s->first + 1u;

		if (s->first > s->last || s->last >= XENBUS_PAGE / SECTOR)
			return false;
		out->part[i].ref = s->ref;
		out->part[i].offset = (uint16_t)(s->first * SECTOR);
		out->part[i].bytes = (uint16_t)(n * SECTOR);
		sectors += n;
	}
	if (!on_disk(disk, out->offset / SECTOR, sectors))
		return false;
	out->bytes = (uint64_t)sectors * SECTOR;
	return true;
}

/*
 * After a flush that failed nobody knows what is on the disk.  A frontend may
 * not care (Linux's takes it that there is no need to flush, and goes on), so
 * nothing more is changed or said to be safe.
 */
static bool may_change(const struct disk *disk)
{
	return !disk->readonly && !disk->lost;
}

/* What is discarded; or, where nothing may be, why. */
static int16_t check_discard(const struct ask *ask, const struct disk *disk, struct request *out)
{
	if (!disk->discard)
		return BLKIF_RSP_EOPNOTSUPP;
	if (!may_change(disk) || !ask->discarded || !on_disk(disk, ask->sector, ask->discarded))
		return BLKIF_RSP_ERROR;
	out->bytes = ask->discarded * SECTOR;
	return BLKIF_RSP_OKAY;
}

static int16_t check_data(const struct ask *ask, const struct disk *disk, struct request *out)
{
	bool indirect = ask->op == BLKIF_OP_INDIRECT;

	if (out->op != BLKIF_OP_READ && out->op != BLKIF_OP_WRITE)
		return BLKIF_RSP_ERROR; /* an indirect one of something else */
	if (out->op == BLKIF_OP_WRITE && !may_change(disk))
		return BLKIF_RSP_ERROR;
	if (!ask->segments || ask->segments > (indirect ? SEGMENTS : BLK_DIRECT))
		return BLKIF_RSP_ERROR;
	out->segments = ask->segments;
	if (!indirect)
		return check_segments(ask->seg, disk, out) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
	out->pages = (uint16_t)((ask->segments + BLK_SEGMENTS_A_PAGE - 1) / BLK_SEGMENTS_A_PAGE);
	memcpy(out->page, ask->indirect, sizeof(out->page));
	return BLKIF_RSP_OKAY;
}

int16_t check_request(const struct ask *ask, const struct disk *disk, struct request *out)
{
	bool far = !on_disk(disk, ask->sector, 0);

	out->id = ask->id;
	/* Linux's frontend wants the operation inside back, not BLKIF_OP_INDIRECT */
	out->op = ask->op == BLKIF_OP_INDIRECT ? ask->indirect_op : ask->op;
	out->klass = class_of(out->op);
	out->segments = 0;
	out->pages = 0;
	out->offset = far ? 0 : ask->sector * SECTOR;
	out->bytes = 0;
	switch (ask->op) {
	case BLKIF_OP_FLUSH_DISKCACHE:
		return ask->segments || disk->lost ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
	case BLKIF_OP_DISCARD:
		return check_discard(ask, disk, out);
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
	case BLKIF_OP_INDIRECT:
		return far ? BLKIF_RSP_ERROR : check_data(ask, disk, out);
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
}

int16_t check_indirect(const struct blk_segment *seg, const struct disk *disk, struct request *out)
{
	return check_segments(seg, disk, out) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}
