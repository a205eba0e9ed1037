/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring-kernback: bills what xen-blkback and xen-netback, in this kernel,
 * burn.  Command line, loop, signals, the end with its books.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "backend/claim.h"
#include "backend/kernel/kernel.h"
#include "backend/openlink.h"
#include "backend/process/process.h"
#include "backend/signals.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/option.h"

#define PROGRAM "acctring-kernback"
#define PERIOD_MS 500u
#define SCAN_MS 1000u /* devices; and threads where one is missing */
#define ALL_MS 10000u /* threads and processes, whatever is known */
#define END_MS 5000u

enum { OPT_PROC = 256, OPT_SYS };

static struct {
	struct acctring_options link;
	unsigned int period;
	bool list, threaded, syslog, verbose;
	const char *totals;
} opt = { .link = ACCTRING_OPTIONS_INIT, .period = PERIOD_MS };

static struct kernel kernel = { .proc = "/proc", .sys = "/sys" };
static int signals;

static void usage(void)
{
	printf("Usage: " PROGRAM " [options]\n"
	       "Bills the CPU time of this kernel's xen-blkback and xen-netback, of QEMU and\n"
	       "tapdisk to the guests they serve.  Not billed: softirqs (completions, and what\n"
	       "guests send, but for --threaded), loop, encryption and other shared workers.\n"
	       "See " PROGRAM "(8).\n\n"
	       "  -l, --list             show devices, threads, processes, what they did; end\n"
	       "  -P, --period MS        how often to post, 100..1000 (default %u)\n"
	       "  -t, --totals FILE      on SIGUSR1 and at the end write what was posted:\n"
	       "                         kind domid device class posts units bytes ns\n"
	       "  -T, --threaded         have the kernel poll vifs in threads, and so bill what "
	       "guests\n"
	       "                         send; at the end in softirqs again\n"
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

static bool take_number(int c)
{
	switch (c) {
	case 'P':
		opt.period = (unsigned int)option_number("period", optarg, 100, SCAN_MS);
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
	case 's':
		opt.syslog = true;
		return true;
	case 'v':
		opt.verbose = true;
		return true;
	case OPT_PROC:
		kernel.proc = optarg;
		return true;
	case OPT_SYS:
		kernel.sys = optarg;
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

static void options(int argc, char **argv)
{
	static const struct option all[] = {
		{ "list", no_argument, NULL, 'l' },
		{ "period", required_argument, NULL, 'P' },
		{ "totals", required_argument, NULL, 't' },
		{ "threaded", no_argument, NULL, 'T' },
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
	while ((c = getopt_long(argc, argv, "lP:t:Ta:p:r:svhV", all, NULL)) >= 0)
		if (!take_option(c))
			die_option(argv);
	if (optind < argc)
		die(EXIT_USAGE, "%s: no such argument, allowed: see " PROGRAM " --help",
		    argv[optind]);
	log_init(PROGRAM, opt.syslog, opt.verbose);
}

/* ------------------------------------------------------------------ */
/* The beginning                                                       */

/* A file stays open for each thread and each count. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static uint64_t ticks_now(void)
{
	long hz = sysconf(_SC_CLK_TCK);
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * (uint64_t)hz +
	       (uint64_t)ts.tv_nsec / (1000000000u / (uint64_t)hz);
}

/* All scans, for the first time. */
static void look_first(struct kernel *k)
{
	bool changed;
	int r;

	k->began = ticks_now();
	r = kernel_find_devices(k, &changed);
	if (r)
		die(EXIT_ENV,
		    "%s/bus/xen-backend/devices: %s, allowed: a domain of Xen whose kernel serves "
		    "others",
		    k->sys, strerror(-r));
	if (opt.threaded && !opt.list)
		kernel_thread_polls(k, true);
	r = kernel_find_threads(k);
	if (r)
		die(EXIT_ENV, "%s: %s, allowed: a procfs", k->proc, strerror(-r));
	r = kernel_find_processes(k);
	if (r)
		die(EXIT_ENV, "looking for processes: %s", strerror(-r));
	kernel_gather(k);
}

static void open_link(struct kernel *k, unsigned int domid)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	unsigned int lanes = pour_lanes(cpus > 0 ? (unsigned int)cpus : 1), i;

	opt.link.program = PROGRAM;
	opt.link.lanes = lanes;
	if (opt.link.ring_pages < 0)
		opt.link.ring_pages = (int)pour_pages(lanes);
	k->link = link_open(&opt.link);
	for (i = 0; i < KERNEL_KINDS; i++) {
		k->bill[i] = (struct bill){ .link = k->link, .kind = i, .own = domid };
		pthread_mutex_init(&k->bill[i].lock, NULL);
	}
	if (!bill_own(&k->bill[ACCTRING_KIND_OWN], &k->payer))
		die(EXIT_ENV, "no memory");
	kernel_open_lanes(k, lanes);
	log_debug("%u lanes of %d ring pages, %u payer rows", lanes, opt.link.ring_pages,
		  opt.link.payers);
}

/* ------------------------------------------------------------------ */
/* Books                                                               */

static void write_totals(struct kernel *k)
{
	FILE *f = opt.totals ? fopen(opt.totals, "we") : NULL;
	unsigned int i;
	bool ok;

	if (!opt.totals)
		return;
	if (f) {
		for (i = ACCTRING_KIND_OWN + 1; i < KERNEL_KINDS; i++)
			bill_print(&k->bill[i], f);
		ok = !ferror(f);
		if (!fclose(f) && ok)
			return;
	}
	log_error("%s: %s", opt.totals, strerror(errno));
}

static void close_link(struct kernel *k)
{
	struct acctring_stats stats = { .size = sizeof(stats) };
	struct sums all = { 0 }, one, own;
	unsigned int i;
	int pending;

	write_totals(k);
	bill_sum(&k->bill[ACCTRING_KIND_OWN], &own);
	for (i = ACCTRING_KIND_OWN + 1; i < KERNEL_KINDS; i++) {
		bill_sum(&k->bill[i], &one);
		all.posts += one.posts;
		all.units += one.units;
		all.bytes += one.bytes;
		all.ns += one.ns;
	}
	acctring_stats(k->link, &stats);
	pending = acctring_close(k->link, END_MS);
	printf("posted kind=kernel posts=%" PRIu64 " ns=%" PRIu64 " units=%" PRIu64
	       " bytes=%" PRIu64 " own_ns=%" PRIu64 " spilled=%" PRIu64 " overflowed=%" PRIu64
	       " pending=%d\n",
	       all.posts, all.ns, all.units, all.bytes, own.ns, stats.spilled, stats.overflowed,
	       pending);
	fflush(stdout);
}

/* ------------------------------------------------------------------ */
/* The loop                                                            */

/* True when it is time to end. */
static bool take_signals(struct kernel *k)
{
	bool totals = false, end = signals_take(signals, &totals);

	if (totals)
		write_totals(k);
	return end;
}

struct scans {
	uint64_t devices_at, all_at; /* ms: the next; of threads and processes, too */
	bool ended; /* a thread or process has, since the last */
	int failed; /* the last that was logged */
};

static bool scan(struct kernel *k, struct scans *s, uint64_t now)
{
	bool changed, all;
	int r;

	if (now < s->devices_at)
		return true;
	s->devices_at = now + SCAN_MS - opt.period / 2;
	r = kernel_find_devices(k, &changed);
	if (opt.threaded && kernel_thread_polls(k, true))
		changed = true;
	all = changed || s->ended || now >= s->all_at;
	if (!r && (all || kernel_lacks_threads(k)))
		r = kernel_find_threads(k);
	if (!r && all) {
		r = kernel_find_processes(k);
		s->ended = false;
		s->all_at = now + ALL_MS;
	}
	/* the bus goes when xen-backend modules are changed; files run out */
	if (r && r != s->failed)
		log_error("looking for devices, threads and processes: %s", strerror(-r));
	s->failed = r;
	return r != -EPIPE && r != -EBADF && r != -ECONNRESET;
}

static bool turn(struct kernel *k, struct scans *s)
{
	if (kernel_gather(k))
		s->ended = true;
	kernel_post(k);
	return scan(k, s, now_ms());
}

static bool serve(struct kernel *k)
{
	struct scans s = { now_ms() + SCAN_MS, now_ms() + ALL_MS, false, 0 };
	struct pollfd fd = { .fd = signals, .events = POLLIN };
	uint64_t next = now_ms() + opt.period, now;
	bool ok = true;

	while (ok) {
		now = now_ms();
		if (poll(&fd, 1, next > now ? (int)(next - now) : 0) < 0 && errno != EINTR) {
			log_error("poll: %s", strerror(errno));
			return false;
		}
		if (fd.revents && take_signals(k))
			break;
		now = now_ms();
		if (now < next)
			continue;
		next = next + opt.period > now ? next + opt.period : now + opt.period;
		ok = turn(k, &s);
	}
	kernel_thread_polls(k, false);
	kernel_gather(k);
	if (kernel_post(k))
		log_warn("some was not posted: the accountant does not read");
	return ok;
}

static void drop_all(struct kernel *k)
{
	while (!LIST_EMPTY(&k->threads))
		kthread_remove(LIST_FIRST(&k->threads));
	while (!LIST_EMPTY(&k->devices))
		kdev_free(k, LIST_FIRST(&k->devices));
	while (!LIST_EMPTY(&k->procs))
		kproc_free(k, LIST_FIRST(&k->procs));
}

int main(int argc, char **argv)
{
	struct kernel *k = &kernel;
	unsigned int i;
	char why[300];
	bool ok = true;
	int domid;

	options(argc, argv);
	LIST_INIT(&k->devices);
	LIST_INIT(&k->threads);
	LIST_INIT(&k->procs);
	raise_files();
	signals = signals_open();
	k->xsh = xs_open(0);
	if (!k->xsh)
		die(EXIT_ENV, "no xenstore: %s", strerror(errno));
	domid = xs_own_domid(k->xsh);
	if (domid < 0)
		die(EXIT_ENV, "xenstore does not say our domid: %s", strerror(errno));
	if (!opt.list && !claim_kind((unsigned int)domid, "kernel", why, sizeof(why)))
		die(EXIT_ENV, "%s", why);
	look_first(k);
	if (opt.list) {
		kernel_list(k);
	} else {
		open_link(k, (unsigned int)domid);
		log_info("billing the kernel's backends of domain %d", domid);
		ok = serve(k);
	}
	drop_all(k);
	if (!opt.list)
		close_link(k);
	xs_close(k->xsh);
	close(signals);
	for (i = 0; i < KERNEL_KINDS; i++)
		bill_free(&k->bill[i]);
	return ok ? 0 : EXIT_RUNTIME;
}
