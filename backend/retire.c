/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a device's directory.  It is ours to remove, as the owner of
 * its nodes: libxl waits for that 10 s where the backend is in a domain of
 * its own, and does nothing at all about kinds that it does not know.
 *
 * It goes when our state is Closed and either the toolstack has unplugged
 * the device (online=0), or the frontend's state is gone: a guest destroyed,
 * or forced out.  A guest that is merely Closed may come again (its driver
 * reloaded, another kernel started) and keeps its device.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/device.h"
#include "common/clock.h"
#include "common/log.h"

/*
 * libxl wants to see Closed before it waits for the directory to vanish, and
 * calls it an error when that is gone first: it gets time to look.
 */
#define SEEN_MS 1000
#define AGAIN_MS 100 /* after a transaction that collided all the time */

static bool leaf_is(struct xs_handle *xsh, xs_transaction_t t, const char *dir, const char *leaf,
		    const char *value)
{
	char *text = xenbus_read_leaf(xsh, t, dir, leaf);
	bool is = text && !strcmp(text, value);

	free(text);
	return is;
}

/* With its domain all goes that we might read: some stores say EACCES then. */
static bool front_gone(struct xs_handle *xsh, xs_transaction_t t, const char *front)
{
	char *state = xenbus_read_leaf(xsh, t, front, "state");
	bool gone = !state && (errno == ENOENT || errno == EACCES);

	free(state);
	return gone;
}

bool device_front_gone(struct device *d)
{
	return front_gone(d->b->xsh, XBT_NULL, d->front);
}

bool device_offline(struct device *d)
{
	return leaf_is(d->b->xsh, XBT_NULL, d->dir, "online", "0");
}

/* <root>/<frontend>, when nothing else is in it and it is ours. */
static void remove_parent(struct xs_handle *xsh, xs_transaction_t t, struct device *d)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];
	unsigned int n;
	char **left;

	if (snprintf(path, sizeof(path), "%s/%u", d->b->root, d->domid) >= (int)sizeof(path))
		return;
	left = xs_directory(xsh, t, path, &n);
	if (left && !n)
		xs_rm(xsh, t, path); /* libxl's own: it does that itself */
	free(left);
}

/*
 * The toolstack may make the device anew meanwhile, for this guest or for
 * the next one of its number: then what we wrote does not stand there, or
 * the transaction collides and we look again.
 */
static bool remove_body(struct xs_handle *xsh, xs_transaction_t t, void *arg)
{
	struct device *d = arg;
	static const char closed[] = { '0' + XenbusStateClosed, 0 };

	if (!leaf_is(xsh, t, d->dir, "state", closed) ||
	    (!leaf_is(xsh, t, d->dir, "online", "0") && !front_gone(xsh, t, d->front))) {
		errno = ESTALE;
		return false;
	}
	if (!xs_rm(xsh, t, d->dir))
		return false;
	remove_parent(xsh, t, d);
	return true;
}

void device_retire(struct device *d)
{
	bool closed = d->own == XenbusStateClosed && d->written == XenbusStateClosed;
	bool offline = closed && !d->kept && device_offline(d);

	if (!closed || d->kept || (!offline && !device_front_gone(d))) {
		d->retire_at = 0;
		return;
	}
	if (offline && !d->retire_at)
		d->retire_at = now_ms() + SEEN_MS;
	if (offline && now_ms() < d->retire_at)
		return;
	d->retire_at = 0;
	if (xenbus_transaction(d->b->xsh, remove_body, d)) {
		log_info("device %u/%u: removed", d->domid, d->id);
		d->gone = true;
	} else if (errno == ENOENT) {
		d->gone = true;
	} else if (errno == EAGAIN) {
		d->retire_at = now_ms() + AGAIN_MS;
	} else if (errno != ESTALE) {
		log_warn("device %u/%u: cannot remove %s: %s", d->domid, d->id, d->dir,
			 strerror(errno));
		d->kept = true;
	}
}
