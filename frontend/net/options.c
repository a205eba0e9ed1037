/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/net/options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mac.h"
#include "common/option.h"
#include "frontend/net/flows.h"

static void usage(void)
{
	printf("Usage: " PROGRAM " [options] --send MAC | --receive\n"
	       "Connects a network device (device/vif/<id>) of this domain; sends or receives\n"
	       "test frames (port 7777), or both.  UDP: numbered; TCP: pieces of a stream.\n\n"
	       "  -d, --device ID     default: the first one\n"
	       "  -S, --send MAC      send to this address; ff:ff:ff:ff:ff:ff is broadcast\n"
	       "  -R, --receive       check what comes: order, contents and checksums; with "
	       "--send\n"
	       "                      both at once (--bidir means the same)\n"
	       "      --from MAC      look only at what this one sends\n"
	       "  -s, --size N        bytes of a frame, %u..%u (default 1500); also -l, --length\n"
	       "  -r, --rate N        frames a second, in all (default: no limit)\n"
	       "  -b, --bitrate N     bits a second, in all; N with K, M or G\n"
	       "  -P, --parallel N    flows, each of its own port and order, 1..%u (default: as\n"
	       "                      queues); flow i goes by queue i modulo queues\n"
	       "  -t, --runtime S     seconds; -c, --count N frames sent, or received\n"
	       "                      (default: until SIGTERM)\n"
	       "      --tcp           send pieces of TCP streams instead of UDP frames\n"
	       "  -g, --gso N         the same, to be cut into segments of N bytes of data\n"
	       "  -6, --ipv6          instead of IPv4\n"
	       "      --blank         leave checksums to the receiver's side\n"
	       "  -q, --queues N      of the device, 1..%u (default 1)\n"
	       "      --split         an event channel for each direction\n"
	       "      --buffers N     to receive into, of a queue, 1..%u (default 128, for more "
	       "than\n"
	       "                      two queues 256 in all)\n"
	       "      --stall N       after N frames give no buffer back\n"
	       "      --no-csum       do not take frames with blank checksums\n"
	       "      --no-gso        do not take frames that are to be cut\n"
	       "      --no-sg         do not take frames of more than a page\n"
	       "      --no-notify     do not tell when there are buffers again\n"
	       "      --hash          an extra information slot with each frame\n"
	       "      --no-hello      do not tell the switch where we are\n"
	       "      --timeout S     for each step of the backend (default 10)\n"
	       "  -p, --progress      a line each second\n"
	       "  -v, --verbose   -h, --help   -V, --version\n\n"
	       "Exit codes: 0 ended, 1 errors or bad frames, 2 command line, 4 no Xen, store or\n"
	       "device.\n",
	       FRAME_MIN, FRAME_MAX_BYTES, FLOWS, NET_QUEUES, NET_RX_PAGES);
}

static void mac_option(const char *name, const char *text, uint8_t mac[6])
{
	if (!mac_parse(text, mac))
		die(EXIT_USAGE, "--%s %s: not an address like 00:16:3e:00:00:01", name, text);
}

/* A number, or with K, M, G. */
static uint64_t bits_option(const char *text)
{
	static const char unit[] = "KMG";
	char number[24];
	size_t len = strlen(text);
	const char *u = len && len < sizeof(number) ? strchr(unit, text[len - 1]) : NULL;
	uint64_t factor = 1, n;

	if (u && *u) {
		for (factor = 1000; u > unit; u--)
			factor *= 1000;
		snprintf(number, sizeof(number), "%.*s", (int)len - 1, text);
		text = number;
	}
	n = option_number("bitrate", text, 1, UINT64_C(1000000000000) / factor);
	return n * factor;
}

enum {
	OPT_BUFFERS = 256,
	OPT_STALL,
	OPT_FROM,
	OPT_BLANK,
	OPT_NO_CSUM,
	OPT_NO_GSO,
	OPT_NO_SG,
	OPT_NO_NOTIFY,
	OPT_TCP,
	OPT_SPLIT,
	OPT_HASH,
	OPT_NO_HELLO,
	OPT_TIMEOUT
};

/* Options without a value. */
static void take_flag(struct options *o, int c)
{
	switch (c) {
	case OPT_BLANK:
		o->blank = true;
		break;
	case OPT_NO_CSUM:
		o->how.no_csum = true;
		break;
	case OPT_NO_GSO:
		o->how.no_gso = true;
		break;
	case OPT_NO_SG:
		o->how.no_sg = true;
		break;
	case OPT_NO_NOTIFY:
		o->how.no_notify = true;
		break;
	case OPT_TCP:
		o->tcp = true;
		break;
	case OPT_SPLIT:
		o->how.split = true;
		break;
	case '6':
		o->ipv6 = true;
		break;
	case OPT_HASH:
		o->hash = true;
		break;
	case OPT_NO_HELLO:
		o->hello = false;
		break;
	case 'R':
		o->receive = true;
		break;
	case 'p':
		o->progress = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case 'h':
		usage();
		exit(0);
	case 'V':
		printf(PROGRAM " " ACCTRING_VERSION "\n");
		exit(0);
	}
}

static void take_option(struct options *o, int c)
{
	switch (c) {
	case 'd':
		o->device = optarg;
		break;
	case 'S':
		mac_option("send", optarg, o->to);
		o->send = true;
		break;
	case OPT_FROM:
		mac_option("from", optarg, o->from);
		o->filter = true;
		break;
	case 's':
		o->size = option_number("size", optarg, FRAME_MIN, FRAME_MAX_BYTES);
		break;
	case 'r':
		o->rate = option_number("rate", optarg, 1, 1000000000);
		break;
	case 'b':
		o->bits = bits_option(optarg);
		break;
	case 'P':
		o->parallel = option_number("parallel", optarg, 1, FLOWS);
		break;
	case 'g':
		o->gso = option_number("gso", optarg, 1, FRAME_MAX_BYTES);
		break;
	case 'q':
		o->how.queues = (unsigned int)option_number("queues", optarg, 1, NET_QUEUES);
		break;
	case 't':
		o->runtime = option_number("runtime", optarg, 1, 1000000000);
		break;
	case 'c':
		o->count = option_number("count", optarg, 1, UINT64_MAX);
		break;
	case OPT_BUFFERS:
		o->how.buffers = (unsigned int)option_number("buffers", optarg, 1, NET_RX_PAGES);
		break;
	case OPT_STALL:
		o->stall = option_number("stall", optarg, 1, UINT64_MAX);
		break;
	case OPT_TIMEOUT:
		o->timeout = option_number("timeout", optarg, 1, 1000000);
		break;
	default:
		take_flag(o, c);
	}
}

/* What the options leave open, and what does not go together. */
static void defaults(struct options *o)
{
	if (!o->send && !o->receive)
		die(EXIT_USAGE, "what to do: --send MAC or --receive; try " PROGRAM " --help");
	if (!o->how.buffers)
		o->how.buffers = o->how.queues > 2 ? 256 / o->how.queues : 128;
	if (!o->parallel)
		o->parallel = o->how.queues;
	if (o->ipv6 && o->size < FRAME_MIN6)
		die(EXIT_USAGE, "--size %" PRIu64 ": with --ipv6 allowed: from %u", o->size,
		    FRAME_MIN6);
	o->tcp |= o->gso != 0;
	o->blank |= o->gso != 0; /* each segment will have its own */
	if (o->bits && !o->rate)
		o->rate = (o->bits + o->size * 8 - 1) / (o->size * 8);
}

void options_take(struct options *o, int argc, char **argv)
{
	static const struct option all[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "send", required_argument, NULL, 'S' },
		{ "receive", no_argument, NULL, 'R' },
		{ "from", required_argument, NULL, OPT_FROM },
		{ "bidir", no_argument, NULL, 'R' },
		{ "size", required_argument, NULL, 's' },
		{ "length", required_argument, NULL, 's' },
		{ "rate", required_argument, NULL, 'r' },
		{ "bitrate", required_argument, NULL, 'b' },
		{ "parallel", required_argument, NULL, 'P' },
		{ "runtime", required_argument, NULL, 't' },
		{ "count", required_argument, NULL, 'c' },
		{ "tcp", no_argument, NULL, OPT_TCP },
		{ "gso", required_argument, NULL, 'g' },
		{ "ipv6", no_argument, NULL, '6' },
		{ "queues", required_argument, NULL, 'q' },
		{ "split", no_argument, NULL, OPT_SPLIT },
		{ "buffers", required_argument, NULL, OPT_BUFFERS },
		{ "stall", required_argument, NULL, OPT_STALL },
		{ "blank", no_argument, NULL, OPT_BLANK },
		{ "no-csum", no_argument, NULL, OPT_NO_CSUM },
		{ "no-gso", no_argument, NULL, OPT_NO_GSO },
		{ "no-sg", no_argument, NULL, OPT_NO_SG },
		{ "no-notify", no_argument, NULL, OPT_NO_NOTIFY },
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
	while ((c = getopt_long(argc, argv, "d:S:Rs:l:r:b:P:g:6q:t:c:pvhV", all, NULL)) >= 0) {
		if (c == '?')
			die_option(argv);
		take_option(o, c == 'l' ? 's' : c);
	}
	if (optind < argc)
		die(EXIT_USAGE, "%s: no such argument; try " PROGRAM " --help", argv[optind]);
	defaults(o);
	log_init(PROGRAM, false, o->verbose);
}
