/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pure parts of the block backend: both layouts of a request, the checks,
 * the ring and its indices.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <acctring/abi.h>

#include "backend/block/check.h"
#include "backend/block/file.h"
#include "backend/block/gauge.h"
#include "backend/block/ring.h"
#include "backend/index.h"

static const struct disk disk = { .sectors = 1000, .discard = true };
static const struct disk readonly = { .sectors = 1000, .readonly = true, .discard = true };
static const struct disk lost = { .sectors = 1000, .discard = true, .lost = true };

static struct ask request(uint8_t op, uint64_t sector, uint16_t segments)
{
	struct ask r = {
		.op = op, .id = 0x1122334455667788, .sector = sector, .segments = segments
	};
	unsigned int i;

	for (i = 0; i < BLK_DIRECT; i++)
		r.seg[i] = (struct blk_segment){ .ref = 100 + i, .last = 7 };
	return r;
}

static int16_t check(const struct ask *r, const struct disk *d, struct request *out)
{
	memset(out, 0xee, sizeof(*out));
	return check_request(r, d, out);
}

static void good_requests(void **state)
{
	struct ask r = request(BLKIF_OP_READ, 10, 2);
	struct request out;

	(void)state;
	r.seg[0].first = 3;
	r.seg[1].last = 0;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_OKAY);
	assert_int_equal(out.klass, ACCTRING_CLASS_READ);
	assert_true(out.id == 0x1122334455667788);
	assert_int_equal(out.offset, 5120);
	assert_int_equal(out.bytes, 6 * 512);
	assert_int_equal(out.segments, 2);
	assert_int_equal(out.pages, 0);
	assert_int_equal(out.part[1].ref, 101);
	assert_int_equal(out.part[0].offset, 3 * 512);
	assert_int_equal(out.part[0].bytes, 5 * 512);
	assert_int_equal(out.part[1].bytes, 512);

	r = request(BLKIF_OP_WRITE, 1000 - 88, 11);
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_OKAY);
	assert_int_equal(out.klass, ACCTRING_CLASS_WRITE);
	assert_int_equal(out.bytes, 11 * 4096);
	r = request(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_OKAY);
	assert_int_equal(out.klass, ACCTRING_CLASS_FLUSH);
	assert_int_equal(check(&r, &readonly, &out), BLKIF_RSP_OKAY);
	r = request(BLKIF_OP_READ, 0, 1);
	assert_int_equal(check(&r, &readonly, &out), BLKIF_RSP_OKAY);
}

static void bad_segments(void **state)
{
	struct ask r = request(BLKIF_OP_READ, 0, 0);
	struct request out;

	(void)state;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r.segments = 12;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r.segments = 255;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	assert_int_equal(out.bytes, 0);
	assert_int_equal(out.segments, 0);
	r.segments = 3;
	r.seg[2].last = 8;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r.seg[2].last = 255;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r.seg[2].last = 3;
	r.seg[2].first = 4;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r.seg[2].first = 3;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_OKAY);
}

static void bad_places(void **state)
{
	static const uint64_t sector[] = {
		993, 1000, 1001, UINT64_MAX, UINT64_MAX - 7, UINT64_MAX / 512, (uint64_t)1 << 55
	};
	struct ask r = request(BLKIF_OP_WRITE, 992, 1);
	struct request out;
	unsigned int i;

	(void)state;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_OKAY);
	for (i = 0; i < sizeof(sector) / sizeof(sector[0]); i++) {
		r.sector = sector[i];
		assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	}
}

/* A disk of which a flush has failed can be read, and that is all. */
static void nothing_after_a_failed_flush(void **state)
{
	struct ask r = request(BLKIF_OP_READ, 0, 1);
	struct request out;

	(void)state;
	assert_int_equal(check(&r, &lost, &out), BLKIF_RSP_OKAY);
	r.op = BLKIF_OP_WRITE;
	assert_int_equal(check(&r, &lost, &out), BLKIF_RSP_ERROR);
	r = request(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
	assert_int_equal(check(&r, &lost, &out), BLKIF_RSP_ERROR);
	r = (struct ask){ .op = BLKIF_OP_DISCARD, .discarded = 8 };
	assert_int_equal(check(&r, &lost, &out), BLKIF_RSP_ERROR);
	r = (struct ask){ .op = BLKIF_OP_INDIRECT, .indirect_op = BLKIF_OP_WRITE, .segments = 1 };
	assert_int_equal(check(&r, &lost, &out), BLKIF_RSP_ERROR);
}

static void discards(void **state)
{
	static const struct disk forgets_not = { .sectors = 1000 };
	struct ask r = { .op = BLKIF_OP_DISCARD, .sector = 8, .discarded = 992 };
	struct request out;

	(void)state;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_OKAY);
	assert_int_equal(out.klass, ACCTRING_CLASS_DISCARD);
	assert_int_equal(out.offset, 4096);
	assert_int_equal(out.bytes, 992 * 512);
	assert_int_equal(out.segments, 0);
	assert_int_equal(check(&r, &readonly, &out), BLKIF_RSP_ERROR);
	assert_int_equal(check(&r, &forgets_not, &out), BLKIF_RSP_EOPNOTSUPP);
	r.discarded = 993;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r.discarded = 0;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r.discarded = UINT64_MAX;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r.sector = UINT64_MAX;
	r.discarded = 2;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
}

static struct ask indirect(uint8_t op, uint16_t segments)
{
	struct ask r = {
		.op = BLKIF_OP_INDIRECT, .indirect_op = op, .sector = 8, .segments = segments
	};
	unsigned int i;

	for (i = 0; i < BLK_INDIRECT; i++)
		r.indirect[i] = 500 + i;
	return r;
}

static void indirect_requests(void **state)
{
	static const struct disk big = { .sectors = 10000 };
	struct ask r = indirect(BLKIF_OP_WRITE, SEGMENTS);
	struct blk_segment seg[SEGMENTS];
	struct request out;
	unsigned int i;

	(void)state;
	for (i = 0; i < SEGMENTS; i++)
		seg[i] = (struct blk_segment){ .ref = 1000 + i, .last = 7 };
	assert_int_equal(check(&r, &big, &out), BLKIF_RSP_OKAY);
	/* the answer names the operation inside */
	assert_int_equal(out.op, BLKIF_OP_WRITE);
	assert_int_equal(out.klass, ACCTRING_CLASS_WRITE);
	assert_int_equal(out.segments, SEGMENTS);
	assert_int_equal(out.pages, 1);
	assert_int_equal(out.page[0], 500);
	assert_int_equal(out.bytes, 0);
	assert_int_equal(check_indirect(seg, &big, &out), BLKIF_RSP_OKAY);
	assert_int_equal(out.bytes, SEGMENTS * 4096);
	assert_int_equal(out.offset, 4096);
	assert_int_equal(out.part[SEGMENTS - 1].ref, 1000 + SEGMENTS - 1);
	/* one bad segment, and the end of the disk */
	seg[SEGMENTS - 1].last = 8;
	assert_int_equal(check_indirect(seg, &big, &out), BLKIF_RSP_ERROR);
	seg[SEGMENTS - 1].last = 7;
	r.sector = 10000 - SEGMENTS * 8 + 1;
	assert_int_equal(check(&r, &big, &out), BLKIF_RSP_OKAY);
	assert_int_equal(check_indirect(seg, &big, &out), BLKIF_RSP_ERROR);
	r = indirect(BLKIF_OP_READ, 1);
	assert_int_equal(check(&r, &readonly, &out), BLKIF_RSP_OKAY);
	assert_int_equal(out.pages, 1);
}

static void bad_indirect(void **state)
{
	struct ask r = indirect(BLKIF_OP_READ, 0);
	struct request out;
	unsigned int op;

	(void)state;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r.segments = SEGMENTS + 1;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	assert_int_equal(out.segments, 0);
	r.segments = UINT16_MAX;
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	r = indirect(BLKIF_OP_WRITE, 1);
	assert_int_equal(check(&r, &readonly, &out), BLKIF_RSP_ERROR);
	for (op = 0; op < 256; op++) {
		if (op == BLKIF_OP_READ || op == BLKIF_OP_WRITE)
			continue;
		r = indirect((uint8_t)op, 1);
		assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
		assert_int_equal(out.op, op);
		assert_int_equal(out.pages, 0);
	}
}

static void bad_operations(void **state)
{
	struct ask r = request(BLKIF_OP_WRITE, 0, 1);
	struct request out;
	unsigned int op;

	(void)state;
	assert_int_equal(check(&r, &readonly, &out), BLKIF_RSP_ERROR);
	assert_int_equal(out.klass, ACCTRING_CLASS_WRITE);
	r = request(BLKIF_OP_FLUSH_DISKCACHE, 0, 1);
	assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_ERROR);
	for (op = 0; op < 256; op++) {
		if (op == BLKIF_OP_READ || op == BLKIF_OP_WRITE || op == BLKIF_OP_FLUSH_DISKCACHE ||
		    op == BLKIF_OP_DISCARD || op == BLKIF_OP_INDIRECT)
			continue;
		r = request((uint8_t)op, 0, 1);
		assert_int_equal(check(&r, &disk, &out), BLKIF_RSP_EOPNOTSUPP);
		assert_int_equal(out.klass, ACCTRING_CLASS_OTHER);
		assert_int_equal(out.op, op);
	}
}

/*
 * What a guest of each kind writes, byte by byte.  The places are those that
 * gcc gives xen/io/blkif.h with -m32 and with -m64.
 */
static void put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	for (; bytes; bytes--, value >>= 8)
		*at++ = (uint8_t)value;
}

static void decode(enum blk_abi abi, const uint8_t *bytes, struct ask *out)
{
	union blk_entry e;

	memset(&e, 0xcc, sizeof(e));
	blk_copy_in(&e, bytes, blk_entry_size(abi));
	memset(out, 0xee, sizeof(*out));
	ask_decode(abi, &e, out);
}

static void layouts(void **state)
{
	_Alignas(8) uint8_t bytes[112];
	unsigned int abi;
	struct ask a;

	(void)state;
	for (abi = BLK_ABI_64; abi <= BLK_ABI_32; abi++) {
		unsigned int pad = abi == BLK_ABI_32 ? 0 : 4;

		memset(bytes, 0, sizeof(bytes));
		put(bytes, BLKIF_OP_WRITE, 1);
		put(bytes + 1, 11, 1);
		put(bytes + 4 + pad, 0x1122334455667788, 8);
		put(bytes + 12 + pad, 0x99aabbccddeeff00, 8);
		put(bytes + 20 + pad + 10 * 8, 0xdeadbeef, 4);
		put(bytes + 20 + pad + 10 * 8 + 4, 0x0705, 2);
		decode(abi, bytes, &a);
		assert_true(a.op == BLKIF_OP_WRITE && a.segments == 11);
		assert_true(a.id == 0x1122334455667788 && a.sector == 0x99aabbccddeeff00);
		assert_true(a.seg[10].ref == 0xdeadbeef && a.seg[10].first == 5 &&
			    a.seg[10].last == 7);

		put(bytes, BLKIF_OP_DISCARD, 1);
		put(bytes + 20 + pad, 0x123456789a, 8);
		decode(abi, bytes, &a);
		assert_true(a.op == BLKIF_OP_DISCARD && a.segments == 0);
		assert_true(a.sector == 0x99aabbccddeeff00 && a.discarded == 0x123456789a);

		put(bytes, BLKIF_OP_INDIRECT, 1);
		put(bytes + 1, BLKIF_OP_READ, 1);
		put(bytes + 2, 0x0102, 2);
		put(bytes + 24 + pad, 77, 4);
		put(bytes + 24 + pad + 7 * 4, 88, 4);
		decode(abi, bytes, &a);
		assert_true(a.op == BLKIF_OP_INDIRECT && a.indirect_op == BLKIF_OP_READ);
		assert_true(a.segments == 0x0102 && a.id == 0x1122334455667788);
		assert_true(a.indirect[0] == 77 && a.indirect[7] == 88);
	}
}

static void ring_sizes(void **state)
{
	static const uint32_t size[] = { 32, 64, 128, 256, 512 };
	unsigned int i;

	(void)state;
	for (i = 0; i <= RING_MAX_ORDER; i++) {
		assert_int_equal(blk_ring_size(BLK_ABI_64, 1u << i), size[i]);
		assert_int_equal(blk_ring_size(BLK_ABI_32, 1u << i), size[i]);
	}
}

/* A ring's memory, as a frontend of either kind sees it. */
static void ring_goes_round(void **state)
{
	static _Alignas(4096) uint8_t page[2 * 4096];
	struct blk_ring_header *h = (struct blk_ring_header *)page;
	static struct ring r;
	unsigned int abi, i;
	union blk_entry e;

	(void)state;
	for (abi = BLK_ABI_64; abi <= BLK_ABI_32; abi++) {
		uint32_t size = blk_entry_size(abi);

		memset(page, 0, sizeof(page));
		ring_init(&r, page, abi, 2);
		assert_int_equal(r.size, 64);
		assert_int_equal(ring_look(&r, 5), 0);
		for (i = 0; i < 200; i++) {
			uint8_t *at = page + 64 + i % 64 * size;

			memset(at, (int)i, size);
			h->req_prod = i + 1;
			assert_int_equal(ring_look(&r, 1000 + i), 1);
			assert_int_equal(ring_take(&r, &e), 1000 + i);
			assert_int_equal(((uint8_t *)&e)[size - 1], i);
			assert_int_equal(ring_look_last(&r, 1), 0);
			assert_int_equal(h->req_event, i + 2);
			h->rsp_event = i & 1 ? i + 1 : 0;
			ring_answer(&r, i, 9, -2);
			assert_int_equal(h->rsp_prod, i);
			assert_int_equal(ring_push(&r), i & 1);
			assert_false(ring_push(&r));
			assert_int_equal(h->rsp_prod, i + 1);
			assert_true(at[0] == i && at[8] == 9 && at[10] == 0xfe && at[11] == 0xff);
		}
		h->req_prod = i + 65;
		assert_int_equal(ring_look(&r, 1), -1);
		h->req_prod = i - 1;
		assert_int_equal(ring_look(&r, 1), -1);
	}
}

static void ring_indices(void **state)
{
	static const uint32_t base[] = { 0, 5, 0x7ffffff0, 0xfffffff0, 0xffffffff };
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
		uint32_t b = base[i];

		assert_int_equal(ring_available(b, b, b, b, 32), 0);
		assert_int_equal(ring_available(b + 32, b, b, b, 32), 32);
		assert_int_equal(ring_available(b + 32, b + 31, b + 30, b + 20, 32), 2);
		assert_int_equal(ring_available(b + 33, b, b, b, 32), -1);
		assert_int_equal(ring_available(b + 1000, b, b, b, 32), -1);
		assert_int_equal(ring_available(b - 1, b, b, b, 32), -1);
		/* back behind what was taken, though not behind the answers */
		assert_int_equal(ring_available(b + 5, b + 6, b + 6, b, 32), -1);
		assert_int_equal(ring_available(b + 6, b + 6, b + 6, b, 32), 0);
		/* back behind what was seen, though not behind what was taken */
		assert_int_equal(ring_available(b + 20, b + 32, b + 8, b + 8, 32), -1);
		assert_int_equal(ring_available(b + 31, b + 32, b + 8, b + 8, 32), -1);
		assert_int_equal(ring_available(b + 32, b + 32, b + 8, b + 8, 32), 24);
		assert_int_equal(ring_available(b + 40, b + 32, b + 8, b + 8, 32), 32);
	}
}

/* Both are tried; then the cheaper, until it is no longer. */
static void gauges(void **state)
{
	static const uint64_t cost[2][2] = { { 100, 900 }, { 900, 100 } };
	unsigned int phase, i, way, n[2];
	struct gauge g = { .turn = 0 };

	(void)state;
	for (phase = 0; phase < 2; phase++) {
		n[0] = n[1] = 0;
		for (i = 0; i < 6400; i++) {
			way = gauge_pick(&g);
			n[way]++;
			gauge_add(&g, way, cost[phase][way]);
			if (!phase && i == 2 * GAUGE_FIRST - 1)
				assert_true(n[0] == GAUGE_FIRST && n[1] == GAUGE_FIRST);
		}
		/* one in 64 looks whether the other has become cheaper */
		assert_in_range(n[!phase], 90, 700);
		assert_in_range(g.ns[phase], 95, 105);
	}
	assert_true(g.n[0] + g.n[1] == 2 * 6400);
}

/* Past the page cache go transfers that fit the sectors in every way. */
static void ways(void **state)
{
	const struct file both = { .fd = 3, .direct = 4, .sector = 4096 };
	const struct file small = { .fd = 3, .direct = 4, .sector = 512 };
	const struct file one = { .fd = 3, .direct = -1, .sector = 512 };

	(void)state;
	assert_int_equal(file_way(&both, 1 << 20 | 4096), 4);
	assert_int_equal(file_way(&both, 1 << 20 | 512), 3);
	assert_int_equal(file_way(&small, 1 << 20 | 512), 4);
	assert_int_equal(file_way(&one, 1 << 20), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests),   cmocka_unit_test(bad_segments),
		cmocka_unit_test(bad_places),	   cmocka_unit_test(nothing_after_a_failed_flush),
		cmocka_unit_test(discards),	   cmocka_unit_test(indirect_requests),
		cmocka_unit_test(bad_indirect),	   cmocka_unit_test(bad_operations),
		cmocka_unit_test(layouts),	   cmocka_unit_test(ring_sizes),
		cmocka_unit_test(ring_goes_round), cmocka_unit_test(ring_indices),
		cmocka_unit_test(gauges),	   cmocka_unit_test(ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
