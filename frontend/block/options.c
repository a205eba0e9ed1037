/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options are fio's, by fio's names, where it has such; some have a
 * second name that is shorter.
 */
#include "frontend/block/options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/kv.h"
#include "common/log.h"
#include "common/option.h"
#include "frontend/block/pattern.h"

#define PROGRAM "acctring-blkfront"

static void usage(void)
{
	printf("Usage: " PROGRAM " [options]\n"
	       "Connects a virtual disk (device/vbd/<id>) of this domain and puts load on it.\n\n"
	       "  -d, --device ID       default: the first one\n"
	       "  -w, --rw MODE         read, write, randread (default), randwrite, rw, randrw,\n"
	       "                        trim, randtrim: discards; or verify: writes all, reads it\n"
	       "                        back and compares; ends by itself\n"
	       "  -m, --rwmixread N     of a hundred requests of rw and randrw so many are reads,\n"
	       "                        0..100 (default 50); --rwmixwrite N: are writes\n"
	       "  -b, --bs N[-M]        bytes of a request, or from N to M at random; multiples "
	       "of\n"
	       "                        512 up to %u, suffixes k, m (default 4k); above 44k\n"
	       "                        by indirect requests; also --bsrange\n"
	       "  -q, --iodepth N       requests in flight, 1..%u (default 16); also --depth\n"
	       "      --iodepth_batch N so many at once, when there is room for them (default 1)\n"
	       "      --queues N        rings, 1..%u (default 1)\n"
	       "      --ring-order N    2^N pages each, N 0..%u (default 0)\n"
	       "      --indirect        all requests are indirect\n"
	       "      --abi32           entries as a 32 bit x86 guest lays them out\n"
	       "  -r, --rate_iops N     requests a second (default: no limit); also --rate\n"
	       "  -t, --runtime S       seconds (default: until SIGTERM)\n"
	       "  -c, --number_ios N    requests (default: no limit); also --count\n"
	       "  -s, --size BYTES      of the disk to use, suffixes k, m, g (default: all)\n"
	       "  -f, --fsync N         a flush after each N writes; also --flush\n"
	       "      --verify          what is written depends on its place and the seed, and\n"
	       "                        what is read must be that: of a disk that was once\n"
	       "                        written so, as by --rw verify\n"
	       "      --randseed N      of sizes, places and data (default 1); also --seed\n"
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

static void bs_option(struct options *o, char *text)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = 0;
	o->load.min = (uint32_t)number("bs", text, PATTERN_SECTOR, BLK_MAX_BYTES);
	o->load.max = dash ? (uint32_t)number("bs", dash, o->load.min, BLK_MAX_BYTES) : o->load.min;
	if (o->load.min % PATTERN_SECTOR || o->load.max % PATTERN_SECTOR)
		die(EXIT_USAGE, "--bs: not multiples of %u", PATTERN_SECTOR);
}

static void rw_option(struct options *o, const char *text)
{
	static const char *const name[] = { "read",   "write", "randread", "randwrite", "rw",
					    "randrw", "trim",  "randtrim", "verify" };
	unsigned int i;

	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (!strcmp(text, name[i])) {
			o->load.mode = (enum load_mode)i;
			return;
		}
	die(EXIT_USAGE,
	    "--rw %s: allowed are read, write, randread, randwrite, rw, randrw, trim, randtrim, "
	    "verify",
	    text);
}

enum {
	OPT_SEED = 256,
	OPT_TIMEOUT,
	OPT_RECONNECT,
	OPT_QUEUES,
	OPT_ORDER,
	OPT_INDIRECT,
	OPT_ABI32,
	OPT_MIXWRITE,
	OPT_VERIFY,
	OPT_BATCH,
};

/* How the disk is connected. */
static void take_how(struct options *o, int c)
{
	switch (c) {
	case 'q':
		o->how.depth = (unsigned int)number("iodepth", optarg, 1, BLK_DEPTH);
		break;
	case OPT_QUEUES:
		o->how.queues = (unsigned int)number("queues", optarg, 1, BLK_QUEUES);
		break;
	case OPT_ORDER:
		o->how.order = (unsigned int)number("ring-order", optarg, 0, BLK_ORDER);
		break;
	case OPT_INDIRECT:
		o->how.indirect = true;
		break;
	case OPT_ABI32:
		o->how.abi = BLK_ABI_32;
		break;
	}
}

static void take_option(struct options *o, int c)
{
	switch (c) {
	case 'd':
		o->device = optarg;
		break;
	case 'w':
		rw_option(o, optarg);
		break;
	case 'm':
		o->load.mixread = (unsigned int)number("rwmixread", optarg, 0, 100);
		break;
	case OPT_MIXWRITE:
		o->load.mixread = 100 - (unsigned int)number("rwmixwrite", optarg, 0, 100);
		break;
	case OPT_BATCH:
		o->batch = (unsigned int)number("iodepth_batch", optarg, 1, BLK_DEPTH);
		break;
	case OPT_VERIFY:
		o->verify = true;
		break;
	case 'b':
		bs_option(o, optarg);
		break;
	case 'r':
		o->rate = number("rate_iops", optarg, 1, 1000000000);
		break;
	case 't':
		o->runtime = number("runtime", optarg, 1, 1000000000);
		break;
	case 'c':
		o->load.count = number("number_ios", optarg, 1, UINT64_MAX);
		break;
	case 's':
		o->size = number("size", optarg, PATTERN_SECTOR, UINT64_MAX);
		break;
	case 'f':
		o->load.flush = (uint32_t)number("fsync", optarg, 1, UINT32_MAX);
		break;
	case OPT_SEED:
		o->seed = number("randseed", optarg, 0, UINT64_MAX);
		break;
	case OPT_TIMEOUT:
		o->timeout = number("timeout", optarg, 1, 1000000);
		break;
	case OPT_RECONNECT:
		o->reconnect = true;
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
	default:
		take_how(o, c);
	}
}

void options_read(struct options *o, int argc, char **argv)
{
	static const struct option all[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "rw", required_argument, NULL, 'w' },
		{ "readwrite", required_argument, NULL, 'w' },
		{ "rwmixread", required_argument, NULL, 'm' },
		{ "rwmixwrite", required_argument, NULL, OPT_MIXWRITE },
		{ "bs", required_argument, NULL, 'b' },
		{ "bsrange", required_argument, NULL, 'b' },
		{ "iodepth", required_argument, NULL, 'q' },
		{ "depth", required_argument, NULL, 'q' },
		{ "iodepth_batch", required_argument, NULL, OPT_BATCH },
		{ "rate_iops", required_argument, NULL, 'r' },
		{ "rate", required_argument, NULL, 'r' },
		{ "runtime", required_argument, NULL, 't' },
		{ "number_ios", required_argument, NULL, 'c' },
		{ "count", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' },
		{ "fsync", required_argument, NULL, 'f' },
		{ "flush", required_argument, NULL, 'f' },
		{ "verify", no_argument, NULL, OPT_VERIFY },
		{ "randseed", required_argument, NULL, OPT_SEED },
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

	*o = (struct options){
		.load = { .mode = LOAD_RANDREAD, .min = 4096, .max = 4096, .mixread = 50 },
		.how = { .depth = 16, .queues = 1 },
		.batch = 1,
		.seed = 1,
		.timeout = 10,
	};
	log_init(PROGRAM, false, false);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "d:w:m:b:q:r:t:c:s:f:pvhV", all, NULL)) >= 0) {
		if (c == '?')
			die_option(argv);
		take_option(o, c);
	}
	if (optind < argc)
		die(EXIT_USAGE, "%s: no such argument; try " PROGRAM " --help", argv[optind]);
	if (o->batch > o->how.depth)
		die(EXIT_USAGE, "--iodepth_batch %u: allowed: 1..%u, as --iodepth", o->batch,
		    o->how.depth);
	o->verify |= o->load.mode == LOAD_VERIFY;
	log_init(PROGRAM, false, o->verbose);
}
