/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program around a backend: command line, loop, signals, the end with
 * its books.
 */
#include "backend/backend.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "backend/claim.h"
#include "backend/openlink.h"
#include "backend/signals.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/option.h"
#include "common/xs.h"

#define END_MS 5000 /* for devices to end, and again for the accountant */
#define LOOK_MS 1000 /* at the link: is anybody to read what we post? */

static void usage(const struct backend_ops *ops)
{
	printf("Usage: %s [options]\n%s\n\n"
	       "  -k, --kind NAME        serve backend/NAME (default %s)\n"
	       "  -t, --totals FILE      on SIGUSR1 and at the end write what was posted:\n"
	       "                         kind domid device class posts units bytes ns\n"
	       "  -a, --accountant DOMID of the accountant (default: as dom0 says in xenstore)\n",
	       ops->program, ops->about, ops->kind);
	if (ops->max_lanes > 1)
		printf("  -d, --devices N        most devices at a time, 1..%u (default %u)\n",
		       ops->max_lanes, ops->lanes);
	if (ops->max_queues > 1)
		printf("  -q, --queues N         most queues of a device, 1..%u (default %u); %u "
		       "in all\n",
		       ops->max_queues, ops->queues, ops->max_lanes);
	if (ops->max_queues > 1)
		printf("  -g, --grants HOW       guests' pages are mapped, copied: map, copy, or "
		       "auto\n"
		       "                         (default): each queue measures what costs less\n");
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

static void options(struct backend *b, int argc, char **argv)
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
		{ NULL, 0, NULL, 0 },
	};
	bool syslog = false, verbose = false, many = b->ops->max_lanes > 1;
	struct option lone[sizeof(all) / sizeof(all[0])];
	int c;

	log_init(b->ops->program, false, false);
	memcpy(lone, all, sizeof(all));
	if (!many) /* --devices and what belongs to it come last */
		memset(&lone[sizeof(all) / sizeof(all[0]) - 4], 0, sizeof(lone[0]));
	opterr = 0;
	while ((c = getopt_long(argc, argv, many ? "k:t:a:p:r:svhVd:q:g:" : "k:t:a:p:r:svhV", lone,
				NULL)) >= 0)
		if (!option(b, c, &syslog, &verbose))
			die_option(argv);
	if (optind < argc)
		die(EXIT_USAGE, "%s: unexpected argument, allowed: options, see %s --help",
		    argv[optind], b->ops->program);
	b->options.lanes = b->most_devices * b->queues;
	if (b->options.lanes > b->ops->max_lanes)
		b->options.lanes = b->ops->max_lanes;
	if (b->options.payers && acctring_pages(&b->options, true) < 0)
		die(EXIT_USAGE,
		    "--payers %u: too many for %u lanes, allowed: what fits a link's %u pages",
		    b->options.payers, b->options.lanes, ACCTRING_MAX_REFS + 1);
	log_init(b->ops->program, syslog, verbose);
}

/* The kernel's modules have no alias: nothing loads them by itself. */
static void need_devices(void)
{
	xenevtchn_handle *xce = xenevtchn_open(NULL, 0);
	xengnttab_handle *xgt;

	if (!xce)
		die(EXIT_ENV, "/dev/xen/evtchn: %s, allowed: modprobe xen-evtchn", strerror(errno));
	xenevtchn_close(xce);
	xgt = xengnttab_open(NULL, 0);
	if (!xgt)
		die(EXIT_ENV, "/dev/xen/gntdev: %s, allowed: modprobe xen-gntdev", strerror(errno));
	xengnttab_close(xgt);
}

static void open_backend(struct backend *b)
{
	char why[300];
	int r;

	b->signals = signals_open();
	b->xsh = xs_open(0);
	if (!b->xsh)
		die(EXIT_ENV, "no xenstore: %s, allowed: a Xen domain with xenstore",
		    strerror(errno));
	b->domid = xs_own_domid(b->xsh);
	if (b->domid < 0)
		die(EXIT_ENV, "xenstore: domid: %s, allowed: our domid", strerror(errno));
	need_devices();
	snprintf(b->root, sizeof(b->root), "/local/domain/%d/backend/%s", b->domid, b->kind);
	if (claim_kernel_kind("/sys", b->kind, why, sizeof(why)))
		die(EXIT_ENV,
		    "%s: the kernel serves backend/%s, allowed: modprobe -r %s, and blacklist it "
		    "(driver-domain.md), or another --kind",
		    why, b->kind, b->ops->rival);
	if (!claim_kind((unsigned int)b->domid, b->kind, why, sizeof(why)))
		die(EXIT_ENV, "%s", why);
	b->options.program = b->ops->program;
	b->bill.link = link_open(&b->options);
	log_debug("%u payer rows", b->options.payers);
	b->bill.kind = b->ops->acct_kind;
	b->bill.own = (unsigned int)b->domid;
	pthread_mutex_init(&b->bill.lock, NULL);
	r = b->ops->start(b);
	if (r)
		die(EXIT_ENV, "cannot begin: %s", strerror(-r));
	if (!devices_watch(b))
		die(EXIT_ENV, "cannot watch %s: %s", b->root, strerror(errno));
}

static void write_totals(struct backend *b)
{
	if (b->totals_file && !bill_write(&b->bill, b->totals_file))
		log_error("%s: %s", b->totals_file, strerror(errno));
}

/* True when it is time to end. */
static bool take_signals(struct backend *b)
{
	bool totals = false, end = signals_take(b->signals, &totals);

	if (totals)
		write_totals(b);
	return end;
}

/*
 * A link that does not come about costs no guest anything, so nobody would
 * look for the reason.  -EAGAIN passes by itself.
 */
static void watch_link(struct backend *b)
{
	struct acctring_stats s = { .size = sizeof(s) };
	int before = b->link_error;

	if (now_ms() - b->link_seen < LOOK_MS || acctring_stats(b->bill.link, &s))
		return;
	b->link_seen = now_ms();
	b->link_error = s.error == -EAGAIN ? before : s.error;
	if (b->link_error && b->link_error != before)
		log_warn("no link to an accountant: %s: nothing is billed, allowed: "
			 "/dev/xen/gntalloc (modprobe xen-gntalloc), xenstore, locks in "
			 "/run/acctring",
			 strerror(-b->link_error));
	else if (before && !b->link_error)
		log_info("the link is offered to the accountant in domain %u", s.accountant);
}

/* false: it cannot go on. */
static bool serve(struct backend *b)
{
	struct pollfd fd[3] = {
		{ .fd = b->signals, .events = POLLIN },
		{ .events = POLLIN },
		{ .fd = b->fd, .events = POLLIN },
	};
	int timeout = 0, retire;

	for (;;) {
		fd[1].fd = xs_fileno(b->xsh); /* it may be another one */
		if (poll(fd, 3, timeout) < 0 && errno != EINTR) {
			log_error("poll: %s", strerror(errno));
			return false;
		}
		if (fd[0].revents && take_signals(b))
			return true;
		if (fd[1].revents)
			devices_events(b);
		retire = devices_turn(b);
		timeout = b->ops->turn(b);
		if (retire >= 0 && (timeout < 0 || retire < timeout))
			timeout = retire;
		if (b->rescan)
			timeout = 0;
		watch_link(b);
		if (timeout < 0 || timeout > LOOK_MS)
			timeout = LOOK_MS;
	}
}

static void close_devices(struct backend *b)
{
	uint64_t until = now_ms() + END_MS;
	struct pollfd fd = { .fd = b->fd, .events = POLLIN };

	while (!devices_close(b) && now_ms() < until) {
		poll(&fd, 1, 20);
		b->ops->turn(b);
	}
	if (!LIST_EMPTY(&b->devices))
		log_warn("a device did not end within %d s", END_MS / 1000);
}

/* Our books first, then the accountant's last word. */
static void close_link(struct backend *b)
{
	struct acctring_stats stats = { .size = sizeof(stats) };
	struct sums sum;
	int pending;

	write_totals(b);
	bill_sum(&b->bill, &sum);
	acctring_stats(b->bill.link, &stats);
	pending = acctring_close(b->bill.link, END_MS);
	if (stats.left_behind || pending)
		log_warn("not billed: %" PRIu64
			 " posts left with an earlier accountant, %d that none "
			 "committed within %d s",
			 stats.left_behind, pending, END_MS / 1000);
	printf("posted kind=%s posts=%" PRIu64 " ns=%" PRIu64 " units=%" PRIu64 " bytes=%" PRIu64
	       " spilled=%" PRIu64 " overflowed=%" PRIu64 " pending=%d\n",
	       b->ops->frontend, sum.posts, sum.ns, sum.units, sum.bytes, stats.spilled,
	       stats.overflowed, pending);
	fflush(stdout);
}

int backend_main(const struct backend_ops *ops, int argc, char **argv)
{
	static struct backend b;
	bool ok, idle;

	b.ops = ops;
	b.kind = ops->kind;
	b.fd = -1;
	b.options = (struct acctring_options)ACCTRING_OPTIONS_INIT;
	b.most_devices = ops->lanes;
	b.queues = ops->queues ? ops->queues : 1;
	LIST_INIT(&b.devices);
	options(&b, argc, argv);
	open_backend(&b);
	log_info("serving %s", b.root);
	ok = serve(&b);
	close_devices(&b);
	idle = LIST_EMPTY(&b.devices);
	if (idle)
		ops->stop(&b);
	close_link(&b);
	if (!idle) /* a thread hangs in its file: exit ends it */
		_exit(EXIT_RUNTIME);
	xs_close(b.xsh);
	close(b.signals);
	bill_free(&b.bill);
	return ok ? 0 : EXIT_RUNTIME;
}
