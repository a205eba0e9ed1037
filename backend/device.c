/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The devices of a backend: found below its root by one watch, and one more
 * for each frontend's state.  Watch events only mark devices dirty; what a
 * frontend may write a thousand times is looked at once a turn.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/backend.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#define MAX_EVENTS 64 /* watch events taken in a turn */
#define TRIES 5 /* to write a state */

static struct device *find_device(struct backend *b, unsigned int domid, unsigned int id)
{
	struct device *d;

	LIST_FOREACH(d, &b->devices, link)
		if (d->domid == domid && d->id == id)
			return d;
	return NULL;
}

static struct device *add_device(struct backend *b, unsigned int domid, unsigned int id)
{
	struct device *d = calloc(1, sizeof(*d));

	if (!d || asprintf(&d->dir, "%s/%u/%u", b->root, domid, id) < 0) {
		free(d);
		return NULL;
	}
	d->b = b;
	d->domid = domid;
	d->id = id;
	d->own = XenbusStateUnknown;
	LIST_INSERT_HEAD(&b->devices, d, link);
	return d;
}

static void front_token(const struct device *d, char *token, size_t size)
{
	snprintf(token, size, "front/%u/%u", d->domid, d->id);
}

static bool watch_front(struct device *d, bool on)
{
	char path[XENSTORE_ABS_PATH_MAX + 1], token[32];

	front_token(d, token, sizeof(token));
	if (snprintf(path, sizeof(path), "%s/state", d->front) >= (int)sizeof(path))
		return false;
	return on ? xs_watch(d->b->xsh, path, token) : xs_unwatch(d->b->xsh, path, token);
}

static void remove_device(struct device *d)
{
	if (d->front)
		watch_front(d, false);
	d->b->ops->release(d);
	bill_disconnect(&d->b->bill, &d->payer);
	LIST_REMOVE(d, link);
	free(d->front);
	free(d->dir);
	free(d);
}

/* Marks a device dirty; makes it when it is new. */
static void mark(struct backend *b, const char *domid, const char *id)
{
	struct device *d;
	uint64_t f, n;

	if (!parse_u64(domid, DOMID_LAST, &f) || !parse_u64(id, UINT32_MAX, &n))
		return;
	d = find_device(b, (unsigned int)f, (unsigned int)n);
	if (!d)
		d = add_device(b, (unsigned int)f, (unsigned int)n);
	if (d)
		d->dirty = true;
}

static void scan(struct backend *b)
{
	unsigned int i, j, n, m;
	char **front, **id;

	front = xs_listf(b->xsh, &n, "%s", b->root);
	for (i = 0; front && i < n; i++) {
		id = xs_listf(b->xsh, &m, "%s/%s", b->root, front[i]);
		for (j = 0; id && j < m; j++)
			mark(b, front[i], id[j]);
		free(id);
	}
	free(front);
}

bool devices_watch(struct backend *b)
{
	b->rescan = true;
	return xs_watch(b->xsh, b->root, "root");
}

/* `path` is at or below the root: <root>[/<frontend>[/<id>[/<leaf>]]] */
static void root_event(struct backend *b, char *path)
{
	size_t len = strlen(b->root);
	char *domid, *id, *leaf, *save = NULL;

	if (strncmp(path, b->root, len) != 0 || (path[len] && path[len] != '/'))
		return;
	domid = strtok_r(path + len, "/", &save);
	id = domid ? strtok_r(NULL, "/", &save) : NULL;
	if (!id) {
		b->rescan = true;
		return;
	}
	leaf = strtok_r(NULL, "/", &save);
	/* what we write ourselves needs no look */
	if (!leaf || !strcmp(leaf, "state") || !strcmp(leaf, "online") ||
	    !strncmp(leaf, "frontend", 8))
		mark(b, domid, id);
}

bool devices_events(struct backend *b)
{
	char *domid, *id, *save = NULL;
	unsigned int i;
	char **event;

	for (i = 0; i < MAX_EVENTS; i++) {
		event = xs_check_watch(b->xsh);
		if (!event)
			return errno == EAGAIN;
		if (!strcmp(event[XS_WATCH_TOKEN], "root")) {
			root_event(b, event[XS_WATCH_PATH]);
		} else {
			strtok_r(event[XS_WATCH_TOKEN], "/", &save);
			domid = strtok_r(NULL, "/", &save);
			id = domid ? strtok_r(NULL, "/", &save) : NULL;
			if (id)
				mark(b, domid, id);
		}
		free(event);
	}
	return true;
}

/* False: it does not stand there. */
static bool set_state(struct device *d, enum xenbus_state state)
{
	unsigned int i;

	if (d->own != state)
		log_debug("device %u/%u: %s -> %s", d->domid, d->id, xenbus_state_name(d->own),
			  xenbus_state_name(state));
	d->own = state;
	for (i = 0; i < TRIES; i++) {
		if (xenbus_write_state(d->b->xsh, d->dir, state)) {
			d->written = state;
			return true;
		}
		if (errno == ENOENT)
			return false; /* the toolstack has removed it */
		if (errno == EAGAIN)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	log_warn("device %u/%u: cannot write state: %s", d->domid, d->id, strerror(errno));
	return false;
}

/* Ends serving, now or later; then the state is `after`. */
static void stop_serving(struct device *d, enum xenbus_state after)
{
	d->after = after;
	if (d->serving && !d->b->ops->disconnect(d))
		return;
	device_stopped(d);
}

void device_stopped(struct device *d)
{
	d->serving = false;
	/* what is not written fires no watch, and then nobody would wake us */
	if (d->gone || !set_state(d, d->after))
		d->b->rescan = true;
	d->after = XenbusStateUnknown;
	d->dirty = true;
}

static void fail(struct device *d, const char *text)
{
	log_warn("device %u/%u: %s", d->domid, d->id, text);
	xenbus_write_error(d->b->xsh, d->dir, "%s", text);
	d->failed = true;
}

void device_fail(struct device *d, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail(d, text);
}

void device_broken(struct device *d, const char *why)
{
	fail(d, why);
	if (d->after == XenbusStateUnknown)
		stop_serving(d, XenbusStateClosing);
}

bool device_front_u64(struct device *d, const char *leaf, uint64_t max, uint64_t *out)
{
	return xs_read_u64f(d->b->xsh, max, out, "%s/%s", d->front, leaf);
}

bool device_write(struct device *d, const char *leaf, const char *fmt, ...)
{
	char path[XENSTORE_ABS_PATH_MAX + 1], text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "%s/%s", d->dir, leaf);
	return xs_writef(d->b->xsh, path, "%s", text);
}

/* Do the toolstack's nodes say who the frontend is, and is it this one? */
static bool learn_front(struct device *d)
{
	char want[64];
	uint64_t id;
	char *front;

	if (d->front)
		return true;
	if (!xs_read_u64f(d->b->xsh, DOMID_LAST, &id, "%s/frontend-id", d->dir))
		return false;
	front = xs_readf(d->b->xsh, "%s/frontend", d->dir);
	if (!front)
		return false;
	snprintf(want, sizeof(want), "/local/domain/%u/device/", d->domid);
	if (id != d->domid || strncmp(front, want, strlen(want)) != 0) {
		if (!d->failed)
			device_fail(d, "frontend is not a device of domain %u", d->domid);
		free(front);
		return false;
	}
	d->front = front;
	if (watch_front(d, true))
		return true;
	device_fail(d, "cannot watch the frontend: %s", strerror(errno));
	d->front = NULL;
	free(front);
	return false;
}

/*
 * First sight.  What another process of ours left connected is closed; what
 * it has only offered is offered again.
 */
static bool meet_device(struct device *d)
{
	enum xenbus_state left = xenbus_read_state(d->b->xsh, d->dir);

	if (left == XenbusStateUnknown || !learn_front(d))
		return false;
	d->own = XenbusStateInitialising;
	if (left != XenbusStateInitialising && left != XenbusStateInitWait)
		set_state(d, XenbusStateClosed);
	return true;
}

static bool take_step(struct device *d, enum xenbus_step step)
{
	const struct backend_ops *ops = d->b->ops;
	int r;

	switch (step) {
	case XENBUS_STAY:
		return false;
	case XENBUS_OFFER:
	case XENBUS_CONNECT:
		r = step == XENBUS_OFFER ? ops->offer(d) : ops->connect(d);
		if (r) {
			d->failed = true;
			set_state(d, XenbusStateClosing);
			return false;
		}
		d->serving = step == XENBUS_CONNECT;
		set_state(d, d->serving ? XenbusStateConnected : XenbusStateInitWait);
		return true;
	case XENBUS_CLOSING:
		stop_serving(d, XenbusStateClosing);
		return true;
	case XENBUS_CLOSED:
		stop_serving(d, XenbusStateClosed);
		return true;
	}
	return false;
}

static void look_at(struct device *d)
{
	struct xs_handle *xsh = d->b->xsh;
	enum xenbus_state now, peer;
	uint64_t online = 0;
	unsigned int i;

	if (d->after != XenbusStateUnknown)
		return; /* still stopping; device_stopped() brings us back */
	if (d->own == XenbusStateUnknown && !meet_device(d)) {
		errno = 0;
		d->gone = xenbus_read_state(xsh, d->dir) == XenbusStateUnknown &&
			  (errno == ENOENT || errno == EACCES);
		return;
	}
	now = xenbus_read_state(xsh, d->dir);
	/*
	 * Only the toolstack writes Initialising here: removed and made anew,
	 * and both events came as one.  It may be another guest's now.
	 */
	if (now == XenbusStateUnknown ||
	    (now == XenbusStateInitialising && d->written > XenbusStateInitialising)) {
		d->gone = true;
		stop_serving(d, XenbusStateClosed);
		return;
	}
	peer = xenbus_read_state(xsh, d->front);
	xs_read_u64f(xsh, 1, &online, "%s/online", d->dir);
	if (d->failed) {
		if (peer == XenbusStateInitialising || peer == XenbusStateInitialised ||
		    peer == XenbusStateConnected)
			return;
		d->failed = false;
	}
	for (i = 0; i < 4 && d->after == XenbusStateUnknown; i++)
		if (!take_step(d, xenbus_backend_step(d->own, peer, online)))
			break;
}

void devices_turn(struct backend *b)
{
	struct device *d, *next;

	if (b->rescan) {
		b->rescan = false;
		LIST_FOREACH(d, &b->devices, link)
			d->dirty = true;
		scan(b);
	}
	for (d = LIST_FIRST(&b->devices); d; d = next) {
		next = LIST_NEXT(d, link);
		if (!d->dirty)
			continue;
		d->dirty = false;
		if (!b->ending && !d->gone)
			look_at(d);
		if (d->gone && !d->serving) {
			remove_device(d);
			b->rescan = true; /* it may have been made anew */
		}
	}
}

bool devices_close(struct backend *b)
{
	struct device *d, *next;

	for (d = LIST_FIRST(&b->devices); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->own == XenbusStateUnknown)
			d->gone = true;
		if (!b->ending && d->after == XenbusStateUnknown)
			stop_serving(d, XenbusStateClosed);
		if (!d->serving)
			remove_device(d);
	}
	b->ending = true;
	return LIST_EMPTY(&b->devices);
}
