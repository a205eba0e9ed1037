/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One device: first sight, states, errors.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/claim.h"
#include "backend/device.h"
#include "common/log.h"
#include "common/xs.h"

#define TRIES 5 /* to write a state */
#define MARK "served-by" /* in each directory that we have taken */

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
	if (d->gone || d->refused || !set_state(d, d->after))
		d->b->rescan = true;
	if (d->refused) {
		d->own = XenbusStateUnknown;
		d->b->ops->release(d);
	}
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

bool device_publish(struct device *d, const struct xenbus_node *nodes, unsigned int n)
{
	return xenbus_write_nodes(d->b->xsh, d->dir, nodes, n);
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
	device_watch_front(d, true);
	return true;
}

/* Once for each device, and only here: its directory is another's to write. */
static bool refuse(struct device *d, const char *why, const char *what)
{
	if (!d->refused)
		log_error("device %u/%u: refused: %s%s", d->domid, d->id, why, what);
	d->refused = true;
	return false;
}

/* False: refused, for the kernel has a driver that takes it, or has it. */
static bool free_of_kernel(struct device *d)
{
	char where[160];

	if (claim_kernel_device("/sys", d->b->kind, d->domid, d->id, where, sizeof(where)))
		return refuse(d, "the kernel serves it: ", where);
	return true;
}

/* Unplugged, and its guest has not begun or is done with it. */
static bool nobody_has(struct device *d, enum xenbus_state left)
{
	return device_offline(d) &&
	       (device_front_gone(d) ||
		(left == XenbusStateClosing &&
		 xenbus_read_state(d->b->xsh, d->front) == XenbusStateInitialising));
}

/*
 * May we take it?  New, or left by a process of ours, which is dead: we hold
 * the lock.  Or dead itself, or unplugged before we saw it, so that nobody loses
 * it when we clear it away.
 */
static bool may_take(struct device *d, enum xenbus_state left)
{
	char *mark;
	bool ours;

	if (!free_of_kernel(d))
		return false;
	if (left == XenbusStateInitialising)
		return true;
	mark = xs_readf(d->b->xsh, "%s/" MARK, d->dir);
	ours = mark;
	free(mark);
	if (ours || nobody_has(d, left))
		return true;
	return refuse(d, "no backend of ours left it in state ", xenbus_state_name(left));
}

/*
 * First sight.  What another process of ours left connected is closed; what
 * it has only offered is offered again.
 */
static bool meet_device(struct device *d)
{
	enum xenbus_state left = xenbus_read_state(d->b->xsh, d->dir);
	struct xenbus_node mark = { MARK, d->b->ops->program };

	if (left == XenbusStateUnknown || !learn_front(d) || !may_take(d, left))
		return false;
	if (!device_publish(d, &mark, 1))
		return errno != ENOENT && refuse(d, "cannot write there: ", strerror(errno));
	d->refused = false;
	d->own = XenbusStateInitialising;
	d->written = left;
	if (left != XenbusStateInitialising &&
	    (left != XenbusStateInitWait || device_front_gone(d)))
		set_state(d, XenbusStateClosed);
	return true;
}

/* Another backend writes here.  We let go, and take nothing but our mark away. */
static void give_up(struct device *d, enum xenbus_state now)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];

	refuse(d, "another backend has set its state: ", xenbus_state_name(now));
	if (snprintf(path, sizeof(path), "%s/" MARK, d->dir) < (int)sizeof(path))
		xs_rm(d->b->xsh, XBT_NULL, path);
	stop_serving(d, XenbusStateClosed);
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
		if (!free_of_kernel(d)) {
			stop_serving(d, XenbusStateClosed);
			return false;
		}
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

/*
 * The state below `dir`, Unknown when it is not there or none.  false: the
 * store failed.  That says nothing of the device: it is served as it was, and
 * looked at again.
 */
static bool read_state(struct device *d, const char *dir, enum xenbus_state *state, bool *there)
{
	char *text = xs_readf(d->b->xsh, "%s/state", dir);

	*there = text;
	if (!text && errno != ENOENT && errno != EACCES) {
		d->again = true;
		return false;
	}
	*state = xenbus_parse_state(text);
	free(text);
	return true;
}

/* What `now`, which stands in our directory, says; false: no more to be done. */
static bool still_ours(struct device *d, enum xenbus_state now)
{
	/*
	 * Only the toolstack writes Initialising here: removed and made anew,
	 * and both events came as one.  It may be another guest's now.
	 */
	if (now == XenbusStateUnknown ||
	    (now == XenbusStateInitialising && d->written > XenbusStateInitialising)) {
		d->gone = true;
		stop_serving(d, XenbusStateClosed);
		return false;
	}
	/* Closing is what libxl writes to unplug it */
	if (now != d->written && now != XenbusStateInitialising && now != XenbusStateClosing) {
		give_up(d, now);
		return false;
	}
	return true;
}

void device_look(struct device *d)
{
	enum xenbus_state now, peer;
	unsigned int i;
	bool online, there;

	if (d->after != XenbusStateUnknown)
		return; /* still stopping; device_stopped() brings us back */
	if (d->own == XenbusStateUnknown && !meet_device(d)) {
		d->gone = read_state(d, d->dir, &now, &there) && !there;
		return;
	}
	if (!read_state(d, d->dir, &now, &there) || !still_ours(d, now) ||
	    !read_state(d, d->front, &peer, &there))
		return;
	online = !device_offline(d);
	if (d->failed && online &&
	    (peer == XenbusStateInitialising || peer == XenbusStateInitialised ||
	     peer == XenbusStateConnected))
		return;
	d->failed = false;
	for (i = 0; i < 4 && d->after == XenbusStateUnknown && !d->refused; i++)
		if (!take_step(d, xenbus_backend_step(d->own, peer, online)))
			break;
	if (d->after == XenbusStateUnknown && !d->refused)
		device_retire(d);
}

void device_end(struct device *d)
{
	stop_serving(d, XenbusStateClosed);
}
