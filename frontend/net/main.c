/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring-netfront: connects a guest's network device, sends and receives
 * numbered test frames.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mac.h"
#include "common/option.h"
#include "frontend/net/flows.h"
#include "frontend/net/frame.h"
#include "frontend/net/netfront.h"

#define PROGRAM "acctring-netfront"
#define BURST 32u /* frames put before the backend is told */

static struct {
	const char *device;
	uint8_t to[6];
	uint64_t size, rate, runtime, count, buffers, stall, timeout;
	bool send, receive, blank, no_csum, hash, hello, progress, verbose;
} opt = { .size = 1500, .buffers = 128, .timeout = 10, .hello = true };

static struct netfront net;
static struct flows flows;
static struct {
	uint64_t sent, sent_bytes, received, received_bytes, bad, other, foreign, blank;
} done;

static void usage(void)
{
	printf("Usage: " PROGRAM " [options] --send MAC | --receive\n"
	       "Connects a network device (device/vif/<id>) of this domain; sends or receives\n"
	       "numbered test frames (IPv4, UDP port 7777), or both.\n\n"
	       "  -d, --device ID     default: the first one\n"
	       "  -S, --send MAC      send to this address; ff:ff:ff:ff:ff:ff is broadcast\n"
	       "  -R, --receive       check what comes: numbers and checksums\n"
	       "  -s, --size N        bytes of a frame, %u..%u (default 1500)\n"
	       "  -r, --rate N        frames a second (default: no limit)\n"
	       "  -t, --runtime S     seconds; -c, --count N frames sent, or received\n"
	       "                      (default: until SIGTERM)\n"
	       "      --buffers N     to receive into, 1..%u (default 128)\n"
	       "      --stall N       after N frames give no buffer back\n"
	       "      --blank         leave checksums to the receiver's side\n"
	       "      --no-csum       do not take frames with blank checksums\n"
	       "      --hash          an extra information slot with each frame\n"
	       "      --no-hello      do not tell the switch where we are\n"
	       "      --timeout S     for each step of the backend (default 10)\n"
	       "  -p, --progress      a line each second\n"
	       "  -v, --verbose   -h, --help   -V, --version\n\n"
	       "Exit codes: 0 ended, 1 errors or bad frames, 2 command line, 4 no Xen, store or\n"
	       "device.\n",
	       FRAME_MIN, FRAME_MAX_BYTES, NET_RX_PAGES);
}

static void mac_option(const char *text)
{
	if (!mac_parse(text, opt.to))
		die(EXIT_USAGE, "--send %s: not an address like 00:16:3e:00:00:01", text);
	opt.send = true;
}

enum { OPT_BUFFERS = 256, OPT_STALL, OPT_BLANK, OPT_NO_CSUM, OPT_HASH, OPT_NO_HELLO, OPT_TIMEOUT };

/* Options without a value. */
static void take_flag(int c)
{
	switch (c) {
	case OPT_BLANK:
		opt.blank = true;
		break;
	case OPT_NO_CSUM:
		opt.no_csum = true;
		break;
	case OPT_HASH:
		opt.hash = true;
		break;
	case OPT_NO_HELLO:
		opt.hello = false;
		break;
	case 'p':
		opt.progress = true;
		break;
	case 'v':
		opt.verbose = true;
		break;
	case 'h':
		usage();
		exit(0);
	case 'V':
		printf(PROGRAM " " ACCTRING_VERSION "\n");
		exit(0);
	}
}

static void take_option(int c)
{
	switch (c) {
	case 'd':
		opt.device = optarg;
		break;
	case 'S':
		mac_option(optarg);
		break;
	case 'R':
		opt.receive = true;
		break;
	case 's':
		opt.size = option_number("size", optarg, FRAME_MIN, FRAME_MAX_BYTES);
		break;
	case 'r':
		opt.rate = option_number("rate", optarg, 1, 1000000000);
		break;
	case 't':
		opt.runtime = option_number("runtime", optarg, 1, 1000000000);
		break;
	case 'c':
		opt.count = option_number("count", optarg, 1, UINT64_MAX);
		break;
	case OPT_BUFFERS:
		opt.buffers = option_number("buffers", optarg, 1, NET_RX_PAGES);
		break;
	case OPT_STALL:
		opt.stall = option_number("stall", optarg, 1, UINT64_MAX);
		break;
	case OPT_TIMEOUT:
		opt.timeout = option_number("timeout", optarg, 1, 1000000);
		break;
	default:
		take_flag(c);
	}
}

static void options(int argc, char **argv)
{
	static const struct option all[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "send", required_argument, NULL, 'S' },
		{ "receive", no_argument, NULL, 'R' },
		{ "size", required_argument, NULL, 's' },
		{ "rate", required_argument, NULL, 'r' },
		{ "runtime", required_argument, NULL, 't' },
		{ "count", required_argument, NULL, 'c' },
		{ "buffers", required_argument, NULL, OPT_BUFFERS },
		{ "stall", required_argument, NULL, OPT_STALL },
		{ "blank", no_argument, NULL, OPT_BLANK },
		{ "no-csum", no_argument, NULL, OPT_NO_CSUM },
		{ "hash", no_argument, NULL, OPT_HASH },
		{ "no-hello", no_argument, NULL, OPT_NO_HELLO },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "progress", no_argument, NULL, 'p' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	log_init(PROGRAM, false, false);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "d:S:Rs:r:t:c:pvhV", all, NULL)) >= 0) {
		if (c == '?')
			die_option(argv);
		take_option(c);
	}
	if (optind < argc)
		die(EXIT_USAGE, "%s: no such argument; try " PROGRAM " --help", argv[optind]);
	if (!opt.send && !opt.receive)
		die(EXIT_USAGE, "what to do: --send MAC or --receive; try " PROGRAM " --help");
	log_init(PROGRAM, false, opt.verbose);
}

/* Frames as far as rate and room allow; ns until the next, -1: when room comes. */
static int64_t submit(uint64_t start)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	static uint64_t built = UINT64_MAX;
	uint64_t now = opt.rate ? now_ns() : 0;
	unsigned int burst = 0;
	int64_t wait = -1;

	while (!opt.count || done.sent < opt.count) {
		uint64_t due = opt.rate ? start + done.sent * 1000000000u / opt.rate : 0;

		if (due > now || burst == BURST) {
			wait = due > now ? (int64_t)(due - now) : 0;
			break;
		}
		if (built != done.sent) /* it may have found no room last time */
			frame_build(frame, opt.size, opt.to, net.mac, done.sent, opt.blank);
		built = done.sent;
		if (!net_send(&net, frame, (uint32_t)opt.size, opt.blank, opt.hash))
			break;
		done.sent++;
		done.sent_bytes += opt.size;
		burst++;
	}
	if (burst)
		net_push(&net);
	return wait;
}

static void take_frame(void)
{
	uint64_t n;

	if (!(net.frame[0] & 1) && memcmp(net.frame, net.mac, 6)) {
		done.foreign++; /* flooded: nobody knows whose it is */
		return;
	}
	switch (frame_check(net.frame, net.len, net.blank, &n)) {
	case FRAME_OTHER:
		done.other++;
		return;
	case FRAME_BAD:
		done.bad++;
		return;
	case FRAME_TEST:
		done.received++;
		done.received_bytes += net.len;
		done.blank += net.blank;
		flows_see(&flows, net.frame, n);
	}
}

/* False: the backend broke a ring. */
static bool reap(void)
{
	int r;

	while ((r = net_receive(&net)) > 0) {
		take_frame();
		if (opt.stall && done.received >= opt.stall)
			net.stalled = true;
	}
	if (r < 0 || !net_reap(&net)) {
		log_error("the backend broke the ring");
		return false;
	}
	net_refill(&net);
	return true;
}

static void report(uint64_t since)
{
	double s = (double)(now_ns() - since) / 1e9;

	printf("netfront sent=%" PRIu64 " sent_bytes=%" PRIu64 " send_errors=%u received=%" PRIu64
	       " received_bytes=%" PRIu64 " lost=%" PRIu64 " late=%" PRIu64 " bad=%" PRIu64
	       " receive_errors=%u foreign=%" PRIu64 " other=%" PRIu64 " blank=%" PRIu64
	       " seconds=%.3f tx_fps=%.0f tx_bps=%.0f rx_fps=%.0f rx_bps=%.0f\n",
	       done.sent, done.sent_bytes, net.tx_error, done.received, done.received_bytes,
	       flows.lost, flows.late, done.bad, net.rx_error, done.foreign, done.other, done.blank,
	       s, (double)done.sent / s, (double)done.sent_bytes / s, (double)done.received / s,
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
		if (ending && (!net.in_flight || now_ns() >= stop))
			return !net.in_flight;
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

	frame_hello(frame, net.mac);
	net_send(&net, frame, sizeof(frame), false, false);
	net_push(&net);
}

int main(int argc, char **argv)
{
	uint64_t start;
	bool ok;
	int r;

	options(argc, argv);
	r = net_open(&net, opt.device, (unsigned int)opt.buffers, (int)opt.timeout * 1000);
	if (r)
		return r;
	net.no_csum = opt.no_csum;
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
