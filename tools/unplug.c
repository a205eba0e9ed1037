/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unplug.c - waiting for both ends of a device, and its end; see plug.h.
 */
#include "tools/plug.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/xenbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "plug"

static enum xenbus_state state_of(struct plug *p, const char *dir)
{
	return xenbus_read_state(p->xsh, dir);
}

/* Sleeps until one of the two directories changes, at most until `until`. */
static bool wait_change(struct plug *p, uint64_t until)
{
	struct pollfd fd = { .fd = xs_fileno(p->xsh), .events = POLLIN };
	uint64_t now = now_ms();
	char **event;

	if (now >= until)
		return false;
	if (poll(&fd, 1, (int)(until - now)) < 0 && errno != EINTR)
		return false;
	while ((event = xs_check_watch(p->xsh)))
		free(event);
	return errno == EAGAIN;
}

/* Until `done` says so; false: the time is over. */
static bool wait_for(struct plug *p, bool (*done)(struct plug *p), unsigned int seconds)
{
	uint64_t until = now_ms() + seconds * UINT64_C(1000);
	bool ok;

	if (!xs_watch(p->xsh, p->back, TOKEN) || !xs_watch(p->xsh, p->front, TOKEN))
		return false;
	while (!(ok = done(p)) && wait_change(p, until))
		;
	xs_unwatch(p->xsh, p->back, TOKEN);
	xs_unwatch(p->xsh, p->front, TOKEN);
	return ok;
}

static bool is_connected(struct plug *p)
{
	return state_of(p, p->back) == XenbusStateConnected &&
	       state_of(p, p->front) == XenbusStateConnected;
}

static bool is_removed(struct plug *p)
{
	char *state = xenbus_read_leaf(p->xsh, XBT_NULL, p->back, "state");
	bool removed = !state && errno == ENOENT;

	free(state);
	return removed;
}

/* Why it stands still, as far as the states tell; NULL: nobody serves it. */
static const char *in_the_way(enum xenbus_state back, enum xenbus_state front, bool leaving)
{
	if (back == XenbusStateInitialising)
		return NULL;
	if (!leaving)
		return back == XenbusStateInitWait ? "the guest has no driver for it yet"
						   : "one of both ends did not connect";
	if (back == XenbusStateClosed)
		return "the backend does not remove its directory: it does not run, or is none of "
		       "ours, allowed: start it there, or --force";
	if (front == XenbusStateConnected)
		return "the guest uses it, allowed: let it go there, or --force";
	return NULL;
}

static int timed_out(struct plug *p, const char *what, unsigned int seconds, bool leaving)
{
	enum xenbus_state back = state_of(p, p->back), front = state_of(p, p->front);
	char *text = xenbus_read_leaf(p->xsh, XBT_NULL, p->back, "error");
	const char *why = text ? text : in_the_way(back, front, leaving);
	char nobody[200], stays[80] = "";

	snprintf(nobody, sizeof(nobody),
		 "no backend serves backend/%s of domain %u, allowed: start %s --kind %s there%s",
		 p->back_kind, p->backend,
		 strcmp(p->front_kind, "vbd") ? "acctring-netback" : "acctring-blkback",
		 p->back_kind, leaving ? ", or --force" : "");
	if (!leaving)
		snprintf(stays, sizeof(stays), "; it stays attached: acctctl detach %u %u",
			 p->guest, p->devid);
	plug_fail(p, EXIT_RUNTIME, "%s after %u s: backend %s, guest %s: %.200s%s", what, seconds,
		  xenbus_state_name(back), xenbus_state_name(front), why ? why : nobody, stays);
	free(text);
	return EXIT_RUNTIME;
}

int plug_wait(struct plug *p, unsigned int seconds)
{
	return wait_for(p, is_connected, seconds) ? 0
						  : timed_out(p, "not connected", seconds, false);
}

/* By a backend of ours, which may have died since. */
static bool is_taken(struct plug *p)
{
	char *mark = xenbus_read_leaf(p->xsh, XBT_NULL, p->back, "served-by");
	bool taken = mark;

	free(mark);
	return taken;
}

struct unplugging {
	struct plug *p;
	bool force, all;
};

/* As libxl asks: online=0, and Closing unless it is Closed. */
static bool ask_body(struct xs_handle *xsh, xs_transaction_t t, void *arg)
{
	struct unplugging *u = arg;
	char *text;
	enum xenbus_state state;

	if (u->force && !xs_rm(xsh, t, u->p->front) && errno != ENOENT)
		return false;
	text = xenbus_read_leaf(xsh, t, u->p->back, "state");
	if (!text)
		return errno == ENOENT; /* it is gone already */
	state = xenbus_parse_state(text);
	free(text);
	return plug_write(xsh, t, u->p->back, "online", "0") &&
	       (state == XenbusStateClosed || plug_write(xsh, t, u->p->back, "state", "5"));
}

/* A node and its parents, as long as they are empty and below `top` levels. */
static bool remove_up(struct xs_handle *xsh, xs_transaction_t t, const char *node,
		      unsigned int parents)
{
	char path[PLUG_PATH];
	unsigned int n, len;
	char **left, *value;
	bool bare;

	snprintf(path, sizeof(path), "%s", node);
	if (!xs_rm(xsh, t, path) && errno != ENOENT)
		return false;
	while (parents--) {
		*strrchr(path, '/') = '\0';
		left = xs_directory(xsh, t, path, &n);
		value = xs_read(xsh, t, path, &len);
		bare = left && !n && value && !len;
		free(left);
		free(value);
		if (!bare)
			break;
		if (!xs_rm(xsh, t, path))
			return false;
	}
	return true;
}

static bool clear_body(struct xs_handle *xsh, xs_transaction_t t, void *arg)
{
	struct unplugging *u = arg;

	return remove_up(xsh, t, u->p->front, 1) && remove_up(xsh, t, u->p->record, 1) &&
	       (!u->all || remove_up(xsh, t, u->p->back, 1));
}

int plug_detach(struct plug *p, unsigned int seconds, bool force)
{
	struct unplugging u = { p, force, force };

	if (!xenbus_transaction(p->xsh, ask_body, &u))
		return plug_store_failed(p, p->back);
	if (force && !is_taken(p))
		seconds = 0;
	if (!wait_for(p, is_removed, seconds) && !force)
		return timed_out(p, "still there", seconds, true);
	if (!xenbus_transaction(p->xsh, clear_body, &u))
		return plug_store_failed(p, p->record);
	return 0;
}
