/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hostile network frontend; as backend_hostile, for the rings of
 * xen/io/netif.h.  Usage: backend_hostile_net ATTACK
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/xs.h"
#include "frontend/net/frame.h"
#include "frontend/net/netfront.h"

static struct netfront net;
static struct net_queue *q; /* its only one */

static struct netif_tx_request good(uint16_t size, uint16_t flags)
{
	frame_hello((uint8_t *)q->out[0].data, net.mac);
	return (struct netif_tx_request){
		.gref = q->out[0].ref, .size = size, .flags = flags, .id = 9
	};
}

static void put(struct netif_tx_request r)
{
	*RING_GET_REQUEST(&q->tx, q->tx.req_prod_pvt) = r;
	q->tx.req_prod_pvt++;
}

static int print_closed(void)
{
	char *why = xs_readf(net.f.xsh, "%s/error", net.f.back);

	printf("closed %s\n", why ? why : "without a reason");
	free(why);
	return 0;
}

/* Until an answer on the transmit ring, or with `rx` on the other; or the end. */
static int outcome(bool rx)
{
	uint64_t until = now_ns() + 5000000000u;
	struct front_events e;

	while (now_ns() < until) {
		if (!rx && xenbus_index(&q->tx.sring->rsp_prod) != q->tx.rsp_cons) {
			struct netif_tx_response rsp;

			RING_COPY_RESPONSE(&q->tx, q->tx.rsp_cons, &rsp);
			q->tx.rsp_cons++;
			printf("status %d%s\n", rsp.status, rsp.id == 9 ? "" : " wrong id");
			return 0;
		}
		if (rx && xenbus_index(&q->rx.sring->rsp_prod) != q->rx.rsp_cons) {
			struct netif_rx_response rsp;

			RING_COPY_RESPONSE(&q->rx, q->rx.rsp_cons, &rsp);
			printf("rx %d\n", rsp.status);
			return 0;
		}
		if (!front_sleep(&net.f, 20000000, &e))
			return 1;
		if (e.lost)
			return print_closed();
	}
	printf("nothing\n");
	return 0;
}

static int push(void)
{
	net_push(&net, q);
	front_kick(&net.f);
	return outcome(false);
}

static int send_one(struct netif_tx_request r)
{
	put(r);
	return push();
}

static int tx_index(uint32_t prod)
{
	*(volatile uint32_t *)&q->tx.sring->req_prod = prod;
	front_kick(&net.f);
	return outcome(false);
}

static int tx_prod_ahead(void)
{
	return tx_index(257);
}

static int tx_prod_back(void)
{
	send_one(good(60, 0));
	return tx_index(0);
}

/* Whether the backend closes, whatever it answers. */
static int print_end(void)
{
	uint64_t until = now_ns() + 5000000000u;
	struct front_events e = { .lost = false };

	while (!e.lost && now_ns() < until && front_sleep(&net.f, 20000000, &e))
		;
	if (e.lost)
		return print_closed();
	printf("nothing\n");
	return 0;
}

/*
 * 60 slots of a frame whose end is missing: all seen, none taken.  Then 30
 * of them are taken back, which is not behind what was taken.
 */
static int tx_prod_falls(void)
{
	uint64_t until = now_ns() + 5000000000u;
	unsigned int i;

	for (i = 0; i < 60; i++)
		put(good(60, NETTXF_more_data));
	net_push(&net, q);
	front_kick(&net.f);
	/* it asks to be told of the next slot once it has seen these */
	while (xenbus_index(&q->tx.sring->req_event) != 61 && now_ns() < until)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	*(volatile uint32_t *)&q->tx.sring->req_prod = 30;
	xen_mb();
	front_kick(&net.f);
	return print_end();
}

static int rx_prod_ahead(void)
{
	*(volatile uint32_t *)&q->rx.sring->req_prod = 100000;
	front_kick(&net.f);
	/* frames that came before do not count */
	return print_end();
}

/* Buffers that are seen and not used yet, taken back. */
static int rx_prod_falls(void)
{
	uint64_t until = now_ns() + 5000000000u;
	uint32_t used;

	/* a neighbour's frame: the backend has seen all buffers */
	while (!(used = xenbus_index(&q->rx.sring->rsp_prod)) && now_ns() < until)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	*(volatile uint32_t *)&q->rx.sring->req_prod = used + 64;
	front_kick(&net.f);
	return print_end();
}

/* There are buffers, there are none, there are some, as fast as it can. */
static int rx_flutter(void)
{
	uint64_t until = now_ns() + 2000000000u;
	uint32_t used;

	/* each value stands for the time of a call, so that both are seen */
	while (now_ns() < until) {
		used = xenbus_index(&q->rx.sring->rsp_prod);
		*(volatile uint32_t *)&q->rx.sring->req_prod = used;
		if (now_ns() >= until)
			break;
		*(volatile uint32_t *)&q->rx.sring->req_prod = used + 2;
	}
	return print_end();
}

static int tx_bad_grant(void)
{
	struct netif_tx_request r = good(60, 0);

	r.gref = 0x7fffffff;
	return send_one(r);
}

static int tx_over_page(void)
{
	struct netif_tx_request r = good(200, 0);

	r.offset = 4000;
	return send_one(r);
}

static int tx_short(void)
{
	return send_one(good(13, 0));
}

static int tx_lie(void)
{
	put(good(100, NETTXF_more_data));
	put(good(4000, 0));
	return push();
}

static void put_extra(uint8_t type, uint8_t flags)
{
	struct netif_extra_info e = { .type = type, .flags = flags };
	struct netif_tx_request r;

	memset(&r, 0, sizeof(r));
	memcpy(&r, &e, sizeof(e));
	put(r);
}

static int tx_gso(void)
{
	put(good(60, NETTXF_extra_info));
	put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0);
	return push();
}

static int tx_endless(void)
{
	unsigned int i;

	for (i = 0; i < 200; i++)
		put(good(60, NETTXF_more_data));
	return push();
}

static int tx_extras(void)
{
	unsigned int i;

	put(good(60, NETTXF_extra_info));
	for (i = 0; i < 200; i++)
		put_extra(XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE);
	return push();
}

/* Buffers that nobody granted: no frame for us can be put there. */
static void spoil_buffers(void)
{
	unsigned int i;

	for (i = 0; i < net.how.buffers; i++)
		q->in[i].ref = 0x7fffffff;
}

static int rx_bad_grant(void)
{
	return outcome(true); /* the test has a neighbour broadcast all the time */
}

static int storm(void)
{
	uint64_t until = now_ns() + 1000000000u;

	while (now_ns() < until)
		front_kick(&net.f);
	return send_one(good(60, 0));
}

static int good_frame(void)
{
	return send_one(good(60, 0));
}

static const struct {
	const char *name;
	int (*run)(void);
} attack[] = {
	{ "tx-prod-ahead", tx_prod_ahead },
	{ "tx-prod-back", tx_prod_back },
	{ "tx-prod-falls", tx_prod_falls },
	{ "rx-prod-ahead", rx_prod_ahead },
	{ "rx-prod-falls", rx_prod_falls },
	{ "rx-flutter", rx_flutter },
	{ "tx-bad-grant", tx_bad_grant },
	{ "tx-over-page", tx_over_page },
	{ "tx-short", tx_short },
	{ "tx-lie", tx_lie },
	{ "tx-gso", tx_gso },
	{ "tx-endless", tx_endless },
	{ "tx-extras", tx_extras },
	{ "rx-bad-grant", rx_bad_grant },
	{ "storm", storm },
	{ "good", good_frame },
};

int main(int argc, char **argv)
{
	static const struct net_how how = { .queues = 1, .buffers = 128 };
	unsigned int i;
	int r = 2;

	log_init("backend_hostile_net", false, false);
	for (i = 0; argc == 2 && i < sizeof(attack) / sizeof(attack[0]); i++) {
		if (strcmp(argv[1], attack[i].name))
			continue;
		r = net_open(&net, NULL, &how, 5000);
		q = net.queue;
		if (!r && attack[i].run == rx_bad_grant)
			spoil_buffers();
		if (!r && !net_connect(&net))
			r = 1;
		if (!r)
			r = attack[i].run();
		fflush(stdout);
		/* no net_close(): this one does not say good-bye */
	}
	return r;
}
