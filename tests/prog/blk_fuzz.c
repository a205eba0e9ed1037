/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile block frontend that goes on and on.  Usage: blk_fuzz REQUESTS [SEED]
 *
 * It connects, asks what nobody should ask while another of its threads
 * rewrites rings, indirect pages and data, and connects again, with other
 * rings and the other layout.  In a tame life the rings stay true: the disk
 * is never read into them, so no operation and no reference changes that was
 * once written.  Then each request must be answered, once.  In a wild life
 * all may happen, at its end an index jumps, and the backend must let go.
 * At the end one line; exit code 1 when something was not as it must be.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "frontend/block/blkfront.h"
#include "tests/prog/fuzz.h"

static const struct blk_how most = {
	.depth = 24, .queues = 2, .order = 2, .bytes = 4 * XENBUS_PAGE, .indirect = true
};
static struct blkfront disk;
static uint64_t status_of[4];

/* This request is to be one that can be served, but for what changes meanwhile. */
static bool careful;

/* ---- what is asked ---- */

/* Mostly a page of ours; sometimes nobody's; in a wild life also the ring. */
static uint32_t some_ref(bool wild)
{
	struct blk_slot *s = &disk.slot[chance(most.depth)];

	switch (careful ? 3 : chance(16)) {
	case 0:
		return (uint32_t)pattern_random(&seed) | 1u << 24;
	case 1:
		return wild ? s->segment_ref : s->ref[0];
	case 2:
		return wild && !chance(200) ? disk.queue[0].ref[chance(4)] : s->ref[0];
	default:
		return s->ref[chance(4)];
	}
}

static struct blk_segment some_segment(bool wild)
{
	struct blk_segment s = { .ref = some_ref(wild) };

	if (careful) {
		s.last = 7;
		return s;
	}
	s.first = (uint8_t)(chance(8) ? 0 : chance(10));
	s.last = (uint8_t)(chance(8) ? chance(8) : chance(256));
	return s;
}

static uint64_t some_sector(void)
{
	switch (careful ? 2 : chance(8)) {
	case 0:
		return disk.sectors - chance(10);
	case 1:
		return pattern_random(&seed) >> chance(64);
	default:
		return chance((uint32_t)disk.sectors);
	}
}

static uint8_t some_op(void)
{
	static const uint8_t op[] = { BLKIF_OP_READ,	 BLKIF_OP_READ,	   BLKIF_OP_READ,
				      BLKIF_OP_WRITE,	 BLKIF_OP_WRITE,   BLKIF_OP_INDIRECT,
				      BLKIF_OP_INDIRECT, BLKIF_OP_INDIRECT };

	switch (chance(200)) {
	case 0:
		return BLKIF_OP_FLUSH_DISKCACHE;
	case 1:
	case 2:
	case 3:
		return BLKIF_OP_DISCARD;
	case 4:
		return BLKIF_OP_WRITE_BARRIER;
	case 5:
	case 6:
		return (uint8_t)pattern_random(&seed);
	default:
		return op[chance(sizeof(op))];
	}
}

/* Segments for indirect requests; the other thread goes on changing them. */
static void fill_page(struct blk_slot *s, bool wild)
{
	unsigned int i, n = 1 + chance(chance(8) ? 20 : BLK_SEGMENTS_A_PAGE);

	for (i = 0; i < n; i++)
		s->segment[i] = some_segment(wild);
}

static void put_indirect(uint8_t *e, uint8_t *after, bool wild)
{
	struct blk_slot *s = &disk.slot[chance(most.depth)];
	uint16_t n = (uint16_t)(1 + chance(careful || chance(8) ? 20 : 300));
	unsigned int i;

	fill_page(s, wild);
	e[1] = (uint8_t)(careful || chance(20) ? chance(2) : chance(256));
	memcpy(e + 2, &n, sizeof(n));
	for (i = 0; i < BLK_INDIRECT; i++) {
		uint32_t ref = s->segment_ref;

		if (i || (!careful && !chance(30)))
			ref = wild ? some_ref(wild) : UINT32_MAX;
		memcpy(after + 4 + i * sizeof(ref), &ref, sizeof(ref));
	}
}

/* A request that makes some sense, with a byte or two that do not. */
static void put_some(unsigned int queue, bool wild)
{
	_Alignas(8) uint8_t e[sizeof(union blk_entry)] = { some_op() };
	uint8_t *id = e + (disk.how.abi == BLK_ABI_32 ? 4 : 8), *after = id + 16;
	uint64_t sector = some_sector(), many = chance(8) ? chance(64) : some_sector();
	unsigned int i;

	careful = chance(2);
	memcpy(id, &asked, sizeof(asked));
	memcpy(id + 8, &sector, sizeof(sector));
	if (e[0] == BLKIF_OP_INDIRECT) {
		put_indirect(e, after, wild);
	} else if (e[0] == BLKIF_OP_DISCARD) {
		e[1] = (uint8_t)chance(2);
		memcpy(after, &many, sizeof(many));
	} else if (e[0] != BLKIF_OP_FLUSH_DISKCACHE) {
		e[1] = (uint8_t)(careful || chance(10) ? 1 + chance(4) : chance(256));
		for (i = 0; i < BLK_DIRECT; i++) {
			struct blk_segment s = some_segment(wild);

			memcpy(after + i * sizeof(s), &s, sizeof(s));
		}
	}
	for (i = careful || chance(8) ? 0 : 1 + chance(3); i; i--)
		e[wild ? chance(blk_entry_size(disk.how.abi))
		       : 1 + chance((uint32_t)(after - e) - 1)] ^= (uint8_t)(1u << chance(8));
	blk_put_raw(&disk, queue, e);
	asked++;
}

/* ---- the other thread ---- */

static atomic_bool anything;
static atomic_uint bytes_of_ring, bytes_of_entry;

/*
 * Changes what the backend may be reading, as fast as it can: a race, and
 * meant to be one.  Where not anything goes: of an entry the head without
 * the operation, of a segment all but its reference.
 */
__attribute__((no_sanitize("thread"))) static void scribble(uint64_t r)
{
	volatile uint8_t *k;
	uint32_t at;

	if (r & 3) {
		k = (volatile uint8_t *)disk.slot[(r >> 8) % most.depth].segment;
		at = (r >> 16) % XENBUS_PAGE;
		k[anything ? at : at | 4] = (uint8_t)(r >> 32);
	} else if (r & 4) {
		k = disk.queue[r >> 8 & 1].ring + BLK_RING_HEADER;
		at = (r >> 16) % bytes_of_ring;
		if (!anything)
			at = at / bytes_of_entry * bytes_of_entry + 1 + at % 19;
		k[at] = (uint8_t)(r >> 32);
	} else {
		k = (volatile uint8_t *)disk.slot[(r >> 8) % most.depth].data;
		k[(r >> 16) % most.bytes] = (uint8_t)(r >> 32);
	}
}

/* ---- a life ---- */

/* A node that is wrong: it must be refused, with a reason. */
static bool connect_badly(void)
{
	static const char *const leaf[] = { "ring-page-order", "multi-queue-num-queues", "protocol",
					    "queue-0/ring-ref0", "event-channel" };
	unsigned int which = chance(5);

	disk.how.queues = which == 3 ? 2 : 1;
	if (!front_begin(&disk.f) ||
	    !front_write(&disk.f, "ring-ref", "%u", disk.queue[0].ref[0]) ||
	    !front_write(&disk.f, "event-channel", "%u", disk.queue[0].port) ||
	    !front_write(&disk.f, "multi-queue-num-queues", "%u", disk.how.queues) ||
	    !front_write(&disk.f, "ring-page-order", "%u", which == 3) ||
	    !front_write(&disk.f, leaf[which], "%u", 1000000 + chance(1000000)))
		return false;
	return must_refuse(&disk.f, leaf[which]);
}

/* What an earlier life has left in the pages of segments. */
static void tame_pages(void)
{
	unsigned int i, j;

	for (i = 0; i < most.depth; i++)
		for (j = 0; j < BLK_SEGMENTS_A_PAGE; j++)
			disk.slot[i].segment[j] = some_segment(false);
}

static bool begin(bool wild)
{
	anything = false;
	if (!chance(20) && !connect_badly())
		return false;
	disk.how.queues = 1 + chance(2);
	disk.how.order = chance(3);
	disk.how.abi = chance(2) ? BLK_ABI_32 : BLK_ABI_64;
	bytes_of_entry = blk_entry_size(disk.how.abi);
	bytes_of_ring = blk_ring_size(disk.how.abi, 1u << disk.how.order) * bytes_of_entry;
	careful = false;
	if (!wild)
		tame_pages();
	if (!blk_connect(&disk))
		return false;
	anything = wild;
	return true;
}

/* Answers; false: an index that no answer explains. */
static bool take_answers(bool wild)
{
	struct blk_answer a;
	unsigned int i;
	int n;

	for (i = 0; i < disk.how.queues; i++) {
		while ((n = blk_answer_raw(&disk, i, &a)) > 0) {
			answered++;
			/* the other thread may have been there: then it is anything */
			status_of[a.status <= 0 && a.status >= -2 ? -a.status : 3]++;
		}
		if (n < 0)
			return wild;
	}
	return true;
}

static bool all_answered(void)
{
	unsigned int i;

	for (i = 0; i < disk.how.queues; i++)
		if (disk.queue[i].cons != disk.queue[i].prod)
			return false;
	return true;
}

/* An index that nothing explains; the backend must let go. */
static void jump(void)
{
	struct blk_queue *q = &disk.queue[chance(disk.how.queues)];
	uint32_t far = q->size + 1 + chance(chance(2) ? 3 : 1u << 30);
	/* further than the ring is long; or back to before what was answered */
	uint32_t index = chance(2) ? q->prod + far : q->cons - 1 - chance(3);

	*(volatile uint32_t *)&blk_header(q)->req_prod = index;
	xen_mb();
	front_kick_port(&disk.f, q->port);
}

static void put_many(bool wild)
{
	unsigned int i, n;

	for (i = 0; i < disk.how.queues; i++) {
		struct blk_queue *q = &disk.queue[i];

		for (n = chance(q->size + 1); n && q->prod - q->cons < q->size; n--)
			put_some(i, wild);
	}
	blk_push(&disk);
	for (n = chance(4) ? 0 : chance(20); n; n--)
		front_kick_port(&disk.f, disk.queue[chance(disk.how.queues)].port);
}

static const struct fuzz fuzz = {
	.f = &disk.f,
	.begin = begin,
	.put_many = put_many,
	.take_answers = take_answers,
	.all_answered = all_answered,
	.jump = jump,
	.scribble = scribble,
};

int main(int argc, char **argv)
{
	uint64_t requests = fuzz_begin("blk_fuzz", argc, argv);
	int r = blk_open(&disk, NULL, &most, 10000);
	bool ok;

	if (r)
		return r;
	bytes_of_ring = bytes_of_entry = blk_entry_size(BLK_ABI_64);
	ok = fuzz_on(&fuzz, requests);
	blk_close(&disk);
	printf("fuzz asked=%" PRIu64 " answered=%" PRIu64 " okay=%" PRIu64 " error=%" PRIu64
	       " unsupported=%" PRIu64 " scribbled=%" PRIu64 " lives=%" PRIu64 " wild=%" PRIu64
	       " ended=%" PRIu64 " refused=%" PRIu64 "\n",
	       asked, answered, status_of[0], status_of[1], status_of[2], status_of[3], lives,
	       wild_lives, ended, refused);
	return ok ? 0 : EXIT_RUNTIME;
}
