/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch.c - to be told what changes in xenstore.  On a connection of its own:
 * Linux tells that the store refuses a watch (a domain has 100, and its
 * backends take theirs) by failing the write of the request, and libxenstore
 * then closes that connection.  Without one we look each second.
 */
#include "accountant/worker.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS 256u /* taken in one go */
#define LOOK_MS 1000u /* when nobody tells us; and whether the store is there */
#define AGAIN_MS 10000u /* from a refused watch to the next attempt */
#define FAILURES 2u /* of the simplest request, LOOK_MS apart: the store is lost */

static void links_of(char path[64], char token[16], const struct domain *d)
{
	snprintf(path, 64, LINKS, d->domid);
	snprintf(token, 16, "l%u", d->domid);
}

static void close_watches(struct worker *w)
{
	if (w->on_store)
		event_free(w->on_store);
	w->on_store = NULL;
	if (w->watches)
		xs_close(w->watches);
	w->watches = NULL;
}

/* All that we can be told, or nothing. */
static void refused(struct worker *w, const char *path)
{
	if (!w->deaf)
		log_warn("cannot watch %s: %s: looking there each second instead", path,
			 strerror(errno));
	w->deaf = true;
	w->again_ms = now_ms() + AGAIN_MS;
	close_watches(w);
}

static void look_at_all(struct worker *w)
{
	w->named = true;
	for (struct domain *d = w->domains; d; d = d->next)
		d->listed = false;
}

static void on_store(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	watch_events(ctx);
}

static bool watch_all(struct worker *w, char path[64])
{
	char token[16];

	snprintf(path, 64, BACKEND, w->domid);
	if (!xs_watch(w->watches, path, "b"))
		return false;
	for (struct domain *d = w->domains; d; d = d->next) {
		links_of(path, token, d);
		if (d->watched && !xs_watch(w->watches, path, token))
			return false;
	}
	return true;
}

void watch_open(struct worker *w)
{
	char path[64] = "xenstore";

	w->watches = xs_open(0);
	if (!w->watches || !watch_all(w, path)) {
		refused(w, path);
		return;
	}
	w->on_store = event_new(w->base, xs_fileno(w->watches), EV_READ | EV_PERSIST, on_store, w);
	if (!w->on_store || event_add(w->on_store, NULL))
		die(EXIT_RUNTIME, "out of memory");
	if (w->deaf)
		log_info("xenstore takes our watches");
	w->deaf = false;
	look_at_all(w);
}

void watch_close(struct worker *w)
{
	close_watches(w);
}

void watch_links(struct worker *w, struct domain *d, bool on)
{
	char path[64], token[16];

	if (d->watched == on)
		return;
	links_of(path, token, d);
	if (on && w->watches && !xs_watch(w->watches, path, token))
		refused(w, path);
	else if (!on && w->watches)
		xs_unwatch(w->watches, path, token);
	d->watched = on;
	slots_fill(&d->look, false);
	d->listed = false;
}

static void on_backend(struct worker *w, const char *path)
{
	unsigned int a, b, f;
	int end = 0;

	if (sscanf(path, BACKEND "/%u/%u%n", &a, &b, &f, &end) == 3 && !path[end])
		scan_served(w, b, f);
	else if (!strstr(path, "/measured"))
		w->named = true;
}

static void on_link(struct worker *w, const char *path, const char *token)
{
	unsigned int b, slot;
	uint64_t domid;
	struct domain *d;

	if (!parse_u64(token + 1, DOMID_LAST, &domid))
		return;
	for (d = w->domains; d && d->domid != domid; d = d->next)
		;
	if (!d || !d->watched)
		return;
	if (sscanf(path, LINKS "/%u", &b, &slot) == 2) {
		if (slot >= LINK_SLOTS)
			return;
		slots_set(&d->look, slot, true);
		slots_set(&d->news, slot, true);
	} else {
		d->listed = false;
	}
}

void watch_events(struct worker *w)
{
	for (unsigned int i = 0; i < EVENTS && w->watches; i++) {
		char **event = xs_check_watch(w->watches);

		if (!event)
			return;
		if (event[XS_WATCH_TOKEN][0] == 'l')
			on_link(w, event[XS_WATCH_PATH], event[XS_WATCH_TOKEN]);
		else
			on_backend(w, event[XS_WATCH_PATH]);
		free(event);
	}
}

/* Domids change hands, which is a matter of when. */
void watch_served(struct worker *w, const struct domain *d)
{
	unsigned int n;
	uint64_t domid;
	char **dir = xs_listf(w->xs, &n, BACKEND "/%u", w->domid, d->domid);

	for (unsigned int i = 0; dir && i < n; i++)
		if (parse_u64(dir[i], DOMID_LAST, &domid))
			scan_served(w, d->domid, (unsigned int)domid);
	free(dir);
}

/*
 * Whoever has the other end of the connection may be gone, and nothing tells:
 * libxenstore's thread ends, and wakes nobody who waits for a watch.
 */
static void check_store(struct worker *w)
{
	if (xs_own_domid(w->xs) >= 0)
		w->store_failures = 0;
	else if (++w->store_failures >= FAILURES)
		die(EXIT_RUNTIME, "the connection to xenstore is lost (%s): leaving, to begin anew",
		    strerror(errno));
}

void watch_tick(struct worker *w)
{
	uint64_t now = now_ms();

	watch_events(w);
	if (now - w->looked_ms < LOOK_MS)
		return;
	w->looked_ms = now;
	check_store(w);
	if (!w->deaf)
		return;
	if (now >= w->again_ms)
		watch_open(w);
	look_at_all(w);
	for (const struct domain *d = w->domains; d; d = d->next)
		if (d->named)
			watch_served(w, d);
}
