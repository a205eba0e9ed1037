/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile block frontend: connects as a good one, does one bad thing, and
 * says what the backend did.  Usage: backend_hostile ATTACK
 *
 *	status N	a request was answered so (0, -1, -2)
 *	closed TEXT	the backend went to Closing; its error node
 *	alive N		it still serves; N answers came
 *	nothing		neither in 5 s
 *	kicked N	that many times, until SIGTERM
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xen/io/protocols.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xs.h"
#include "frontend/block/blkfront.h"
#include "frontend/block/pattern.h"

static struct blkfront disk;

#define RING 32u /* entries of one page */

static struct blk_ring_header *ring(void)
{
	return blk_header(&disk.queue[0]);
}

static struct blkif_request good(uint8_t op)
{
	struct blkif_request r;

	memset(&r, 0, sizeof(r));
	r.operation = op;
	r.id = 77;
	r.nr_segments = op == BLKIF_OP_FLUSH_DISKCACHE ? 0 : 1;
	r.seg[0].gref = disk.slot[0].ref[0];
	r.seg[0].last_sect = 7;
	return r;
}

/* Puts a request that our own code would not make. */
static void put(struct blkif_request r)
{
	blk_put_raw(&disk, 0, &r);
	blk_push(&disk);
	front_kick(&disk.f);
}

static int print_closed(void)
{
	char *why = xs_readf(disk.f.xsh, "%s/error", disk.f.back);

	printf("closed %s\n", why ? why : "without a reason");
	free(why);
	return 0;
}

/* Until an answer, or the end. */
static int outcome(void)
{
	uint64_t until = now_ns() + 5000000000u;
	struct front_events e;
	struct blk_answer a;

	while (now_ns() < until) {
		if (blk_answer_raw(&disk, 0, &a) > 0) {
			printf("status %d%s\n", a.status, a.id == 77 ? "" : " wrong id");
			return 0;
		}
		if (!front_sleep(&disk.f, 20000000, &e))
			return 1;
		if (e.lost)
			return print_closed();
	}
	printf("nothing\n");
	return 0;
}

static int send_request(struct blkif_request r)
{
	put(r);
	return outcome();
}

/* ---- indices ---- */

static int set_prod(uint32_t prod)
{
	*(volatile uint32_t *)&ring()->req_prod = prod;
	xen_mb();
	front_kick(&disk.f);
	return outcome();
}

static int prod_ahead(void)
{
	return set_prod(1000);
}

static int prod_by_one(void)
{
	return set_prod(RING + 1);
}

static int prod_back(void)
{
	send_request(good(BLKIF_OP_READ));
	return set_prod(0);
}

/* Whether the backend closes, whatever it answers. */
static int print_end(void)
{
	uint64_t until = now_ns() + 5000000000u;
	struct front_events e = { .lost = false };

	while (!e.lost && now_ns() < until)
		if (!front_sleep(&disk.f, 20000000, &e))
			return 1;
	if (e.lost)
		return print_closed();
	printf("nothing\n");
	return 0;
}

/*
 * A full ring is published; when the first answers come, some of what is
 * not yet taken is taken back.  The backend has taken 8, or 16, or all by
 * then: what it has not taken yet is there for it to see, never behind.
 */
static int prod_falls(void)
{
	uint64_t until = now_ns() + 5000000000u;
	struct blkif_request r = good(BLKIF_OP_READ);
	unsigned int i;

	r.nr_segments = BLK_DIRECT;
	for (i = 0; i < BLK_DIRECT; i++) {
		r.seg[i].gref = disk.slot[i].ref[0];
		r.seg[i].last_sect = 7;
	}
	for (i = 0; i < RING; i++)
		blk_put_raw(&disk, 0, &r);
	blk_push(&disk);
	while (!xenbus_index(&ring()->rsp_prod) && now_ns() < until)
		;
	*(volatile uint32_t *)&ring()->req_prod = RING - 1;
	xen_mb();
	front_kick(&disk.f);
	return print_end();
}

/* ---- requests ---- */

static int segment_order(void)
{
	struct blkif_request r = good(BLKIF_OP_READ);

	r.seg[0].first_sect = 5;
	r.seg[0].last_sect = 4;
	return send_request(r);
}

static int segment_end(void)
{
	struct blkif_request r = good(BLKIF_OP_READ);

	r.seg[0].last_sect = 200;
	return send_request(r);
}

static int segment_count(void)
{
	struct blkif_request r = good(BLKIF_OP_READ);

	r.nr_segments = 200;
	return send_request(r);
}

static int bad_grant(void)
{
	struct blkif_request r = good(BLKIF_OP_READ);

	r.seg[0].gref = 0x7fffffff;
	return send_request(r);
}

static int sector_far(void)
{
	struct blkif_request r = good(BLKIF_OP_WRITE);

	r.sector_number = disk.sectors - 7;
	return send_request(r);
}

static int sector_wrap(void)
{
	struct blkif_request r = good(BLKIF_OP_WRITE);

	r.sector_number = UINT64_MAX - 3;
	return send_request(r);
}

static int bad_op(void)
{
	return send_request(good(77));
}

static int barrier(void)
{
	return send_request(good(BLKIF_OP_WRITE_BARRIER));
}

static int flush_data(void)
{
	struct blkif_request r = good(BLKIF_OP_FLUSH_DISKCACHE);

	r.nr_segments = 1;
	return send_request(r);
}

/* Of sectors that the disk has not; op and number stand where others have segments. */
static int discard(uint64_t sector, uint64_t sectors)
{
	struct blkif_request r = good(BLKIF_OP_DISCARD);

	r.nr_segments = 0;
	r.sector_number = sector;
	memcpy(r.seg, &sectors, sizeof(sectors));
	return send_request(r);
}

static int discard_far(void)
{
	return discard(disk.sectors - 1, 2);
}

static int discard_wrap(void)
{
	return discard(8, UINT64_MAX - 4);
}

static int discard_good(void)
{
	return discard(0, 8);
}

/* ---- indirect ones ---- */

static int indirect(uint8_t op, uint16_t segments, uint32_t ref)
{
	struct blkif_request_indirect i = {
		.operation = BLKIF_OP_INDIRECT, .indirect_op = op, .nr_segments = segments, .id = 77
	};
	struct blkif_request r;

	memset(&r, 0, sizeof(r));
	i.indirect_grefs[0] = ref;
	memcpy(&r, &i, sizeof(i));
	return send_request(r);
}

/* All segments are the same page of the guest, but the last. */
static int indirect_with(uint16_t segments, struct blk_segment last)
{
	struct blk_slot *s = &disk.slot[0];
	unsigned int i;

	for (i = 0; i + 1u < segments; i++)
		s->segment[i] = (struct blk_segment){ .ref = s->ref[0], .last = 7 };
	s->segment[i] = last;
	return indirect(BLKIF_OP_READ, segments, s->segment_ref);
}

static int indirect_good(void)
{
	return indirect_with(256, (struct blk_segment){ .ref = disk.slot[0].ref[0], .last = 7 });
}

static int indirect_order(void)
{
	return indirect_with(
		200, (struct blk_segment){ .ref = disk.slot[0].ref[0], .first = 3, .last = 2 });
}

static int indirect_end(void)
{
	return indirect_with(200, (struct blk_segment){ .ref = disk.slot[0].ref[0], .last = 8 });
}

static int indirect_grant(void)
{
	return indirect_with(200, (struct blk_segment){ .ref = 0x7fffffff, .last = 7 });
}

static int indirect_many(void)
{
	return indirect(BLKIF_OP_READ, 257, disk.slot[0].segment_ref);
}

static int indirect_none(void)
{
	return indirect(BLKIF_OP_READ, 0, disk.slot[0].segment_ref);
}

static int indirect_page(void)
{
	return indirect(BLKIF_OP_READ, 12, 0x7fffffff);
}

static int indirect_op(void)
{
	return indirect(BLKIF_OP_INDIRECT, 12, disk.slot[0].segment_ref);
}

static int write_op(void)
{
	return send_request(good(BLKIF_OP_WRITE));
}

static int flush_op(void)
{
	return send_request(good(BLKIF_OP_FLUSH_DISKCACHE));
}

/* ---- at any moment ---- */

static atomic_bool enough;

/* Changes what stands in the ring as fast as it can: a race, and meant to be one. */
__attribute__((no_sanitize("thread"))) static void *scribble(void *arg)
{
	uint64_t x = 1;
	unsigned int i;

	for (i = 0; !enough; i++) {
		volatile uint8_t *p = blk_entry(&disk, &disk.queue[0], i);

		p[pattern_random(&x) % sizeof(struct blkif_request)] = (uint8_t)x;
	}
	return arg;
}

/* Full rings of requests that change while they are looked at, for 2 s. */
static int scribbling(void)
{
	uint64_t until = now_ns() + 2000000000u;
	struct front_events e = { .lost = false };
	unsigned int answers = 0;
	struct blk_answer a;
	pthread_t t;

	pthread_create(&t, NULL, scribble, NULL);
	while (now_ns() < until) {
		while (disk.queue[0].prod - disk.queue[0].cons < RING) {
			struct blkif_request r = good(BLKIF_OP_READ);

			blk_put_raw(&disk, 0, &r);
		}
		blk_push(&disk);
		front_kick(&disk.f);
		front_sleep(&disk.f, 1000000, &e);
		if (e.lost)
			break;
		while (blk_answer_raw(&disk, 0, &a) > 0)
			answers++;
	}
	enough = true;
	pthread_join(t, NULL);
	if (e.lost)
		return print_closed();
	printf("alive %u\n", answers);
	return 0;
}

/* Kicks without requests, for 1 s; then a request. */
static int storm(void)
{
	uint64_t until = now_ns() + 1000000000u;

	while (now_ns() < until)
		front_kick(&disk.f);
	return send_request(good(BLKIF_OP_READ));
}

/* Kicks without requests, until SIGTERM. */
static int storm_on(void)
{
	struct front_events e = { .ended = false };
	unsigned int kicks = 0;

	while (!e.ended && !e.lost) {
		front_kick(&disk.f);
		if (!(++kicks & 63) && !front_sleep(&disk.f, 0, &e))
			return 1;
	}
	printf("kicked %u\n", kicks);
	return 0;
}

/*
 * All states in every order, fast; then a proper connection and a request.
 * The backend may be behind, and answer to one of those states: then again.
 */
static int states(void)
{
	uint64_t x = 1;
	unsigned int i;
	bool ok;

	for (i = 0; i < 300; i++)
		xenbus_write_state(disk.f.xsh, disk.f.dir,
				   (enum xenbus_state)(pattern_random(&x) % 9));
	nap_ms(500);
	ok = blk_connect(&disk);
	for (i = 0; !ok && i < 5; i++)
		ok = blk_connect(&disk);
	return ok ? send_request(good(BLKIF_OP_READ)) : 1;
}

/* ---- what stands in xenstore ---- */

static int connect_with(const char *leaf, const char *value)
{
	enum xenbus_state s;

	if (!front_begin(&disk.f) ||
	    !front_write(&disk.f, "ring-ref", "%u", disk.queue[0].ref[0]) ||
	    !front_write(&disk.f, "event-channel", "%u", disk.f.port) ||
	    !front_write(&disk.f, "protocol", "%s", XEN_IO_PROTO_ABI_NATIVE) ||
	    !front_write(&disk.f, "multi-queue-num-queues", "1") ||
	    !front_write(&disk.f, "ring-page-order", "%s",
			 strcmp(leaf, "num-ring-pages") ? "0" : "none") ||
	    !front_write(&disk.f, leaf, "%s", value))
		return 1;
	xenbus_write_state(disk.f.xsh, disk.f.dir, XenbusStateInitialised);
	if (!xenbus_wait(disk.f.xsh, disk.f.back,
			 XENBUS_MASK(XenbusStateClosing) | XENBUS_MASK(XenbusStateConnected), 5000,
			 -1, &s))
		printf("nothing\n");
	else if (s == XenbusStateConnected)
		printf("connected\n");
	else
		print_closed();
	return 0;
}

static int bad_ref(void)
{
	return connect_with("ring-ref", "123456789");
}

static int no_number(void)
{
	return connect_with("ring-ref", "-1");
}

static int bad_port(void)
{
	return connect_with("event-channel", "99999");
}

static int bad_protocol(void)
{
	return connect_with("protocol", "sparc_64-abi");
}

static int bad_order(void)
{
	return connect_with("ring-page-order", "5");
}

static int odd_pages(void)
{
	return connect_with("num-ring-pages", "3");
}

/* Two pages are said, one is there. */
static int missing_ref(void)
{
	return connect_with("ring-page-order", "1");
}

static int no_queues(void)
{
	return connect_with("multi-queue-num-queues", "0");
}

static int many_queues(void)
{
	return connect_with("multi-queue-num-queues", "17");
}

/* The second queue is that of nobody. */
static int missing_queue(void)
{
	return connect_with("multi-queue-num-queues", "2");
}

static const struct {
	const char *name;
	int (*run)(void);
	bool connect;
} attack[] = {
	{ "prod-ahead", prod_ahead, true },
	{ "prod-by-one", prod_by_one, true },
	{ "prod-back", prod_back, true },
	{ "prod-falls", prod_falls, true },
	{ "segment-order", segment_order, true },
	{ "segment-end", segment_end, true },
	{ "segment-count", segment_count, true },
	{ "bad-grant", bad_grant, true },
	{ "sector-far", sector_far, true },
	{ "sector-wrap", sector_wrap, true },
	{ "bad-op", bad_op, true },
	{ "barrier", barrier, true },
	{ "flush-data", flush_data, true },
	{ "discard-far", discard_far, true },
	{ "discard-wrap", discard_wrap, true },
	{ "discard", discard_good, true },
	{ "indirect", indirect_good, true },
	{ "indirect-order", indirect_order, true },
	{ "indirect-end", indirect_end, true },
	{ "indirect-grant", indirect_grant, true },
	{ "indirect-many", indirect_many, true },
	{ "indirect-none", indirect_none, true },
	{ "indirect-page", indirect_page, true },
	{ "indirect-op", indirect_op, true },
	{ "write", write_op, true },
	{ "flush", flush_op, true },
	{ "scribble", scribbling, true },
	{ "storm", storm, true },
	{ "storm-on", storm_on, true },
	{ "states", states, true },
	{ "bad-ref", bad_ref, false },
	{ "no-number", no_number, false },
	{ "bad-port", bad_port, false },
	{ "bad-protocol", bad_protocol, false },
	{ "bad-order", bad_order, false },
	{ "odd-pages", odd_pages, false },
	{ "missing-ref", missing_ref, false },
	{ "no-queues", no_queues, false },
	{ "many-queues", many_queues, false },
	{ "missing-queue", missing_queue, false },
};

int main(int argc, char **argv)
{
	static const struct blk_how how = {
		.depth = 32, .queues = 1, .bytes = XENBUS_PAGE, .indirect = true
	};
	unsigned int i;
	int r = 2;

	log_init("backend_hostile", false, false);
	for (i = 0; argc == 2 && i < sizeof(attack) / sizeof(attack[0]); i++) {
		if (strcmp(argv[1], attack[i].name))
			continue;
		r = blk_open(&disk, NULL, &how, 5000);
		if (!r && attack[i].connect && !blk_connect(&disk))
			r = 1;
		if (!r)
			r = attack[i].run();
		fflush(stdout);
		/* no blk_close(): this one does not say good-bye */
	}
	return r;
}
