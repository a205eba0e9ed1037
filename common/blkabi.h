/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * blkabi.h - the entries of a block ring, as guests of either x86 kind lay
 * them out (xen/io/blkif.h has only the layout of the machine it is compiled
 * for).  The two differ in how a 64 bit number is aligned, and so in the size
 * of an entry.  Other 64 bit machines have the layout of x86_64.
 */
#ifndef COMMON_BLKABI_H
#define COMMON_BLKABI_H

#include <stddef.h>
#include <stdint.h>

#include "common/xenbus_ring.h"
#include <xen/io/blkif.h>
#include <xen/io/protocols.h>

#define BLK_RING_HEADER 64u /* bytes before the entries, in both */
#define BLK_DIRECT BLKIF_MAX_SEGMENTS_PER_REQUEST
#define BLK_INDIRECT BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST
#define BLK_SEGMENTS_A_PAGE (XENBUS_PAGE / sizeof(struct blk_segment))

enum blk_abi { BLK_ABI_64, BLK_ABI_32 };

struct blk_ring_header {
	uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

struct blk_segment {
	uint32_t ref;
	uint8_t first, last;
	uint16_t zero;
};

struct blk64_rw {
	uint8_t op, segments;
	uint16_t handle;
	uint32_t zero;
	uint64_t id, sector;
	struct blk_segment seg[BLK_DIRECT];
};

struct blk64_discard {
	uint8_t op, flag;
	uint16_t handle;
	uint32_t zero;
	uint64_t id, sector, sectors;
};

struct blk64_indirect {
	uint8_t op, indirect_op;
	uint16_t segments;
	uint32_t zero;
	uint64_t id, sector;
	uint16_t handle, zero2;
	uint32_t ref[BLK_INDIRECT];
};

struct blk64_response {
	uint64_t id;
	uint8_t op, zero;
	int16_t status;
	uint32_t zero2;
};

#define BLK_PACKED __attribute__((__packed__, __aligned__(4)))

struct BLK_PACKED blk32_rw {
	uint8_t op, segments;
	uint16_t handle;
	uint64_t id, sector;
	struct blk_segment seg[BLK_DIRECT];
};

struct BLK_PACKED blk32_discard {
	uint8_t op, flag;
	uint16_t handle;
	uint64_t id, sector, sectors;
};

struct BLK_PACKED blk32_indirect {
	uint8_t op, indirect_op;
	uint16_t segments;
	uint64_t id, sector;
	uint16_t handle, zero;
	uint32_t ref[BLK_INDIRECT];
	uint64_t zero2;
};

struct BLK_PACKED blk32_response {
	uint64_t id;
	uint8_t op, zero;
	int16_t status;
};

/* A private copy of an entry, or one to be copied into the ring. */
union blk_entry {
	uint32_t word[sizeof(struct blk64_rw) / sizeof(uint32_t)];
	struct blk64_rw rw64;
	struct blk64_discard discard64;
	struct blk64_indirect indirect64;
	struct blk64_response rsp64;
	struct blk32_rw rw32;
	struct blk32_discard discard32;
	struct blk32_indirect indirect32;
	struct blk32_response rsp32;
};

#define BLK_AT(type, member, at) \
	_Static_assert(offsetof(struct type, member) == (at), #type "." #member)
#define BLK_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)

BLK_SIZE(blk_segment, 8);
BLK_AT(blk_segment, first, 4);
BLK_AT(blk_segment, last, 5);
BLK_SIZE(blk64_rw, 112);
BLK_AT(blk64_rw, id, 8);
BLK_AT(blk64_rw, sector, 16);
BLK_AT(blk64_rw, seg, 24);
BLK_AT(blk64_discard, id, 8);
BLK_AT(blk64_discard, sector, 16);
BLK_AT(blk64_discard, sectors, 24);
BLK_AT(blk64_indirect, segments, 2);
BLK_AT(blk64_indirect, id, 8);
BLK_AT(blk64_indirect, sector, 16);
BLK_AT(blk64_indirect, handle, 24);
BLK_AT(blk64_indirect, ref, 28);
BLK_SIZE(blk64_response, 16);
BLK_AT(blk64_response, op, 8);
BLK_AT(blk64_response, status, 10);
BLK_SIZE(blk32_rw, 108);
BLK_AT(blk32_rw, id, 4);
BLK_AT(blk32_rw, sector, 12);
BLK_AT(blk32_rw, seg, 20);
BLK_AT(blk32_discard, id, 4);
BLK_AT(blk32_discard, sector, 12);
BLK_AT(blk32_discard, sectors, 20);
BLK_SIZE(blk32_indirect, 64);
BLK_AT(blk32_indirect, segments, 2);
BLK_AT(blk32_indirect, id, 4);
BLK_AT(blk32_indirect, sector, 12);
BLK_AT(blk32_indirect, handle, 20);
BLK_AT(blk32_indirect, ref, 24);
BLK_SIZE(blk32_response, 12);
BLK_AT(blk32_response, op, 8);
BLK_AT(blk32_response, status, 10);

static inline uint32_t blk_entry_size(enum blk_abi abi)
{
	return abi == BLK_ABI_32 ? sizeof(struct blk32_rw) : sizeof(struct blk64_rw);
}

/* Entries of a ring of so many pages: a power of two. */
static inline uint32_t blk_ring_size(enum blk_abi abi, uint32_t pages)
{
	uint32_t room = (pages * XENBUS_PAGE - BLK_RING_HEADER) / blk_entry_size(abi), n = 1;

	while (2 * n <= room)
		n *= 2;
	return n;
}

/*
 * In and out of the shared ring, each word once: whatever the peer does
 * meanwhile, the copy is one that it could have written.
 */
static inline void blk_copy_in(union blk_entry *to, const void *kfrom, uint32_t size)
{
	const volatile uint32_t *k = kfrom;
	uint32_t i;

	for (i = 0; i < size / sizeof(uint32_t); i++)
		to->word[i] = k[i];
}

static inline void blk_copy_out(void *kto, const union blk_entry *from, uint32_t size)
{
	volatile uint32_t *k = kto;
	uint32_t i;

	for (i = 0; i < size / sizeof(uint32_t); i++)
		k[i] = from->word[i];
}

#endif
