/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring-blkfront: connects a guest's virtual disk and puts load on it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/option.h"
#include "frontend/block/blkfront.h"
#include "frontend/block/pattern.h"

#define PROGRAM "acctring-blkfront"

static struct {
	const char *device;
	struct load load;
	struct blk_how how;
	uint64_t size, seed, rate, runtime, timeout;
	bool progress, verbose, reconnect;
} opt = {
	.load = { .mode = LOAD_RANDREAD, .min = 4096, .max = 4096 },
	.how = { .depth = 16, .queues = 1 },
	.seed = 1,
	.timeout = 10,
};

static struct blkfront disk;
static uint64_t mismatches, verified;

static void usage(void)
{
	printf("Usage: " PROGRAM " [options]\n"
	       "Connects a virtual disk (device/vbd/<id>) of this domain and puts load on it.\n\n"
	       "  -d, --device ID       default: the first one\n"
	       "  -w, --rw MODE         read, write, randread (default), randwrite, rw, randrw,\n"
	       "                        trim, randtrim: discards; or verify: writes all, reads it\n"
	       "                        back and compares; ends by itself\n"
	       "  -b, --bs N[-M]        bytes of a request, or from N to M at random; multiples "
	       "of\n"
	       "                        512 up to %u, suffixes k, m (default 4k); above 44k\n"
	       "                        by indirect requests\n"
	       "  -q, --depth N         requests in flight, 1..%u (default 16)\n"
	       "      --queues N        rings, 1..%u (default 1)\n"
	       "      --ring-order N    2^N pages each, N 0..%u (default 0)\n"
	       "      --indirect        all requests are indirect\n"
	       "      --abi32           entries as a 32 bit x86 guest lays them out\n"
	       "  -r, --rate N          requests a second (default: no limit)\n"
	       "  -t, --runtime S       seconds; -c, --count N requests (default: until SIGTERM)\n"
	       "  -s, --size BYTES      of the disk to use, suffixes k, m, g (default: all)\n"
	       "  -f, --flush N         a flush after each N writes\n"
	       "      --seed N          of sizes, places and data (default 1)\n"
	       "      --timeout S       for each step of the backend (default 10)\n"
	       "      --reconnect       when the backend goes, wait for it and go on\n"
	       "  -p, --progress        a line each second\n"
	       "  -v, --verbose   -h, --help   -V, --version\n\n"
	       "Exit codes: 0 ended and no error, 1 errors or mismatches, 2 command line,\n"
	       "4 no Xen, store or device.\n",
	       BLK_MAX_BYTES, BLK_DEPTH, BLK_QUEUES, BLK_ORDER);
}

static uint64_t number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char digits[32];
	size_t len = strlen(text);
	uint64_t n, unit = 1;

	if (len && len < sizeof(digits)) {
		memcpy(digits, text, len + 1);
		switch (digits[len - 1]) {
		case 'k':
			unit = 1u << 10;
			break;
		case 'm':
			unit = 1u << 20;
			break;
		case 'g':
			unit = 1u << 30;
			break;
		}
		if (unit > 1)
			digits[len - 1] = 0;
		if (parse_u64(digits, max / unit, &n) && n * unit >= min)
			return n * unit;
	}
	die(EXIT_USAGE, "--%s %s: not a number from %" PRIu64 " to %" PRIu64, option, text, min,
	    max);
}

static void bs_option(char *text)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = 0;
	opt.load.min = (uint32_t)number("bs", text, PATTERN_SECTOR, BLK_MAX_BYTES);
	opt.load.max =
		dash ? (uint32_t)number("bs", dash, opt.load.min, BLK_MAX_BYTES) : opt.load.min;
	if (opt.load.min % PATTERN_SECTOR || opt.load.max % PATTERN_SECTOR)
		die(EXIT_USAGE, "--bs: not multiples of %u", PATTERN_SECTOR);
}

static void rw_option(const char *text)
{
	static const char *const name[] = { "read",   "write", "randread", "randwrite", "rw",
					    "randrw", "trim",  "randtrim", "verify" };
	unsigned int i;

	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (!strcmp(text, name[i])) {
			opt.load.mode = (enum load_mode)i;
			return;
		}
	die(EXIT_USAGE,
	    "--rw %s: allowed are read, write, randread, randwrite, rw, randrw, trim, randtrim, "
	    "verify",
	    text);
}

enum { OPT_SEED = 256, OPT_TIMEOUT, OPT_RECONNECT, OPT_QUEUES, OPT_ORDER, OPT_INDIRECT, OPT_ABI32 };

/* How the disk is connected. */
static void take_how(int c)
{
	switch (c) {
	case 'q':
		opt.how.depth = (unsigned int)number("depth", optarg, 1, BLK_DEPTH);
		break;
	case OPT_QUEUES:
		opt.how.queues = (unsigned int)number("queues", optarg, 1, BLK_QUEUES);
		break;
	case OPT_ORDER:
		opt.how.order = (unsigned int)number("ring-order", optarg, 0, BLK_ORDER);
		break;
	case OPT_INDIRECT:
		opt.how.indirect = true;
		break;
	case OPT_ABI32:
		opt.how.abi = BLK_ABI_32;
		break;
	}
}

static void take_option(int c)
{
	switch (c) {
	case 'd':
		opt.device = optarg;
		break;
	case 'w':
		rw_option(optarg);
		break;
	case 'b':
		bs_option(optarg);
		break;
	case 'r':
		opt.rate = number("rate", optarg, 1, 1000000000);
		break;
	case 't':
		opt.runtime = number("runtime", optarg, 1, 1000000000);
		break;
	case 'c':
		opt.load.count = number("count", optarg, 1, UINT64_MAX);
		break;
	case 's':
		opt.size = number("size", optarg, PATTERN_SECTOR, UINT64_MAX);
		break;
	case 'f':
		opt.load.flush = (uint32_t)number("flush", optarg, 1, UINT32_MAX);
		break;
	case OPT_SEED:
		opt.seed = number("seed", optarg, 0, UINT64_MAX);
		break;
	case OPT_TIMEOUT:
		opt.timeout = number("timeout", optarg, 1, 1000000);
		break;
	case OPT_RECONNECT:
		opt.reconnect = true;
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
	default:
		take_how(c);
	}
}

static void options(int argc, char **argv)
{
	static const struct option all[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "rw", required_argument, NULL, 'w' },
		{ "bs", required_argument, NULL, 'b' },
		{ "depth", required_argument, NULL, 'q' },
		{ "rate", required_argument, NULL, 'r' },
		{ "runtime", required_argument, NULL, 't' },
		{ "count", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' },
		{ "flush", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, OPT_SEED },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "reconnect", no_argument, NULL, OPT_RECONNECT },
		{ "queues", required_argument, NULL, OPT_QUEUES },
		{ "ring-order", required_argument, NULL, OPT_ORDER },
		{ "indirect", no_argument, NULL, OPT_INDIRECT },
		{ "abi32", no_argument, NULL, OPT_ABI32 },
		{ "progress", no_argument, NULL, 'p' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	log_init(PROGRAM, false, false);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "d:w:b:q:r:t:c:s:f:pvhV", all, NULL)) >= 0) {
		if (c == '?')
			die_option(argv);
		take_option(c);
	}
	if (optind < argc)
		die(EXIT_USAGE, "%s: no such argument; try " PROGRAM " --help", argv[optind]);
	log_init(PROGRAM, false, opt.verbose);
}

/* The part of the disk that the load may use; false: none. */
static bool size_disk(void)
{
	uint64_t sectors = opt.size ? opt.size / PATTERN_SECTOR : disk.sectors;

	if (sectors > disk.sectors) {
		log_error("--size: the disk has only %" PRIu64 " bytes",
			  disk.sectors * PATTERN_SECTOR);
		return false;
	}
	if (sectors < opt.load.max / PATTERN_SECTOR) {
		log_error("the disk has %" PRIu64 " bytes: less than one request", sectors * 512);
		return false;
	}
	opt.load.sectors = sectors;
	opt.load.random = opt.seed;
	return true;
}

static void fill(struct blk_slot *s)
{
	uint32_t i;

	if (s->r.op == LOAD_OP_WRITE && opt.load.mode == LOAD_VERIFY)
		for (i = 0; i < s->r.bytes / PATTERN_SECTOR; i++)
			pattern_fill(s->data + i * PATTERN_SECTOR, opt.seed, s->r.sector + i);
	else if (s->r.op == LOAD_OP_READ && opt.load.mode == LOAD_VERIFY)
		memset(s->data, 0xa5, s->r.bytes); /* what is not read must not compare */
}

static void compare(const struct blk_slot *s)
{
	uint32_t i;

	for (i = 0; i < s->r.bytes / PATTERN_SECTOR; i++) {
		verified++;
		if (pattern_compare(s->data + i * PATTERN_SECTOR, opt.seed, s->r.sector + i)) {
			if (!mismatches++)
				log_error("sector %" PRIu64 ": wrong data", s->r.sector + i);
		}
	}
}

/* False: the backend broke the ring. */
static bool reap(void)
{
	struct blk_slot *s;
	int16_t status;
	bool broken;

	while ((s = blk_answer(&disk, &status, &broken)))
		if (s->r.op == LOAD_OP_READ && opt.load.mode == LOAD_VERIFY &&
		    status == BLKIF_RSP_OKAY)
			compare(s);
	if (broken)
		log_error("the backend broke the ring");
	return !broken;
}

/*
 * Fills the ring as far as rate and depth allow.  Returns ns until more may
 * be put, -1: when an answer has come.  *end: nothing more to ask.
 */
static int64_t submit(uint64_t start, uint64_t *put, bool *end)
{
	struct blk_slot *s;
	int64_t wait = -1;

	while ((s = blk_slot(&disk))) {
		uint64_t due = opt.rate ? start + *put * 1000000000u / opt.rate : 0;
		uint64_t now = opt.rate ? now_ns() : 0;

		if (due > now) {
			wait = (int64_t)(due - now);
			break;
		}
		if (!load_next(&opt.load, !disk.busy, &s->r)) {
			*end = !disk.busy;
			break;
		}
		++*put;
		fill(s);
		blk_put(&disk, s);
	}
	blk_push(&disk);
	return wait;
}

static uint64_t requests(void)
{
	return disk.done[LOAD_OP_READ] + disk.done[LOAD_OP_WRITE] + disk.done[LOAD_OP_FLUSH] +
	       disk.done[LOAD_OP_DISCARD];
}

static void report(uint64_t since)
{
	double s = (double)(now_ns() - since) / 1e9;

	printf("blkfront requests=%" PRIu64 " errors=%" PRIu64 " unsupported=%" PRIu64
	       " reads=%" PRIu64 " writes=%" PRIu64 " flushes=%" PRIu64 " discards=%" PRIu64
	       " bytes=%" PRIu64
	       " seconds=%.3f rps=%.0f bps=%.0f p50_us=%.1f p99_us=%.1f verified=%" PRIu64
	       " mismatches=%" PRIu64 " reconnects=%" PRIu64 " sectors=%" PRIu64 "\n",
	       requests(), disk.errors, disk.unsupported, disk.done[LOAD_OP_READ],
	       disk.done[LOAD_OP_WRITE], disk.done[LOAD_OP_FLUSH], disk.done[LOAD_OP_DISCARD],
	       disk.bytes, s, (double)requests() / s, (double)disk.bytes / s,
	       (double)hist_percentile(&disk.latency, 50) / 1e3,
	       (double)hist_percentile(&disk.latency, 99) / 1e3, verified, mismatches,
	       disk.reconnects, disk.sectors);
	fflush(stdout);
}

/* A line for each second that has passed; returns ns to the next. */
static int64_t progress(uint64_t *next)
{
	static uint64_t old_requests, old_bytes;
	uint64_t now = now_ns();

	if (now >= *next) {
		printf("progress rps=%" PRIu64 " bps=%" PRIu64 " errors=%" PRIu64 "\n",
		       requests() - old_requests, disk.bytes - old_bytes, disk.errors);
		fflush(stdout);
		old_requests = requests();
		old_bytes = disk.bytes;
		*next = now + 1000000000u;
	}
	return (int64_t)(*next - now);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static bool lost(void)
{
	if (!opt.reconnect) {
		log_error("the backend has closed the disk");
		return false;
	}
	log_info("the backend has closed the disk: connecting again");
	return blk_reconnect(&disk);
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

/* Until the end of the load, or of the time, or SIGTERM.  False: an error. */
static bool run(void)
{
	uint64_t start = now_ns(), put = 0, next = start + 1000000000u;
	uint64_t stop = opt.runtime ? start + opt.runtime * 1000000000u : UINT64_MAX;
	struct front_events e = { .ended = false };
	bool end = false, ending = false;

	for (;;) {
		int64_t wait = -1;

		if (!ending && (e.ended || now_ns() >= stop)) {
			/* what is in flight gets its answers, in bounded time */
			ending = true;
			stop = now_ns() + opt.timeout * 1000000000u;
		}
		if (!ending)
			wait = submit(start, &put, &end);
		if (end || (ending && !disk.busy))
			return true;
		if (ending && now_ns() >= stop) {
			log_error("%u requests without an answer", disk.busy);
			return false;
		}
		wait = sleep_time(wait, stop, &next);
		if (!front_sleep(&disk.f, wait, &e) || (e.lost && !lost()) || !reap())
			return false;
		if (e.told && !e.lost)
			blk_read_size(&disk);
	}
}

int main(int argc, char **argv)
{
	uint64_t start;
	bool ok;
	int r;

	options(argc, argv);
	opt.how.bytes = opt.load.mode == LOAD_TRIM || opt.load.mode == LOAD_RANDTRIM ? XENBUS_PAGE
										     : opt.load.max;
	r = blk_open(&disk, opt.device, &opt.how, (int)opt.timeout * 1000);
	if (r)
		return r;
	if (!blk_connect(&disk) || !size_disk()) {
		blk_close(&disk);
		return EXIT_ENV;
	}
	start = now_ns();
	ok = run();
	report(start);
	blk_close(&disk);
	return ok && !disk.errors && !mismatches ? 0 : EXIT_RUNTIME;
}
