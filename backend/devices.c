/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The devices of a backend: found below its root by one watch, and one more
 * for each frontend's state.  Watch events only mark devices dirty; what a
 * frontend may write a thousand times is looked at once a turn.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/device.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/xs.h"

#define MAX_EVENTS 64 /* watch events taken in a turn */

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

static void remove_device(struct device *d)
{
	if (d->front)
		device_watch_front(d, false);
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

void devices_events(struct backend *b)
{
	char *domid, *id, *save = NULL;
	unsigned int i;
	char **event;

	for (i = 0; i < MAX_EVENTS; i++) {
		event = xs_check_watch(b->xsh);
		if (!event) {
			b->lost |= errno != EAGAIN;
			return;
		}
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
}

/* Milliseconds until `until`, at least 0; the nearer of both, -1 being never. */
static int nearer(int ms, uint64_t now, uint64_t until)
{
	int left = until > now ? (int)(until - now) : 0;

	return ms < 0 || left < ms ? left : ms;
}

int devices_turn(struct backend *b)
{
	struct device *d, *next;
	uint64_t now = now_ms();
	int ms = devices_look(b, now);

	if (b->rescan) {
		b->rescan = false;
		LIST_FOREACH(d, &b->devices, link)
			d->dirty = true;
		scan(b);
	}
	for (d = LIST_FIRST(&b->devices); d; d = next) {
		next = LIST_NEXT(d, link);
		if (!d->dirty && !(d->retire_at && now >= d->retire_at)) {
			if (d->retire_at)
				ms = nearer(ms, now, d->retire_at);
			continue;
		}
		d->dirty = false;
		if (!b->ending && !d->gone)
			device_look(d);
		if (d->gone && !d->serving) {
			remove_device(d);
			b->rescan = true; /* it may have been made anew */
		} else if (d->retire_at) {
			ms = nearer(ms, now, d->retire_at);
		}
	}
	return ms;
}

bool devices_close(struct backend *b)
{
	struct device *d, *next;

	for (d = LIST_FIRST(&b->devices); d; d = next) {
		next = LIST_NEXT(d, link);
		if (d->own == XenbusStateUnknown && !d->serving)
			d->gone = true; /* never taken, or given up */
		if (!b->ending && !d->gone && d->after == XenbusStateUnknown)
			device_end(d);
		if (d->serving)
			continue;
		if (!d->gone)
			device_retire(d);
		if (d->gone || !d->retire_at)
			remove_device(d);
	}
	b->ending = true;
	return LIST_EMPTY(&b->devices);
}
