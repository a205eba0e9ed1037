/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loop.c - when things happen.  Guests cause store events at will: they only
 * set a timer, so that a scan runs at most ten times a second, and takes at
 * most a fourth of the time.
 */
#include "collector/collector.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SCAN_MS 100u
#define RETRY_MS 1000u

static void arm(struct event *ev, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	event_add(ev, &tv);
}

static void scan_soon(struct collector *c, uint64_t ms)
{
	if (!event_pending(c->ev_scan, EV_TIMEOUT, NULL))
		arm(c->ev_scan, ms);
}

/*
 * Takes the events of the store.  false: it is lost, and we end, to be started
 * again.  Nothing tells that by itself: libxenstore's thread ends with the
 * connection, and wakes nobody.  So each period asks, before it writes.
 */
static bool take_events(struct collector *c)
{
	uint64_t now = now_ms();
	char **event;
	bool any = false;

	while ((event = xs_check_watch(c->xsh))) {
		free(event);
		any = true;
	}
	if (errno != EAGAIN && errno != EINTR) {
		log_error("xenstore: the connection is lost, allowed: a xenstored that runs");
		c->status = EXIT_ENV;
		event_base_loopbreak(c->base);
		return false;
	}
	if (any)
		scan_soon(c, c->not_before > now ? c->not_before - now : 0);
	return true;
}

static void on_scan(evutil_socket_t fd, short what, void *ctx)
{
	struct collector *c = ctx;
	uint64_t begin = now_ms(), pause;
	bool ok;

	(void)fd;
	(void)what;
	ok = scan(c);
	pause = 3 * (now_ms() - begin);
	memory_save(c);
	accounts_publish(c);
	/* events that come before this timer ends are coalesced into one scan */
	c->not_before = now_ms() + (pause > SCAN_MS ? pause : SCAN_MS);
	if (!ok && take_events(c))
		scan_soon(c, RETRY_MS);
}

static void on_store(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	take_events(ctx);
}

/* CPU time anew; false: not, or others live: they are scanned first. */
static bool look(struct collector *c)
{
	struct domains now;
	int err = domains_read(&now, &c->domains, c->xc, c->xsh);

	if (err) {
		log_warn("cannot list the domains: %s", strerror(-err));
		return false;
	}
	if (domains_equal(&now, &c->domains)) {
		domains_free(&c->domains);
		c->domains = now;
		return true;
	}
	domains_free(&now);
	scan_soon(c, 0);
	return false;
}

static void on_measure(evutil_socket_t fd, short what, void *ctx)
{
	struct collector *c = ctx;

	(void)fd;
	(void)what;
	if (!take_events(c))
		return;
	if (look(c)) {
		trees_measure(c);
		if (c->debt.mode != MODE_DEBT)
			windows_pass(c);
	}
	trees_expire(c);
	serving_expire(&c->serving, now_ms());
	enforce(c);
	publish_serving(c);
	limits_see(c);
	if (now_ms() - c->swept_ms >= SERVING_KNOWN_MS)
		memory_sweep(c);
	sources_poll(c);
}

/* In debt only: ten times a second. */
static void on_window(evutil_socket_t fd, short what, void *ctx)
{
	struct collector *c = ctx;
	char error[512];

	(void)fd;
	(void)what;
	if (!watchdog_check(c)) {
		mode_set(c, MODE_OBSERVE, "no watchdog", error, sizeof(error));
		return;
	}
	sources_read(c);
	look(c);
	windows_pass(c);
}

static void on_bill(evutil_socket_t fd, short what, void *ctx)
{
	struct collector *c = ctx;

	(void)fd;
	(void)what;
	if (!take_events(c))
		return;
	sources_read(c);
	memory_save(c); /* before the bills: no bill is more than the next collector knows */
	accounts_publish(c);
	reports_publish(c);
	owed_publish(c);
}

static void on_stop(evutil_socket_t fd, short what, void *ctx)
{
	struct collector *c = ctx;

	(void)fd;
	(void)what;
	log_info("stopping");
	event_base_loopbreak(c->base);
}

static void arm_periods(struct collector *c)
{
	arm(c->ev_measure, (uint64_t)c->config.measure_period_ms);
	arm(c->ev_bill, (uint64_t)c->config.bill_period_ms);
}

static void on_reload(evutil_socket_t fd, short what, void *ctx)
{
	struct collector *c = ctx;
	enum mode before = c->config.mode;
	struct config fresh;
	bool defaulted;
	char *error;

	(void)fd;
	(void)what;
	if (!config_load(&fresh, c->file, &defaulted, &error)) {
		log_error("%s (the old configuration stays)", error ? error : "no memory");
		free(error);
		return;
	}
	config_free(&c->config);
	c->config = fresh;
	memset(c->waiting, 0, sizeof(c->waiting));
	log_info("configuration read again: %u driver domains", c->config.drivers);
	arm_periods(c);
	mode_configured(c, before);
	scan_soon(c, 0);
}

static bool make_events(struct collector *c)
{
	c->base = event_base_new();
	if (!c->base)
		return false;
	c->ev_store = event_new(c->base, xs_fileno(c->xsh), EV_READ | EV_PERSIST, on_store, c);
	c->ev_scan = evtimer_new(c->base, on_scan, c);
	c->ev_measure = event_new(c->base, -1, EV_PERSIST, on_measure, c);
	c->ev_bill = event_new(c->base, -1, EV_PERSIST, on_bill, c);
	c->debt.ev_window = event_new(c->base, -1, EV_PERSIST, on_window, c);
	c->ev_term = evsignal_new(c->base, SIGTERM, on_stop, c);
	c->ev_int = evsignal_new(c->base, SIGINT, on_stop, c);
	c->ev_hup = evsignal_new(c->base, SIGHUP, on_reload, c);
	return c->ev_store && c->ev_scan && c->ev_measure && c->ev_bill && c->debt.ev_window &&
	       c->ev_term && c->ev_int && c->ev_hup && !event_add(c->ev_store, NULL) &&
	       !event_add(c->ev_term, NULL) && !event_add(c->ev_int, NULL) &&
	       !event_add(c->ev_hup, NULL);
}

static void free_events(struct collector *c)
{
	struct event *all[] = { c->ev_store, c->ev_scan, c->ev_measure, c->ev_bill,
				c->ev_term,  c->ev_int,	 c->ev_hup,	c->debt.ev_window };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i])
			event_free(all[i]);
	if (c->base)
		event_base_free(c->base);
}

static bool watch(struct collector *c)
{
	static const char *const paths[] = { "@introduceDomain", "@releaseDomain", "/libxl" };
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (xs_watch(c->xsh, paths[i], "scan"))
			continue;
		log_error("xenstore: cannot watch %s: %s", paths[i], strerror(errno));
		return false;
	}
	return true;
}

int collector_run(struct collector *c)
{
	c->status = 0;
	if (!watch(c) || !make_events(c) || !control_begin(c)) {
		c->status = EXIT_ENV;
	} else {
		memory_load(c);
		mode_recall(c);
		if (!scan(c))
			scan_soon(c, RETRY_MS);
		trees_sweep(c);
		reports_sweep(c);
		memory_sweep(c);
		sources_read(c);
		memory_save(c);
		accounts_publish(c);
		reports_publish(c);
		trees_measure(c);
		mode_begin(c);
		owed_publish(c);
		arm_periods(c);
		log_info("serving %u driver domains", c->config.drivers);
		event_base_dispatch(c->base);
		control_end(c); /* who holds a VM lets go of it before it is freed */
		mode_end(c);
	}
	control_end(c);
	free_events(c);
	return c->status;
}
