/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The watches of a backend: one on its root, one on each frontend's state.
 *
 * A store gives all processes of a domain together some 100.  A refusal costs
 * more than that watch: Linux fails the write of the request, and libxenstore
 * then closes the handle, with all that it watched.  So another is opened, as
 * many watches as there were are set again, and who has none is looked at each
 * second.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "backend/device.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/xs.h"

#define LOOK_MS 1000
#define ROOM_MS 300000 /* so long what was refused is taken for the limit */

static void open_again(struct backend *b)
{
	struct device *d;

	b->lost = !xs_reopen(&b->xsh);
	b->rooted = false;
	b->watches = 0;
	LIST_FOREACH(d, &b->devices, link)
		d->watched = false;
	/* Linux gives the old handle's watches back a moment later */
	b->watch_at = now_ms() + LOOK_MS;
	b->rescan = true; /* events went with that handle */
}

static bool set_watch(struct backend *b, const char *path, const char *token)
{
	if (b->lost || b->watches >= b->room || now_ms() < b->watch_at)
		return false;
	if (xs_watch(b->xsh, path, token)) {
		b->watches++;
		return true;
	}
	b->lost = errno == EBADF;
	if (b->lost)
		return false;
	if (b->told_room != b->watches)
		log_warn("%s: xenstore refuses the watch: %s; beyond %u, devices are looked at "
			 "each second",
			 path, strerror(errno), b->watches);
	b->room = b->told_room = b->watches;
	b->room_until = now_ms() + ROOM_MS;
	open_again(b);
	return false;
}

bool devices_watch(struct backend *b)
{
	b->rescan = true;
	b->room = b->told_room = UINT_MAX;
	b->rooted = set_watch(b, b->root, "root");
	return !b->lost;
}

void device_watch_front(struct device *d, bool on)
{
	char path[XENSTORE_ABS_PATH_MAX + 1], token[32];

	if (snprintf(path, sizeof(path), "%s/state", d->front) >= (int)sizeof(path))
		return;
	snprintf(token, sizeof(token), "front/%u/%u", d->domid, d->id);
	if (on) {
		d->watched = set_watch(d->b, path, token);
	} else if (d->watched) {
		xs_unwatch(d->b->xsh, path, token);
		d->watched = false;
		d->b->watches--;
	}
}

static void mend(struct backend *b)
{
	bool told = b->told_lost;

	open_again(b);
	b->told_lost = b->lost;
	if (!b->lost)
		log_warn("xenstore: connected again");
	else if (!told)
		log_error("xenstore: the connection is lost: %s; devices are served, "
			  "trying again each second",
			  strerror(errno));
}

int devices_look(struct backend *b, uint64_t now)
{
	struct device *d;

	if (now < b->look_at)
		return (int)(b->look_at - now);
	b->look_at = now + LOOK_MS;
	devices_events(b); /* nothing wakes us when the connection ends */
	if (b->lost)
		mend(b);
	if (now >= b->room_until)
		b->room = UINT_MAX;
	if (!b->rooted)
		b->rooted = set_watch(b, b->root, "root");
	if (!b->rooted)
		b->rescan = true;
	LIST_FOREACH(d, &b->devices, link) {
		if (d->front && !d->watched)
			device_watch_front(d, true);
		if (d->again || (d->front && !d->watched))
			d->dirty = true;
		d->again = false;
	}
	return LOOK_MS;
}
