/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile block frontend: connects as a good one, does one bad thing, and
 * says what the backend did.  Usage: backend_hostile ATTACK
 *
 *	status N	a request was answered so (0, -1, -2)
 *	closed TEXT	the backend went to Closing; its error node
 *	alive N		it still serves; N answers came
 *	nothing		neither in 5 s
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
	*RING_GET_REQUEST(&disk.ring, disk.ring.req_prod_pvt) = r;
	disk.ring.req_prod_pvt++;
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

	while (now_ns() < until) {
		if (xenbus_index(&disk.ring.sring->rsp_prod) != disk.ring.rsp_cons) {
			struct blkif_response rsp;

			RING_COPY_RESPONSE(&disk.ring, disk.ring.rsp_cons, &rsp);
			disk.ring.rsp_cons++;
			printf("status %d%s\n", rsp.status, rsp.id == 77 ? "" : " wrong id");
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
	*(volatile uint32_t *)&disk.ring.sring->req_prod = prod;
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
	return set_prod(BLK_DEPTH + 1);
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

	r.nr_segments = BLK_SEGMENTS;
	for (i = 0; i < BLK_SEGMENTS; i++) {
		r.seg[i].gref = disk.slot[0].ref[i];
		r.seg[i].last_sect = 7;
	}
	for (i = 0; i < BLK_DEPTH; i++)
		*RING_GET_REQUEST(&disk.ring, disk.ring.req_prod_pvt++) = r;
	blk_push(&disk);
	while (!xenbus_index(&disk.ring.sring->rsp_prod) && now_ns() < until)
		;
	*(volatile uint32_t *)&disk.ring.sring->req_prod = BLK_DEPTH - 1;
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
		volatile uint8_t *p = (volatile uint8_t *)&disk.ring.sring->ring[i % BLK_DEPTH];

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
	pthread_t t;

	pthread_create(&t, NULL, scribble, NULL);
	while (now_ns() < until) {
		while (RING_FREE_REQUESTS(&disk.ring)) {
			*RING_GET_REQUEST(&disk.ring, disk.ring.req_prod_pvt) = good(BLKIF_OP_READ);
			disk.ring.req_prod_pvt++;
		}
		blk_push(&disk);
		front_kick(&disk.f);
		front_sleep(&disk.f, 1000000, &e);
		if (e.lost)
			break;
		answers += xenbus_index(&disk.ring.sring->rsp_prod) - disk.ring.rsp_cons;
		disk.ring.rsp_cons = xenbus_index(&disk.ring.sring->rsp_prod);
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

/* All states in every order, fast; then a proper connection and a request. */
static int states(void)
{
	uint64_t x = 1;
	unsigned int i;

	for (i = 0; i < 300; i++)
		xenbus_write_state(disk.f.xsh, disk.f.dir,
				   (enum xenbus_state)(pattern_random(&x) % 9));
	if (!blk_connect(&disk))
		return 1;
	return send_request(good(BLKIF_OP_READ));
}

/* ---- what stands in xenstore ---- */

static int connect_with(const char *leaf, const char *value)
{
	enum xenbus_state s;

	if (!front_begin(&disk.f) || !front_write(&disk.f, "ring-ref", "%u", disk.ring_ref) ||
	    !front_write(&disk.f, "event-channel", "%u", disk.f.port) ||
	    !front_write(&disk.f, "protocol", "%s", XEN_IO_PROTO_ABI_NATIVE) ||
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
	{ "write", write_op, true },
	{ "flush", flush_op, true },
	{ "scribble", scribbling, true },
	{ "storm", storm, true },
	{ "states", states, true },
	{ "bad-ref", bad_ref, false },
	{ "no-number", no_number, false },
	{ "bad-port", bad_port, false },
	{ "bad-protocol", bad_protocol, false },
};

int main(int argc, char **argv)
{
	unsigned int i;
	int r = 2;

	log_init("backend_hostile", false, false);
	for (i = 0; argc == 2 && i < sizeof(attack) / sizeof(attack[0]); i++) {
		if (strcmp(argv[1], attack[i].name))
			continue;
		r = blk_open(&disk, NULL, BLK_DEPTH, BLK_MAX_BYTES / BLK_SEGMENTS, 5000);
		if (!r && attack[i].connect && !blk_connect(&disk))
			r = 1;
		if (!r)
			r = attack[i].run();
		fflush(stdout);
		/* no blk_close(): this one does not say good-bye */
	}
	return r;
}
