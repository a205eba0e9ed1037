/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What stands in xenstore: what we offer, and what the frontend has chosen
 * of it; its rings and event channels.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/block/vbd.h"
#include "common/xs.h"

#define NODES 20u

struct nodes {
	struct xenbus_node node[NODES];
	char text[NODES][24];
	unsigned int n;
};

static void add(struct nodes *to, const char *leaf, uint64_t value)
{
	unsigned int i = to->n++;

	snprintf(to->text[i], sizeof(to->text[i]), "%" PRIu64, value);
	to->node[i] = (struct xenbus_node){ leaf, to->text[i] };
}

/* What the disk is, again when its size changes. */
static void add_disk(struct nodes *to, const struct vbd *v)
{
	struct disk disk = vbd_disk(v);
	uint32_t physical = v->file.physical;

	if (v->file.bytes % physical)
		physical = SECTOR; /* the size must be a multiple of it */
	add(to, "sectors", disk.sectors);
	add(to, "sector-size", SECTOR);
	add(to, "physical-sector-size", physical);
	add(to, "info", v->info);
}

static void add_discard(struct nodes *to, const struct vbd *v)
{
	add(to, "feature-discard", v->disk.discard);
	if (!v->disk.discard)
		return;
	add(to, "discard-granularity", v->file.discard_granularity);
	add(to, "discard-alignment", v->file.discard_alignment);
	add(to, "discard-secure", 0);
}

int vbd_publish(struct vbd *v, unsigned int queues)
{
	struct nodes to = { .n = 0 };

	add(&to, "feature-flush-cache", 1);
	add(&to, "feature-barrier", 0);
	add(&to, "feature-persistent", 0);
	add(&to, "feature-max-indirect-segments", SEGMENTS);
	add(&to, "max-ring-page-order", RING_MAX_ORDER);
	add(&to, "max-ring-pages", RING_MAX_PAGES);
	add(&to, "multi-queue-max-queues", queues);
	add_discard(&to, v);
	add_disk(&to, v);
	if (device_publish(v->d, to.node, to.n))
		return 0;
	device_fail(v->d, "cannot publish the disk: %s", strerror(errno));
	return -EIO;
}

struct publication {
	struct vbd *v;
	struct nodes to;
};

/* Not where the toolstack has asked to unplug it meanwhile: that would be overwritten. */
static bool publish_connected(struct xs_handle *xsh, xs_transaction_t t, void *arg)
{
	static const char connected[] = { '0' + XenbusStateConnected, 0 };
	struct publication *p = arg;
	const char *dir = p->v->d->dir;
	char *state = xenbus_read_leaf(xsh, t, dir, "state"), path[XENSTORE_ABS_PATH_MAX + 1];
	bool ok = state && !strcmp(state, connected);
	unsigned int i;

	free(state);
	if (!ok)
		errno = ESTALE;
	for (i = 0; ok && i < p->to.n; i++) {
		const struct xenbus_node *node = &p->to.node[i];

		snprintf(path, sizeof(path), "%s/%s", dir, node->leaf);
		ok = xs_write(xsh, t, path, node->value, (unsigned int)strlen(node->value));
	}
	return ok;
}

bool vbd_publish_size(struct vbd *v)
{
	struct publication p = { .v = v };

	add_disk(&p.to, v);
	/* written again, it makes the frontend look at the rest */
	add(&p.to, "state", XenbusStateConnected);
	return xenbus_transaction(v->d->b->xsh, publish_connected, &p);
}

/* ---- what the frontend has chosen ---- */

struct wish {
	enum blk_abi abi;
	unsigned int queues, order;
};

static bool wish_abi(struct device *d, enum blk_abi *abi)
{
	char *protocol = xs_readf(d->b->xsh, "%s/protocol", d->front);
	const char *p = protocol ? protocol : XEN_IO_PROTO_ABI_NATIVE;
	bool ok = true;

	*abi = BLK_ABI_64;
	if (!strcmp(p, XEN_IO_PROTO_ABI_X86_32) && !strcmp("x86_64-abi", XEN_IO_PROTO_ABI_NATIVE))
		*abi = BLK_ABI_32;
	else
		ok = !strcmp(p, XEN_IO_PROTO_ABI_NATIVE);
	free(protocol);
	if (!ok)
		device_fail(d, "protocol: only the native and x86_32-abi are served");
	return ok;
}

/* Lb of the ring's pages: ring-page-order, or num-ring-pages of older frontends. */
static bool wish_order(struct device *d, unsigned int *order)
{
	uint64_t n;

	*order = 0;
	if (device_front_u64(d, "ring-page-order", UINT32_MAX, &n)) {
		if (n <= RING_MAX_ORDER) {
			*order = (unsigned int)n;
			return true;
		}
	} else if (!device_front_u64(d, "num-ring-pages", UINT32_MAX, &n)) {
		return true;
	} else if (n && n <= RING_MAX_PAGES && !(n & (n - 1))) {
		while (1u << *order < n)
			++*order;
		return true;
	}
	device_fail(d, "a ring has 1, 2, 4, 8 or %u pages", RING_MAX_PAGES);
	return false;
}

static bool read_wish(struct device *d, unsigned int most, struct wish *w)
{
	uint64_t n = 1;

	device_front_u64(d, "multi-queue-num-queues", UINT32_MAX, &n);
	if (!n || n > most) {
		device_fail(d, "multi-queue-num-queues: allowed are 1..%u", most);
		return false;
	}
	w->queues = (unsigned int)n;
	return wish_abi(d, &w->abi) && wish_order(d, &w->order);
}

/* ---- its rings ---- */

static bool read_refs(struct device *d, const char *dir, unsigned int pages, uint32_t *ref)
{
	char leaf[48];
	unsigned int i;
	uint64_t n;

	snprintf(leaf, sizeof(leaf), "%sring-ref", dir);
	if (pages == 1 && device_front_u64(d, leaf, UINT32_MAX, &n)) {
		ref[0] = (uint32_t)n;
		return true;
	}
	for (i = 0; i < pages; i++) {
		snprintf(leaf, sizeof(leaf), "%sring-ref%u", dir, i);
		if (!device_front_u64(d, leaf, UINT32_MAX, &n))
			return false;
		ref[i] = (uint32_t)n;
	}
	return true;
}

static int map_queue(struct queue *q, enum blk_abi abi, unsigned int pages, uint32_t *ref,
		     evtchn_port_t remote)
{
	struct device *d = q->v->d;
	xenevtchn_port_or_error_t port;
	void *page;

	q->xgt = xengnttab_open(NULL, 0);
	q->xce = xenevtchn_open(NULL, 0);
	if (!q->xgt || !q->xce)
		return -errno;
	page = xengnttab_map_domain_grant_refs(q->xgt, pages, d->domid, ref,
					       PROT_READ | PROT_WRITE);
	if (!page)
		return -errno;
	/*
	 * Requests that another process of ours took and did not answer are
	 * lost; the frontend asks them again on its new ring.
	 */
	ring_init(&q->ring, page, abi, pages);
	port = xenevtchn_bind_interdomain(q->xce, d->domid, remote);
	if (port < 0)
		return -errno;
	q->port = (evtchn_port_t)port;
	return 0;
}

static int open_queue(struct queue *q, const struct wish *w)
{
	uint32_t ref[RING_MAX_PAGES] = { 0 };
	struct device *d = q->v->d;
	char dir[24] = "", leaf[48];
	uint64_t port;
	int r;

	if (w->queues > 1)
		snprintf(dir, sizeof(dir), "queue-%u/", q->id);
	snprintf(leaf, sizeof(leaf), "%sevent-channel", dir);
	if (!read_refs(d, dir, 1u << w->order, ref) ||
	    !device_front_u64(d, leaf, UINT32_MAX, &port)) {
		device_fail(d, "frontend: no %sring-ref or event-channel", dir);
		return -EINVAL;
	}
	r = map_queue(q, w->abi, 1u << w->order, ref, (evtchn_port_t)port);
	if (r)
		device_fail(d, "cannot connect to ring %u, port %u: %s", ref[0], (unsigned int)port,
			    strerror(-r));
	return r;
}

int vbd_map(struct vbd *v, unsigned int most)
{
	struct wish w;
	unsigned int i;
	int r = 0;

	if (!read_wish(v->d, most, &w))
		return -EINVAL;
	v->queue = calloc(w.queues, sizeof(*v->queue));
	v->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!v->queue || v->wake < 0) {
		device_fail(v->d, "cannot connect: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	v->queues = w.queues;
	for (i = 0; !r && i < w.queues; i++) {
		v->queue[i].v = v;
		v->queue[i].id = i;
		r = open_queue(&v->queue[i], &w);
	}
	return r;
}

void vbd_unmap(struct vbd *v)
{
	unsigned int i;

	for (i = 0; i < v->queues; i++) {
		struct queue *q = &v->queue[i];

		if (q->ring.kpage)
			xengnttab_unmap(q->xgt, q->ring.kpage, q->ring.pages);
		if (q->xce)
			xenevtchn_close(q->xce); /* unbinds the port */
		if (q->xgt)
			xengnttab_close(q->xgt);
	}
	gate_guest_put(v->gate, v->guest);
	v->guest = NULL;
	free(v->queue);
	v->queue = NULL;
	v->queues = 0;
	if (v->wake >= 0)
		close(v->wake);
	v->wake = -1;
}
