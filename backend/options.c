/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of a backend.
 */
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/openlink.h"
#include "common/log.h"
#include "common/option.h"
#include "common/xs.h"

#define THREADS 16u /* where the options do not say; each has a lane in a domain's few grants */

/* Each queue of a device is a thread, with a lane. */
static void usage_lanes(const struct backend_ops *ops)
{
	printf("  -d, --devices N        most devices at a time, 1..%u (default %u)\n"
	       "  -q, --queues N         most queues of a device, 1..%u (default %u); %u in all\n"
	       "  -g, --grants HOW       guests' pages are mapped, copied: map, copy, or auto\n"
	       "                         (default): each queue measures what costs less\n",
	       ops->max_lanes, ops->lanes, ops->max_queues, ops->queues, ops->max_lanes);
}

/* Threads, with a lane each, have the queues of all devices. */
static void usage_threads(const struct backend_ops *ops)
{
	printf("  -T, --threads N        that serve guests, 1..%u (default: the CPUs, at most %u)\n"
	       "  -q, --queues N         most queues of a device, 1..%u (default: as threads, at "
	       "most %u)\n"
	       "  -b, --bridge NAME      of devices that the toolstack gave none; without, they "
	       "are\n"
	       "                         switched\n"
	       "  -S, --switch           switch all, also those with a bridge\n",
	       ops->max_threads, THREADS, ops->max_queues, ops->queues);
}

static void usage(const struct backend_ops *ops)
{
	printf("Usage: %s [options]\n%s\n\n"
	       "  -k, --kind NAME        serve backend/NAME (default %s)\n"
	       "  -t, --totals FILE      on SIGUSR1 and at the end write what was posted:\n"
	       "                         kind domid device class posts units bytes ns\n"
	       "  -a, --accountant DOMID of the accountant (default: as dom0 says in xenstore)\n",
	       ops->program, ops->about, ops->kind);
	if (ops->max_threads)
		usage_threads(ops);
	else
		usage_lanes(ops);
	printf("  -p, --payers N         rows for devices to be billed by, 1..3719, rounded up to\n"
	       "                         pages (default %u, fewer if there is no room)\n"
	       "  -r, --ring-pages N     of each lane: 0, 1, 2, 4 .. 64 (default 8)\n"
	       "  -s, --syslog           log to syslog, not to stderr\n"
	       "  -v, --verbose          log more\n"
	       "  -h, --help             this text\n"
	       "  -V, --version          the version\n\n"
	       "SIGTERM and SIGINT end it: devices are closed, then the link to the accountant.\n"
	       "Exit codes: 0 ended, 1 failed while running, 2 command line, 4 no Xen, store or\n"
	       "device, or another process or the kernel serves that kind.\n",
	       LINK_PAYERS);
}

static const char *kind_option(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	if (!*text || strlen(text) > 32 || text[strspn(text, letters)])
		die(EXIT_USAGE, "--kind %s: no such kind, allowed: 1..32 of a-z 0-9 _ -", text);
	return text;
}

static enum grants grants_option(const char *text)
{
	static const char *const name[] = { "auto", "map", "copy" };
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (!strcmp(text, name[i]))
			return (enum grants)i;
	die(EXIT_USAGE, "--grants %s: allowed are auto, map, copy", text);
}

static const char *bridge_option(const char *text)
{
	if (!*text || strlen(text) >= IFNAMSIZ || strpbrk(text, "/: \t\n%"))
		die(EXIT_USAGE,
		    "--bridge %s: no such name, allowed: of an interface, 1..%d letters", text,
		    IFNAMSIZ - 1);
	return text;
}

static void ring_pages_option(struct acctring_options *o, const char *text)
{
	uint64_t n = option_number("ring-pages", text, 0, 64);

	if (n & (n - 1))
		die(EXIT_USAGE, "--ring-pages %s: no such size, allowed: 0, 1, 2, 4 .. 64", text);
	o->ring_pages = (int)n;
}

static bool option(struct backend *b, int c, bool *syslog, bool *verbose)
{
	switch (c) {
	case 'k':
		b->kind = kind_option(optarg);
		return true;
	case 't':
		b->totals_file = optarg;
		return true;
	case 'a':
		b->options.accountant = (int)option_number("accountant", optarg, 0, DOMID_LAST);
		return true;
	case 'd':
		b->most_devices =
			(unsigned int)option_number("devices", optarg, 1, b->ops->max_lanes);
		return true;
	case 'q':
		b->queues = (unsigned int)option_number("queues", optarg, 1, b->ops->max_queues);
		return true;
	case 'p':
		b->options.payers = (unsigned int)option_number("payers", optarg, 1, 3719);
		return true;
	case 'g':
		b->grants = grants_option(optarg);
		return true;
	case 'T':
		b->threads = (unsigned int)option_number("threads", optarg, 1, b->ops->max_threads);
		return true;
	case 'b':
		b->bridge = bridge_option(optarg);
		return true;
	case 'S':
		b->switched = true;
		return true;
	case 'r':
		ring_pages_option(&b->options, optarg);
		return true;
	case 's':
		*syslog = true;
		return true;
	case 'v':
		*verbose = true;
		return true;
	case 'h':
		usage(b->ops);
		exit(0);
	case 'V':
		printf("%s %s\n", b->ops->program, ACCTRING_VERSION);
		exit(0);
	default:
		return false;
	}
}

/* Options that not all backends have. */
static const char *some(const struct backend_ops *ops)
{
	return ops->max_threads ? "TqbS" : "dqg";
}

static void short_options(const struct option *o, char *out)
{
	for (; o->name; o++) {
		*out++ = (char)o->val;
		if (o->has_arg)
			*out++ = ':';
	}
	*out = '\0';
}

static void parse(struct backend *b, int argc, char **argv, bool *syslog, bool *verbose)
{
	static const struct option all[] = {
		{ "kind", required_argument, NULL, 'k' },
		{ "totals", required_argument, NULL, 't' },
		{ "accountant", required_argument, NULL, 'a' },
		{ "payers", required_argument, NULL, 'p' },
		{ "ring-pages", required_argument, NULL, 'r' },
		{ "syslog", no_argument, NULL, 's' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "devices", required_argument, NULL, 'd' },
		{ "queues", required_argument, NULL, 'q' },
		{ "grants", required_argument, NULL, 'g' },
		{ "threads", required_argument, NULL, 'T' },
		{ "bridge", required_argument, NULL, 'b' },
		{ "switch", no_argument, NULL, 'S' },
	};
	enum { N = sizeof(all) / sizeof(all[0]) };
	struct option mine[N + 1];
	unsigned int i, n = 0;
	char letters[2 * N + 1];
	int c;

	for (i = 0; i < N; i++)
		if (!strchr("dqgTbS", all[i].val) || strchr(some(b->ops), all[i].val))
			mine[n++] = all[i];
	memset(&mine[n], 0, sizeof(mine[n]));
	short_options(mine, letters);
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, mine, NULL)) >= 0)
		if (!option(b, c, syslog, verbose))
			die_option(argv);
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* What the options leave open. */
static void defaults(struct backend *b)
{
	const struct backend_ops *ops = b->ops;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (ops->max_threads) {
		if (!b->threads)
			b->threads = least(cpus > 0 ? (unsigned int)cpus : 1, THREADS);
		if (!b->queues)
			b->queues = least(b->threads, ops->queues);
		b->options.lanes = b->threads + 1;
		return;
	}
	if (!b->queues)
		b->queues = ops->queues;
	b->options.lanes = least(b->most_devices * b->queues, ops->max_lanes);
}

void backend_options(struct backend *b, int argc, char **argv)
{
	bool syslog = false, verbose = false;

	log_init(b->ops->program, false, false);
	parse(b, argc, argv, &syslog, &verbose);
	if (optind < argc)
		die(EXIT_USAGE, "%s: unexpected argument, allowed: options, see %s --help",
		    argv[optind], b->ops->program);
	defaults(b);
	if (b->options.payers && acctring_pages(&b->options, true) < 0)
		die(EXIT_USAGE,
		    "--payers %u: too many for %u lanes, allowed: what fits a link's %u pages",
		    b->options.payers, b->options.lanes, ACCTRING_MAX_REFS + 1);
	log_init(b->ops->program, syslog, verbose);
}
