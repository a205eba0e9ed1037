/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The main thread's side of the disks: offer, connect, disconnect.  A
 * thread that ends is put on a list and the main thread is woken.
 */
#include "backend/block/blkback.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/block/vbd.h"
#include "common/log.h"
#include "common/xs.h"
#include <xen/io/protocols.h>

struct ends {
	pthread_mutex_t lock;
	struct vbd *list;
};

static int blk_start(struct backend *b)
{
	struct ends *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->fd < 0) {
		free(e);
		return -errno;
	}
	pthread_mutex_init(&e->lock, NULL);
	b->data = e;
	return 0;
}

static void blk_stop(struct backend *b)
{
	free(b->data);
	close(b->fd);
}

/* On the thread that ends. */
void vbd_ended(struct vbd *v)
{
	struct backend *b = v->d->b;
	struct ends *e = b->data;
	int fd = b->fd;

	pthread_mutex_lock(&e->lock);
	v->next = e->list;
	e->list = v;
	pthread_mutex_unlock(&e->lock);
	eventfd_write(fd, 1);
}

static struct vbd *take_ended(struct backend *b)
{
	struct ends *e = b->data;
	struct vbd *v;

	pthread_mutex_lock(&e->lock);
	v = e->list;
	if (v)
		e->list = v->next;
	pthread_mutex_unlock(&e->lock);
	return v;
}

static void drop_connection(struct vbd *v)
{
	if (v->ring.sring)
		xengnttab_unmap(v->xgt, v->ring.sring, 1);
	v->ring.sring = NULL;
	if (v->xce)
		xenevtchn_close(v->xce); /* unbinds the port */
	v->xce = NULL;
	if (v->xgt)
		xengnttab_close(v->xgt);
	v->xgt = NULL;
	if (v->wake >= 0)
		close(v->wake);
	v->wake = -1;
}

static int blk_turn(struct backend *b)
{
	struct vbd *v;
	eventfd_t n;

	eventfd_read(b->fd, &n);
	while ((v = take_ended(b))) {
		struct device *d = v->d;
		const char *broken = v->broken;
		bool wanted = d->after != XenbusStateUnknown;

		pthread_join(v->thread, NULL);
		drop_connection(v);
		log_info("disk %u/%u: disconnected", d->domid, d->id);
		d->serving = false;
		if (broken && !wanted)
			device_broken(d, broken);
		else
			device_stopped(d);
	}
	return -1;
}

static int publish(struct device *d, const struct disk *disk)
{
	char sectors[24], size[12], info[12];
	const struct xenbus_node nodes[] = {
		{ "feature-flush-cache", "1" }, { "feature-barrier", "0" },
		{ "feature-persistent", "0" },	{ "sectors", sectors },
		{ "sector-size", size },	{ "info", info },
	};

	snprintf(sectors, sizeof(sectors), "%llu", (unsigned long long)disk->sectors);
	snprintf(size, sizeof(size), "%u", SECTOR);
	snprintf(info, sizeof(info), "%u", disk->readonly ? VDISK_READONLY : 0);
	return device_publish(d, nodes, sizeof(nodes) / sizeof(nodes[0])) ? 0 : -errno;
}

static int blk_offer(struct device *d)
{
	struct vbd *v = d->data;
	char fail[160];
	int r;

	if (!v) {
		v = calloc(1, sizeof(*v));
		if (!v)
			return -ENOMEM;
		v->d = d;
		v->file = v->wake = -1;
		d->data = v;
	}
	/* each time anew: the toolstack may have put another one there */
	if (v->file >= 0)
		close(v->file);
	v->file = -1;
	r = vbd_open_file(v, fail, sizeof(fail));
	if (r) {
		device_fail(d, "%s", fail);
		return r;
	}
	r = publish(d, &v->disk);
	if (r)
		device_fail(d, "cannot publish the disk: %s", strerror(-r));
	return r;
}

/* Only what single-page rings of our own ABI are. */
static bool front_fits(struct device *d)
{
	char *protocol = xs_readf(d->b->xsh, "%s/protocol", d->front);
	uint64_t n;
	bool ok = true;

	if (protocol && strcmp(protocol, XEN_IO_PROTO_ABI_NATIVE) != 0) {
		device_fail(d, "protocol: only " XEN_IO_PROTO_ABI_NATIVE " is served");
		ok = false;
	}
	free(protocol);
	if (ok && ((device_front_u64(d, "ring-page-order", UINT32_MAX, &n) && n) ||
		   (device_front_u64(d, "num-ring-pages", UINT32_MAX, &n) && n > 1) ||
		   (device_front_u64(d, "multi-queue-num-queues", UINT32_MAX, &n) && n > 1))) {
		device_fail(d, "only one ring of one page is served");
		ok = false;
	}
	return ok;
}

static int map_ring(struct vbd *v, uint32_t ref, evtchn_port_t remote)
{
	struct device *d = v->d;
	xenevtchn_port_or_error_t port;
	struct blkif_sring *sring;

	v->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	v->xgt = xengnttab_open(NULL, 0);
	v->xce = xenevtchn_open(NULL, 0);
	if (v->wake < 0 || !v->xgt || !v->xce)
		return -errno;
	sring = xengnttab_map_domain_grant_refs(v->xgt, 1, d->domid, &ref, PROT_READ | PROT_WRITE);
	if (!sring)
		return -errno;
	/*
	 * Requests that another process of ours took and did not answer are
	 * lost; the frontend asks them again on its new ring.
	 */
	BACK_RING_INIT(&v->ring, sring, XENBUS_PAGE);
	port = xenevtchn_bind_interdomain(v->xce, d->domid, remote);
	if (port < 0)
		return -errno;
	v->port = (evtchn_port_t)port;
	return 0;
}

static int run_thread(struct vbd *v)
{
	struct device *d = v->d;

	if (!bill_connect(&d->b->bill, &d->payer, d->domid, d->id))
		return -ENOMEM;
	v->broken = NULL;
	v->seen_to = 0;
	v->event_at = 0;
	/* signals are blocked in the main thread, so in this one, too */
	return -pthread_create(&v->thread, NULL, vbd_thread, v);
}

static int blk_connect(struct device *d)
{
	struct vbd *v = d->data;
	uint64_t ref, remote;
	int r;

	if (!device_front_u64(d, "ring-ref", UINT32_MAX, &ref) ||
	    !device_front_u64(d, "event-channel", UINT32_MAX, &remote)) {
		device_fail(d, "frontend: no ring-ref or event-channel");
		return -EINVAL;
	}
	if (!front_fits(d))
		return -EINVAL;
	r = map_ring(v, (uint32_t)ref, (evtchn_port_t)remote);
	if (!r)
		r = run_thread(v);
	if (r) {
		drop_connection(v);
		device_fail(d, "cannot connect to ring %u, port %u: %s", (unsigned int)ref,
			    (unsigned int)remote, strerror(-r));
		return r;
	}
	log_info("disk %u/%u: connected, %llu sectors%s", d->domid, d->id,
		 (unsigned long long)v->disk.sectors, v->disk.readonly ? ", read-only" : "");
	return 0;
}

static bool blk_disconnect(struct device *d)
{
	struct vbd *v = d->data;

	eventfd_write(v->wake, 1);
	return false; /* the thread may be in the middle of a request */
}

static void blk_release(struct device *d)
{
	struct vbd *v = d->data;

	if (!v)
		return;
	if (v->file >= 0)
		close(v->file);
	free(v);
	d->data = NULL;
}

const struct backend_ops blkback_ops = {
	.program = "acctring-blkback",
	.about = "Serves virtual disks (xen/io/blkif.h) from files or block devices.",
	.kind = "abd",
	.frontend = "vbd",
	.rival = "xen-blkback",
	.acct_kind = ACCTRING_KIND_VBD,
	.lanes = 16,
	.max_lanes = 256,
	.start = blk_start,
	.stop = blk_stop,
	.turn = blk_turn,
	.offer = blk_offer,
	.connect = blk_connect,
	.disconnect = blk_disconnect,
	.release = blk_release,
};
