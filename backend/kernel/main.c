/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring-kernback: bills what xen-blkback and xen-netback, in this kernel,
 * burn.  Its beginning, loop, signals, the end with its books.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "backend/claim.h"
#include "backend/kernel/bpf/level2.h"
#include "backend/kernel/kernel.h"
#include "backend/kernel/options.h"
#include "backend/openlink.h"
#include "backend/process/process.h"
#include "backend/process/shared.h"
#include "backend/signals.h"
#include "common/clock.h"
#include "common/log.h"

#define SCAN_MS PERIOD_MOST /* devices; and threads where one is missing */
#define ALL_MS 10000u /* threads and processes, whatever is known */
#define END_MS 5000u
#define SHARED_LANES 8u /* of each basis: CPUs that workers of pools keep busy */

static struct kernel kernel;
static int signals;

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

/* Before devices are looked for: what they burn from then on is in it. */
static void choose_level(struct kernel *k)
{
	if (opt.level < 2)
		snprintf(k->level1, sizeof(k->level1), "as --level says");
	else if (strcmp(k->proc, "/proc") != 0 || strcmp(k->sys, "/sys") != 0)
		snprintf(k->level1, sizeof(k->level1), "--proc or --sys is given");
	else if (!opt.list)
		level2_open(k);
}

/* At level 2 what shared workers do is measured. */
static void choose_pools(struct kernel *k)
{
	static struct shared pools;

	if (!opt.pools || opt.list)
		return;
	if (k->level2) {
		log_info("--pools shared: nothing to do at level 2");
		return;
	}
	shared_begin(&pools);
	k->shared = &pools;
}

static void say_level(const struct kernel *k, int domid)
{
	if (k->level2)
		log_info("billing the kernel's backends of domain %d, level 2: all CPU by context",
			 domid);
	else
		log_info("billing the kernel's backends of domain %d, level 1: threads' clocks "
			 "only, %s",
			 domid, k->level1);
	level2_say(k);
}

/* What one of us that was killed has left is taken back with or without --guard. */
static void guard_begin(struct kernel *k)
{
	LIST_INIT(&k->guards.list);
	k->guards.groups.root = -1;
	if (opt.list)
		cgroups_look(&k->guards.groups, k->sys);
	else if (opt.guard)
		guard_open(k, k->sys);
	else if (!cgroups_open(&k->guards.groups, k->sys))
		cgroups_close(&k->guards.groups);
}

/* All of them; at level 2 any part of what is burned may be divided, pools burn less. */
static unsigned int count_lanes(const struct kernel *k, unsigned int lanes[POURS])
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	unsigned int most = pour_lanes(cpus > 0 ? (unsigned int)cpus : 1), all = 0, i;

	lanes[POUR_DIRECT] = most;
	lanes[POUR_MODEL] = !k->shared ? 0 : most < SHARED_LANES ? most : SHARED_LANES;
	lanes[POUR_POOL] = k->level2 ? most : lanes[POUR_MODEL];
	for (i = 0; i < POURS; i++) {
		if (lanes[i] > POUR_LANES - all)
			lanes[i] = POUR_LANES - all;
		all += lanes[i];
	}
	return all;
}

static void open_link(struct kernel *k, unsigned int domid)
{
	unsigned int each[POURS], lanes = count_lanes(k, each), i;

	opt.link.program = k->level2 ? PROGRAM " (level 2)" : PROGRAM " (level 1)";
	opt.link.lanes = lanes;
	if (!k->guards.on)
		opt.link.flags |= ACCTRING_OPEN_NEVER_ASKS; /* the kernel serves, we only tell */
	if (k->level2)
		opt.link.flags |= ACCTRING_OPEN_TELLS_ALL;
	if (opt.link.ring_pages < 0)
		opt.link.ring_pages = (int)pour_pages(lanes);
	k->link = link_open(&opt.link);
	for (i = 0; i < KERNEL_KINDS; i++) {
		k->bill[i] = (struct bill){ .link = k->link, .kind = i, .own = domid };
		pthread_mutex_init(&k->bill[i].lock, NULL);
	}
	if (!bill_own(&k->bill[ACCTRING_KIND_OWN], &k->payer))
		die(EXIT_ENV, "no memory");
	kernel_open_lanes(k, each);
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
		level2_print(k, f);
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
	uint64_t bpf_ns, runs;
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
	level2_cost(k, &bpf_ns, &runs);
	acctring_stats(k->link, &stats);
	pending = acctring_close(k->link, END_MS);
	printf("posted kind=kernel posts=%" PRIu64 " ns=%" PRIu64 " units=%" PRIu64
	       " bytes=%" PRIu64 " own_ns=%" PRIu64 " spilled=%" PRIu64 " overflowed=%" PRIu64
	       " pending=%d level=%d daemon_ns=%" PRIu64 " bpf_ns=%" PRIu64 " bpf_runs=%" PRIu64
	       "\n",
	       all.posts, all.ns, all.units, all.bytes, own.ns, stats.spilled, stats.overflowed,
	       pending, k->level2 ? 2 : 1, process_ns(), bpf_ns, runs);
	fflush(stdout);
}

/* ------------------------------------------------------------------ */
/* The loop                                                            */

/* True when it is time to end. */
static bool take_signals(struct kernel *k)
{
	bool totals = false, end = signals_take(signals, &totals);

	if (totals) { /* of up to now */
		kernel_gather(k);
		kernel_post(k);
		write_totals(k);
	}
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
	all = changed || s->ended || k->unnamed || now >= s->all_at;
	k->unnamed = false;
	if (!r && (all || kernel_lacks_threads(k)))
		r = kernel_find_threads(k);
	if (!r && all) {
		r = kernel_find_processes(k);
		s->ended = false;
		s->all_at = now + ALL_MS;
	}
	level2_look(k);
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
	guard_turn(k);
	kernel_post(k);
	return scan(k, s, now_ms());
}

/* Who has a limit overruns it by what is burned in one. */
static uint64_t period(const struct kernel *k)
{
	return k->guards.acts && opt.period > REGULATOR_PERIOD_MS ? REGULATOR_PERIOD_MS
								  : opt.period;
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
		ok = turn(k, &s);
		next = next + period(k) > now ? next + period(k) : now + period(k);
	}
	guard_close(k);
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

	kernel_options(argc, argv);
	k->proc = opt.proc;
	k->sys = opt.sys;
	LIST_INIT(&k->devices);
	LIST_INIT(&k->threads);
	LIST_INIT(&k->procs);
	TAILQ_INIT(&k->pairs.turns);
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
	choose_level(k);
	choose_pools(k);
	guard_begin(k);
	look_first(k);
	if (opt.list) {
		kernel_list(k);
		level2_list(k);
	} else {
		open_link(k, (unsigned int)domid);
		say_level(k, domid);
		ok = serve(k);
	}
	drop_all(k);
	if (!opt.list)
		close_link(k);
	level2_close(k);
	xs_close(k->xsh);
	close(signals);
	for (i = 0; i < KERNEL_KINDS; i++)
		bill_free(&k->bill[i]);
	return ok ? 0 : EXIT_RUNTIME;
}
