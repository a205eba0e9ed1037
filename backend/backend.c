/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program around a backend: loop, signals, the end with its books.
 */
#include "backend/backend.h"

#include <errno.h>
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
#include "common/xs.h"

#define END_MS 5000 /* for devices to end, and again for the accountant */
#define LOOK_MS 1000 /* at the link: is anybody to read what we post? */

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
	LIST_INIT(&b.devices);
	backend_options(&b, argc, argv);
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
