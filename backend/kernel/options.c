/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.c - see options.h.
 */
#include "backend/kernel/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/openlink.h"
#include "common/log.h"
#include "common/option.h"
#include "common/xs.h"

#define PERIOD_MS 500u

enum { OPT_PROC = 256, OPT_SYS, OPT_LEVEL, OPT_POOLS };

struct kernel_options opt = { .link = ACCTRING_OPTIONS_INIT,
			      .period = PERIOD_MS,
			      .level = 2,
			      .proc = "/proc",
			      .sys = "/sys" };

static void usage(void)
{
	printf("Usage: " PROGRAM " [options]\n"
	       "Bills the CPU time of this kernel's xen-blkback and xen-netback, of QEMU and\n"
	       "tapdisk to the guests they serve.  At level 2 (BPF) also softirqs, loop devices,\n"
	       "encryption, writeback, and all else that this domain burns as its own work.\n"
	       "See " PROGRAM "(8).\n\n"
	       "  -l, --list             show devices, threads, processes, what they did; end\n"
	       "  -P, --period MS        how often to post, 100..1000 (default %u)\n"
	       "      --level N          1: clocks of threads only; 2 (default): by programs in "
	       "the\n"
	       "                         kernel (BPF), or 1 where they cannot be loaded\n"
	       "      --pools WHICH      none (default), or shared: at level 1 bill workers that "
	       "serve\n"
	       "                         disks of several guests (loop, dm-crypt, md), divided by\n"
	       "                         what these read and wrote\n"
	       "  -t, --totals FILE      on SIGUSR1 and at the end write what was posted:\n"
	       "                         kind domid device class posts units bytes ns\n"
	       "  -T, --threaded         have the kernel poll vifs in threads, and so bill what "
	       "guests\n"
	       "                         send; at the end in softirqs again\n"
	       "  -g, --guard            enforce limits (acctctl limit): the kernel's threads of a "
	       "guest\n"
	       "                         that has one go to a cgroup with a quota; implies "
	       "--threaded\n"
	       "  -a, --accountant DOMID of the accountant (default: as dom0 says in xenstore)\n"
	       "  -p, --payers N         rows for devices to be billed by, 1..3719, rounded up to\n"
	       "                         pages (default %u, fewer if there is no room)\n"
	       "  -r, --ring-pages N     of each lane: 0, 1, 2, 4 .. 64 (default: 8, and fewer of\n"
	       "                         more than 4 lanes)\n"
	       "      --proc DIR         instead of /proc, for tests\n"
	       "      --sys DIR          instead of /sys, for tests\n"
	       "  -s, --syslog           log to syslog, not to stderr\n"
	       "  -v, --verbose          log more\n"
	       "  -h, --help             this text\n"
	       "  -V, --version          the version\n\n"
	       "SIGTERM and SIGINT end it.\n"
	       "Exit codes: 0 ended, 1 failed while running, 2 command line, 4 no Xen or store.\n",
	       PERIOD_MS, LINK_PAYERS);
}

static void ring_pages_option(const char *text)
{
	uint64_t n = option_number("ring-pages", text, 0, 64);

	if (n & (n - 1))
		die(EXIT_USAGE, "--ring-pages %s: allowed are 0, 1, 2, 4 .. 64", text);
	opt.link.ring_pages = (int)n;
}

static void pools_option(const char *text)
{
	opt.pools = !strcmp(text, "shared");
	if (!opt.pools && strcmp(text, "none") != 0)
		die(EXIT_USAGE, "--pools %s: allowed are none, shared", text);
}

static bool take_number(int c)
{
	switch (c) {
	case 'P':
		opt.period = (unsigned int)option_number("period", optarg, 100, PERIOD_MOST);
		return true;
	case OPT_LEVEL:
		opt.level = (unsigned int)option_number("level", optarg, 1, 2);
		return true;
	case 'a':
		opt.link.accountant = (int)option_number("accountant", optarg, 0, DOMID_LAST);
		return true;
	case 'p':
		opt.link.payers = (unsigned int)option_number("payers", optarg, 1, 3719);
		return true;
	case 'r':
		ring_pages_option(optarg);
		return true;
	default:
		return false;
	}
}

static bool take_option(int c)
{
	switch (c) {
	case 'l':
		opt.list = true;
		return true;
	case 't':
		opt.totals = optarg;
		return true;
	case 'T':
		opt.threaded = true;
		return true;
	case 'g':
		opt.guard = opt.threaded = true;
		return true;
	case 's':
		opt.syslog = true;
		return true;
	case 'v':
		opt.verbose = true;
		return true;
	case OPT_POOLS:
		pools_option(optarg);
		return true;
	case OPT_PROC:
		opt.proc = optarg;
		return true;
	case OPT_SYS:
		opt.sys = optarg;
		return true;
	case 'h':
		usage();
		exit(0);
	case 'V':
		printf(PROGRAM " %s\n", ACCTRING_VERSION);
		exit(0);
	default:
		return take_number(c);
	}
}

void kernel_options(int argc, char **argv)
{
	static const struct option all[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "period", required_argument, NULL, 'P' },
		{ "level", required_argument, NULL, OPT_LEVEL },
		{ "pools", required_argument, NULL, OPT_POOLS },
		{ "totals", required_argument, NULL, 't' },
		{ "threaded", no_argument, NULL, 'T' },
		{ "guard", no_argument, NULL, 'g' },
		{ "accountant", required_argument, NULL, 'a' },
		{ "payers", required_argument, NULL, 'p' },
		{ "ring-pages", required_argument, NULL, 'r' },
		{ "proc", required_argument, NULL, OPT_PROC },
		{ "sys", required_argument, NULL, OPT_SYS },
		{ "syslog", no_argument, NULL, 's' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	log_init(PROGRAM, false, false);
	opterr = 0;
	while ((c = getopt_long(argc, argv, "lP:t:Tga:p:r:svhV", all, NULL)) >= 0)
		if (!take_option(c))
			die_option(argv);
	if (optind < argc)
		die(EXIT_USAGE, "%s: no such argument, allowed: see " PROGRAM " --help",
		    argv[optind]);
	log_init(PROGRAM, opt.syslog, opt.verbose);
}
