/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile network frontend that goes on and on.  Usage: net_fuzz REQUESTS [SEED]
 *
 * As blk_fuzz, for the rings of xen/io/netif.h: a request is a slot of the
 * transmit ring.  In a tame life chains of slots end, information about a
 * frame is of a kind that there is, and buffers are not the rings; all else
 * is anything, and another thread goes on changing it.  Then each slot must be
 * answered, once.  In a wild life all may happen, at its end an index jumps,
 * and the backend must let go.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "frontend/net/frame.h"
#include "frontend/net/netfront.h"
#include "tests/prog/fuzz.h"

#define MOST_QUEUES 2u
#define BUFFERS 64u

static struct netfront net;
static uint64_t okay, errors, nulls, others, given;

/* This frame is to be one that can be served, but for what changes meanwhile. */
static bool careful;

/* ---- what is asked ---- */

static uint32_t some_ref(bool wild)
{
	struct net_queue *q = &net.queue[chance(net.how.queues)];

	switch (careful ? 3 : chance(16)) {
	case 0:
		return (uint32_t)pattern_random(&seed) | 1u << 24;
	case 1:
		return wild && !chance(100) ? q->tx_ref : q->out[0].ref;
	default: /* not what came from others: they verify what they see of themselves */
		return q->out[chance(net.tx_pages)].ref;
	}
}

static void put(struct net_queue *q, const void *slot)
{
	memcpy(RING_GET_REQUEST(&q->tx, q->tx.req_prod_pvt), slot, sizeof(struct netif_tx_request));
	q->tx.req_prod_pvt++;
	q->in_flight++;
	asked++;
}

static void put_slot(struct net_queue *q, bool wild, uint16_t flags, uint16_t size)
{
	struct netif_tx_request r = { .gref = some_ref(wild), .flags = flags, .size = size };

	r.id = (uint16_t)asked;
	r.offset = (uint16_t)(careful || chance(8) ? 0 : chance(5000));
	if (wild && !chance(40))
		r.flags ^= (uint16_t)(1u << chance(16));
	put(q, &r);
}

static void put_extra(struct net_queue *q, bool wild, bool more)
{
	struct netif_extra_info e = { .flags = more };
	struct netif_tx_request r;

	e.type = (uint8_t)(careful || chance(4) ? XEN_NETIF_EXTRA_TYPE_GSO : 1 + chance(4));
	e.u.gso.type = (uint8_t)(careful || chance(8) ? 1 + chance(2) : chance(256));
	e.u.gso.size = (uint16_t)(careful || chance(8) ? 1000 + chance(1000) : chance(65536));
	if (wild && !chance(20))
		e.type = (uint8_t)chance(256);
	memset(&r, 0, sizeof(r));
	memcpy(&r, &e, sizeof(e));
	put(q, &r);
}

/* A frame of ours in all pages that slots name, so that one may well be its first. */
static void draw_frames(struct net_queue *q)
{
	static const uint8_t neighbour[6] = { 0, 0x16, 0x3e, 0, 0, 4 };
	static uint8_t f[FRAME_MAX_BYTES];
	unsigned int i;

	for (i = 0; i < net.tx_pages; i++) {
		const struct frame_how how = { .dst = neighbour,
					       .src = net.mac,
					       .tcp = chance(4),
					       .ipv6 = chance(2),
					       .blank = true };
		uint32_t parts = 1 + chance(5);

		frame_build(f, parts * 1000, &how, 1);
		if (!chance(3)) /* for nobody that is there, or for all */
			f[chance(6)] = (uint8_t)chance(256);
		memcpy(q->out[i].data, f, 1000);
	}
}

/* A chain of slots that makes some sense, and one or the other that does not. */
static void put_some(struct net_queue *q, bool wild)
{
	unsigned int parts = 1 + chance(chance(4) ? 3 : chance(4) ? 18 : 40);
	unsigned int extras = chance(3) ? 0 : 1 + chance(chance(8) ? 1 : 3), i;
	uint16_t flags = (uint16_t)(chance(2) ? 0 : NETTXF_csum_blank | NETTXF_data_validated);
	uint32_t size = parts * 1000;

	careful = chance(2);
	if (wild && !chance(200))
		parts = 70;
	if (careful)
		parts = parts % 5 + 1;
	if (RING_FREE_REQUESTS(&q->tx) < parts + extras)
		return;
	if (!chance(20))
		draw_frames(q);
	if (careful)
		size = parts * 1000;
	else if (!chance(8))
		size = chance(65536);
	put_slot(q, wild,
		 flags | (parts > 1 ? NETTXF_more_data : 0) | (extras ? NETTXF_extra_info : 0),
		 (uint16_t)size);
	for (i = 0; i < extras; i++)
		put_extra(q, wild, i + 1 < extras);
	for (i = 1; i < parts; i++)
		put_slot(q, wild, i + 1 < parts ? NETTXF_more_data : 0,
			 (uint16_t)(careful || chance(8) ? 1000 : chance(5000)));
}

/* ---- the other thread ---- */

static atomic_bool anything;
static atomic_uint queues;

/*
 * Where not anything goes: of a slot for sending offset and size, and what
 * of an information is none of its kind; of a buffer its number.
 */
__attribute__((no_sanitize("thread"))) static void scribble(uint64_t r)
{
	static const uint8_t harmless[] = { 4, 5, 10, 11 };
	struct net_queue *q = &net.queue[(r >> 8) % queues];
	volatile uint8_t *k;
	uint32_t at = (r >> 16) % 256;

	if (r & 3) {
		k = (volatile uint8_t *)q->out[at % net.tx_pages].data;
		k[(r >> 24) % XENBUS_PAGE] = (uint8_t)(r >> 40);
	} else if (r & 4) {
		k = (volatile uint8_t *)RING_GET_REQUEST(&q->tx, at);
		k[anything ? (r >> 24) % 12 : harmless[(r >> 24) % 4]] = (uint8_t)(r >> 40);
	} else {
		k = (volatile uint8_t *)RING_GET_REQUEST(&q->rx, at);
		k[anything ? (r >> 24) % 8 : (r >> 24) % 4] = (uint8_t)(r >> 40);
	}
}

/* ---- a life ---- */

/* A node that is wrong: it must be refused, with a reason. */
static bool connect_badly(void)
{
	static const char *const leaf[] = { "tx-ring-ref",   "rx-ring-ref",
					    "event-channel", "multi-queue-num-queues",
					    "xdp-headroom",  "ctrl-ring-ref" };
	static const char *const after[] = { "xdp-headroom", "ctrl-ring-ref" };
	const struct net_queue *q = &net.queue[0];
	unsigned int which = chance(6), i;
	bool ok;

	net_forget_split(&net);
	if (!front_begin(&net.f) || !front_write(&net.f, "multi-queue-num-queues", "1") ||
	    !front_write(&net.f, "tx-ring-ref", "%u", q->tx_ref) ||
	    !front_write(&net.f, "rx-ring-ref", "%u", q->rx_ref) ||
	    !front_write(&net.f, "event-channel", "%u", q->port[0]) ||
	    !front_write(&net.f, "request-rx-copy", "1") ||
	    !front_write(&net.f, leaf[which], "%u", 1000000 + chance(1000000)))
		return false;
	ok = must_refuse(&net.f, leaf[which]);
	for (i = 0; i < 2; i++)
		front_write(&net.f, after[i], "0");
	return ok;
}

static bool begin(bool wild)
{
	anything = false;
	if (!chance(10) && !connect_badly())
		return false;
	net.how.queues = 1 + chance(MOST_QUEUES);
	queues = net.how.queues;
	net.how.split = chance(2);
	net.how.no_csum = !chance(4);
	net.how.no_gso = !chance(3);
	net.how.no_sg = !chance(8);
	net.how.no_notify = !chance(4);
	if (!net_connect(&net))
		return false;
	anything = wild;
	return true;
}

/* What came for us is emptied, and a buffer put in its place. */
static bool take_given(struct net_queue *q, bool wild)
{
	uint32_t prod = xenbus_index(&q->rx.sring->rsp_prod);
	bool any = false;
	unsigned int i;
	int notify;

	xen_rmb();
	if (prod - q->rx.rsp_cons > q->rx.req_prod_pvt - q->rx.rsp_cons)
		return false;
	for (; q->rx.rsp_cons != prod; any = true) {
		struct netif_rx_request *r = RING_GET_REQUEST(&q->rx, q->rx.req_prod_pvt);

		q->rx.rsp_cons++;
		given++;
		r->id = (uint16_t)given;
		r->gref = chance(16) ? q->in[chance(BUFFERS)].ref
				     : (uint32_t)pattern_random(&seed) | 1u << 24;
		if (wild && !chance(500))
			r->gref = q->rx_ref;
		q->rx.req_prod_pvt++;
	}
	if (!any)
		return true;
	/* so that it is not sent as if it came from who sent it to us */
	for (i = 0; i < BUFFERS; i++)
		memset(q->in[i].data, 0, FRAME_MIN);
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&q->rx, notify);
	q->rx.sring->rsp_event = prod + 1;
	if (notify || !chance(4))
		front_kick_port(&net.f, q->port[net.how.split]);
	return true;
}

static bool take_answers(struct net_queue *q)
{
	uint32_t prod = xenbus_index(&q->tx.sring->rsp_prod);
	struct netif_tx_response copy;

	xen_rmb();
	if (prod - q->tx.rsp_cons > q->tx.req_prod_pvt - q->tx.rsp_cons)
		return false;
	for (; q->tx.rsp_cons != prod; q->tx.rsp_cons++) {
		RING_COPY_RESPONSE(&q->tx, q->tx.rsp_cons, &copy);
		answered++;
		q->in_flight--;
		/* the other thread may have been there: then it is anything */
		okay += copy.status == NETIF_RSP_OKAY;
		errors += copy.status == NETIF_RSP_ERROR;
		nulls += copy.status == NETIF_RSP_NULL;
		others += copy.status < NETIF_RSP_ERROR || copy.status > NETIF_RSP_NULL;
	}
	q->tx.sring->rsp_event = prod + 1;
	return true;
}

/* false: an index that nothing explains. */
static bool take_all(bool wild)
{
	unsigned int i;

	for (i = 0; i < net.how.queues; i++)
		if (!take_answers(&net.queue[i]) || !take_given(&net.queue[i], wild))
			return wild;
	return true;
}

static bool all_answered(void)
{
	return !net_in_flight(&net);
}

/* An index that nothing explains; the backend must let go. */
static void jump(void)
{
	struct net_queue *q = &net.queue[chance(net.how.queues)];
	uint32_t far = 257 + chance(chance(2) ? 3 : 1u << 30);
	uint32_t index = chance(2) ? q->tx.req_prod_pvt + far : q->tx.rsp_cons - 1 - chance(3);

	*(volatile uint32_t *)&q->tx.sring->req_prod = index;
	xen_mb();
	front_kick_port(&net.f, q->port[0]);
}

static void put_many(bool wild)
{
	unsigned int i, n;

	for (i = 0; i < net.how.queues; i++) {
		struct net_queue *q = &net.queue[i];

		for (n = chance(30); n; n--)
			put_some(q, wild);
		net_push(&net, q);
	}
	for (n = chance(4) ? 0 : chance(20); n; n--)
		front_kick_port(&net.f,
				net.queue[chance(net.how.queues)].port[chance(1 + net.how.split)]);
}

static const struct fuzz fuzz = {
	.f = &net.f,
	.begin = begin,
	.put_many = put_many,
	.take_answers = take_all,
	.all_answered = all_answered,
	.jump = jump,
	.scribble = scribble,
};

int main(int argc, char **argv)
{
	static const struct net_how most = { .queues = MOST_QUEUES, .buffers = BUFFERS };
	uint64_t requests = fuzz_begin("net_fuzz", argc, argv);
	int r = net_open(&net, NULL, &most, 10000);
	bool ok;

	if (r)
		return r;
	queues = MOST_QUEUES;
	ok = fuzz_on(&fuzz, requests);
	net_close(&net);
	printf("fuzz asked=%" PRIu64 " answered=%" PRIu64 " okay=%" PRIu64 " error=%" PRIu64
	       " null=%" PRIu64 " scribbled=%" PRIu64 " given=%" PRIu64 " lives=%" PRIu64
	       " wild=%" PRIu64 " ended=%" PRIu64 " refused=%" PRIu64 "\n",
	       asked, answered, okay, errors, nulls, others, given, lives, wild_lives, ended,
	       refused);
	return ok ? 0 : EXIT_RUNTIME;
}
