/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring-netfront: connects a guest's network device, sends and receives
 * numbered test frames.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "frontend/net/flows.h"
#include "frontend/net/frame.h"
#include "frontend/net/options.h"

#define BURST 32u /* frames put before the backend is told */

static struct options opt = OPTIONS_INIT;

static struct netfront net;
static struct flows flows;
static struct {
	uint64_t sent, sent_bytes, received, received_bytes, bad, other, foreign, blank, large;
	unsigned int used; /* queues by which any came, a bit each */
	uint64_t place[FLOWS]; /* of each flow: number of the next frame, or in its stream */
} done;

/* The next frame of the flow whose turn it is; false: no room now. */
static bool send_next(void)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	static uint64_t built = UINT64_MAX;
	unsigned int flow = (unsigned int)(done.sent % opt.parallel);
	const struct frame_how how = { .dst = opt.to,
				       .src = net.mac,
				       .tcp = opt.tcp,
				       .ipv6 = opt.ipv6,
				       .blank = opt.blank,
				       .flow = flow };
	const struct net_frame f = { .data = frame,
				     .len = (uint32_t)opt.size,
				     .gso = !opt.gso   ? XEN_NETIF_GSO_TYPE_NONE
					    : opt.ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6
						       : XEN_NETIF_GSO_TYPE_TCPV4,
				     .gso_size = (uint16_t)opt.gso,
				     .blank = opt.blank,
				     .hash = opt.hash };

	if (built != done.sent) /* it may have found no room last time */
		frame_build(frame, opt.size, &how, done.place[flow]);
	built = done.sent;
	if (!net_send(&net, &net.queue[flow % opt.how.queues], &f))
		return false;
	done.place[flow] += opt.tcp ? frame_data(opt.size, &how) : 1;
	done.sent++;
	done.sent_bytes += opt.size;
	return true;
}

/* Frames as far as rate and room allow; ns until the next, -1: when room comes. */
static int64_t submit(uint64_t start)
{
	uint64_t now = opt.rate ? now_ns() : 0;
	unsigned int burst = 0, i;
	int64_t wait = -1;

	while (!opt.count || done.sent < opt.count) {
		uint64_t due = opt.rate ? start + done.sent * 1000000000u / opt.rate : 0;

		if (due > now || burst == BURST) {
			wait = due > now ? (int64_t)(due - now) : 0;
			break;
		}
		if (!send_next())
			break;
		burst++;
	}
	for (i = 0; burst && i < opt.how.queues; i++)
		net_push(&net, &net.queue[i]);
	return wait;
}

static void take_frame(const struct net_queue *q)
{
	struct frame_is is;
	enum frame_kind kind;

	if ((!(q->frame[0] & 1) && memcmp(q->frame, net.mac, 6)) ||
	    (opt.filter && memcmp(q->frame + 6, opt.from, 6))) {
		done.foreign++; /* flooded, for nobody knows whose it is; or another's */
		return;
	}
	kind = frame_check(q->frame, q->len, q->blank, &is);
	if (kind == FRAME_OTHER || kind == FRAME_BAD) {
		done.other += kind == FRAME_OTHER;
		done.bad += kind == FRAME_BAD;
		return;
	}
	done.received++;
	done.received_bytes += q->len;
	done.blank += q->blank;
	done.large += q->gso != 0;
	done.used |= 1u << q->id;
	if (kind == FRAME_TEST)
		flows_see(&flows, is.key, is.number);
	else
		flows_stream(&flows, is.key, (uint32_t)is.number, (uint32_t)is.data);
}

/* False: the backend broke a ring. */
static bool reap(void)
{
	unsigned int i;
	int r = 0;

	for (i = 0; i < opt.how.queues; i++) {
		struct net_queue *q = &net.queue[i];

		while ((r = net_receive(&net, q)) > 0) {
			take_frame(q);
			if (opt.stall && done.received >= opt.stall)
				net.stalled = true;
		}
		if (r < 0 || !net_reap(&net, q)) {
			log_error("the backend broke the ring");
			return false;
		}
		net_refill(&net, q);
	}
	return true;
}

static void report(uint64_t since)
{
	double s = (double)(now_ns() - since) / 1e9;

	printf("netfront sent=%" PRIu64 " sent_bytes=%" PRIu64 " send_errors=%u received=%" PRIu64
	       " received_bytes=%" PRIu64 " lost=%" PRIu64 " late=%" PRIu64 " bad=%" PRIu64
	       " receive_errors=%u foreign=%" PRIu64 " other=%" PRIu64 " blank=%" PRIu64
	       " large=%" PRIu64
	       " queues=%d seconds=%.3f tx_fps=%.0f tx_bps=%.0f rx_fps=%.0f rx_bps=%.0f\n",
	       done.sent, done.sent_bytes, net.tx_error, done.received, done.received_bytes,
	       flows.lost, flows.late, done.bad, net.rx_error, done.foreign, done.other, done.blank,
	       done.large, __builtin_popcount(done.used), s, (double)done.sent / s,
	       (double)done.sent_bytes / s, (double)done.received / s,
	       (double)done.received_bytes / s);
	fflush(stdout);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* A line for each second that has passed; returns ns to the next. */
static int64_t progress(uint64_t *next)
{
	static uint64_t old_sent, old_received, old_bytes;
	uint64_t now = now_ns(), bytes = done.sent_bytes + done.received_bytes;

	if (now >= *next) {
		printf("progress tx_fps=%" PRIu64 " rx_fps=%" PRIu64 " bps=%" PRIu64
		       " lost=%" PRIu64 " bad=%" PRIu64 "\n",
		       done.sent - old_sent, done.received - old_received, bytes - old_bytes,
		       flows.lost, done.bad);
		fflush(stdout);
		old_sent = done.sent;
		old_received = done.received;
		old_bytes = bytes;
		*next = now + 1000000000u;
	}
	return (int64_t)(*next - now);
}

static bool complete(void)
{
	if (!opt.count)
		return false;
	return opt.send ? done.sent == opt.count : done.received >= opt.count;
}

/* How long run() may sleep. */
static int64_t sleep_time(int64_t wait, uint64_t stop, uint64_t *next)
{
	uint64_t now = now_ns();

	if (stop != UINT64_MAX)
		wait = sooner(wait, stop > now ? (int64_t)(stop - now) : 0);
	if (opt.progress)
		wait = sooner(wait, progress(next));
	return wait;
}

/* Until the count, the time or SIGTERM.  False: an error. */
static bool run(void)
{
	uint64_t start = now_ns(), next = start + 1000000000u;
	uint64_t stop = opt.runtime ? start + opt.runtime * 1000000000u : UINT64_MAX;
	struct front_events e = { .ended = false };
	bool ending = false;

	for (;;) {
		int64_t wait = -1;

		if (!ending && (e.ended || now_ns() >= stop || complete())) {
			ending = true; /* what was sent gets its answers */
			stop = now_ns() + opt.timeout * 1000000000u;
		}
		if (!ending && opt.send)
			wait = submit(start);
		if (ending && (!net_in_flight(&net) || now_ns() >= stop))
			return !net_in_flight(&net);
		wait = sleep_time(wait, stop, &next);
		if (!front_sleep(&net.f, wait, &e) || !reap())
			return false;
		if (e.lost) {
			log_error("the backend has closed the device");
			return false;
		}
	}
}

static void hello(void)
{
	uint8_t frame[FRAME_HELLO];
	const struct net_frame f = { .data = frame, .len = sizeof(frame) };

	frame_hello(frame, net.mac);
	net_send(&net, &net.queue[0], &f);
	net_push(&net, &net.queue[0]);
}

int main(int argc, char **argv)
{
	uint64_t start;
	bool ok;
	int r;

	options_take(&opt, argc, argv);
	r = net_open(&net, opt.device, &opt.how, (int)opt.timeout * 1000);
	if (r)
		return r;
	if (!net_connect(&net)) {
		net_close(&net);
		return EXIT_ENV;
	}
	if (opt.hello)
		hello();
	start = now_ns();
	ok = run();
	report(start);
	net_close(&net);
	return ok && !done.bad && !net.tx_error && !net.rx_error ? 0 : EXIT_RUNTIME;
}
