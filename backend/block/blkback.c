/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The main thread's side of the disks: offer, connect, disconnect.  A
 * thread that ends is put on a list and the main thread is woken.
 */
#include "backend/block/blkback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/block/vbd.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/xs.h"

#define SIZE_MS 1000 /* how often a disk in use is asked for its size */

struct blkback {
	pthread_mutex_t lock;
	struct queue *ended;
	struct gate gate;
	unsigned int lanes; /* of the link's, that are given to disks */
	uint64_t sized_at; /* ms */
};

static int blk_start(struct backend *b)
{
	struct blkback *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->fd < 0) {
		free(k);
		return -errno;
	}
	pthread_mutex_init(&k->lock, NULL);
	gate_init(&k->gate);
	b->data = k;
	return 0;
}

static void blk_stop(struct backend *b)
{
	free(b->data);
	close(b->fd);
}

/* On the thread that ends.  One queue of a disk that breaks ends them all. */
void queue_ended(struct queue *q)
{
	struct blkback *k = q->v->d->b->data;
	int fd = q->v->d->b->fd;

	eventfd_write(q->v->wake, 1);
	pthread_mutex_lock(&k->lock);
	q->next = k->ended;
	k->ended = q;
	pthread_mutex_unlock(&k->lock);
	eventfd_write(fd, 1);
}

static struct queue *take_ended(struct blkback *k)
{
	struct queue *q;

	pthread_mutex_lock(&k->lock);
	q = k->ended;
	if (q)
		k->ended = q->next;
	pthread_mutex_unlock(&k->lock);
	return q;
}

static void join_queue(struct queue *q)
{
	struct vbd *v = q->v;

	pthread_join(q->thread, NULL);
	if (!v->broken)
		v->broken = q->broken;
	v->running--;
}

/* All its queues have ended. */
static void disconnected(struct vbd *v)
{
	struct device *d = v->d;
	const char *broken = v->broken;
	bool wanted = d->after != XenbusStateUnknown;

	vbd_unmap(v);
	log_info("disk %u/%u: disconnected", d->domid, d->id);
	d->serving = false;
	if (broken && !wanted)
		device_broken(d, broken);
	else
		device_stopped(d);
}

/* A file that was made longer or shorter: the frontend is told. */
static void look_at_size(struct device *d)
{
	struct vbd *v = d->data;
	uint64_t bytes;

	if (!v || !d->serving || v->broken || d->after != XenbusStateUnknown ||
	    !file_size(v->file.fd, &bytes) || bytes == v->file.bytes)
		return;
	v->file.bytes = bytes;
	vbd_resize(v, bytes);
	if (vbd_publish_size(v))
		log_info("disk %u/%u: now %llu sectors", d->domid, d->id,
			 (unsigned long long)v->disk.sectors);
	else if (errno != ESTALE && errno != ENOENT)
		log_warn("disk %u/%u: cannot publish its new size: %s", d->domid, d->id,
			 strerror(errno));
}

/* Returns ms to the next look, -1: nobody is served. */
static int look_at_sizes(struct backend *b)
{
	struct blkback *k = b->data;
	uint64_t now = now_ms();
	bool due = now >= k->sized_at, served = false;
	struct device *d;

	LIST_FOREACH(d, &b->devices, link) {
		served |= d->serving;
		if (due)
			look_at_size(d);
	}
	if (due) {
		k->sized_at = now + SIZE_MS;
		gate_measure(&k->gate);
	}
	return served ? (int)(k->sized_at - now) : -1;
}

static int blk_turn(struct backend *b)
{
	struct queue *q;
	eventfd_t n;

	eventfd_read(b->fd, &n);
	while ((q = take_ended(b->data))) {
		struct vbd *v = q->v;

		join_queue(q);
		if (!v->running)
			disconnected(v);
	}
	return look_at_sizes(b);
}

/* ---- lanes: one for a disk, more for its queues while there are ---- */

static void give_lanes(struct vbd *v, unsigned int n)
{
	struct blkback *k = v->d->b->data;

	k->lanes += n - v->lanes;
	v->lanes = n;
}

static unsigned int want_lanes(const struct vbd *v)
{
	const struct backend *b = v->d->b;
	const struct blkback *k = b->data;
	unsigned int others = k->lanes - v->lanes, n = 0;
	unsigned int left = b->options.lanes > others ? b->options.lanes - others : 0;
	struct device *d;

	LIST_FOREACH(d, &b->devices, link) {
		const struct vbd *have = d->data;

		n += have && (have == v || have->lanes);
	}
	/* those that may still come need one each */
	n = b->most_devices > n ? b->most_devices - n : 0;
	left = left > n ? left - n : 1;
	return left < b->queues ? left : b->queues;
}

/* ---- steps ---- */

static struct vbd *make_vbd(struct device *d)
{
	struct vbd *v = calloc(1, sizeof(*v));
	struct blkback *k = d->b->data;

	if (!v)
		return NULL;
	v->d = d;
	v->gate = &k->gate;
	v->file.fd = v->file.direct = v->wake = -1;
	flushes_init(&v->flushes);
	d->data = v;
	return v;
}

static bool node_is(struct device *d, const char *leaf, const char *value)
{
	char *text = xs_readf(d->b->xsh, "%s/%s", d->dir, leaf);
	bool is = text && !strcmp(text, value);

	free(text);
	return is;
}

/* What the toolstack says of the disk, and what its file can. */
static int open_file(struct vbd *v)
{
	struct device *d = v->d;
	char *params = xs_readf(d->b->xsh, "%s/params", d->dir);
	char *mode = xs_readf(d->b->xsh, "%s/mode", d->dir);
	bool readonly = !mode || mode[0] != 'w';
	bool safe = node_is(d, "direct-io-safe", "1");
	int r = -EINVAL;

	if (!params || params[0] != '/') {
		device_fail(d, "params: not the path of a file or block device");
	} else {
		r = file_open(&v->file, params, readonly, safe);
		if (r)
			device_fail(d, "params: %.100s: %s", params, strerror(-r));
	}
	free(params);
	free(mode);
	if (r)
		return r;
	v->disk = (struct disk){ .readonly = readonly,
				 .discard = v->file.discard_granularity &&
					    !node_is(d, "discard-enable", "0") };
	v->told = false;
	flushes_end(&v->flushes);
	flushes_init(&v->flushes);
	vbd_resize(v, v->file.bytes);
	v->info = (readonly ? VDISK_READONLY : 0) |
		  (node_is(d, "removable", "1") ? VDISK_REMOVABLE : 0) |
		  (node_is(d, "device-type", "cdrom") ? VDISK_CDROM : 0);
	return 0;
}

static int blk_offer(struct device *d)
{
	struct vbd *v = d->data ? d->data : make_vbd(d);
	int r;

	if (!v)
		return -ENOMEM;
	/* each time anew: the toolstack may have put another one there */
	file_close(&v->file);
	r = open_file(v);
	if (r)
		return r;
	give_lanes(v, want_lanes(v));
	return vbd_publish(v, v->lanes);
}

static int run_queues(struct vbd *v)
{
	struct device *d = v->d;
	unsigned int i;
	int r = 0;

	if (!bill_connect(&d->b->bill, &d->payer, d->domid, d->id))
		return -ENOMEM;
	v->guest = gate_guest_get(v->gate, d->domid);
	if (!v->guest)
		return -ENOMEM;
	v->broken = NULL;
	/* signals are blocked in the main thread, so in these, too */
	for (i = 0; !r && i < v->queues; i++) {
		r = pthread_create(&v->queue[i].thread, NULL, queue_thread, &v->queue[i]);
		v->running += !r;
	}
	if (r && v->running) { /* those that run end at once; then it is disconnected */
		v->broken = "no thread for a queue";
		eventfd_write(v->wake, 1);
		return 0;
	}
	return -r;
}

static int blk_connect(struct device *d)
{
	struct vbd *v = d->data;
	int r = vbd_map(v, v->lanes);

	if (!r) {
		give_lanes(v, v->queues);
		r = run_queues(v);
		if (r)
			device_fail(d, "cannot serve: %s", strerror(-r));
	}
	if (r) {
		vbd_unmap(v);
		return r;
	}
	log_info("disk %u/%u: connected, %llu sectors, %u queue%s of %u entries%s%s", d->domid,
		 d->id, (unsigned long long)v->disk.sectors, v->queues, v->queues > 1 ? "s" : "",
		 v->queue[0].ring.size, v->queue[0].ring.abi == BLK_ABI_32 ? ", x86_32" : "",
		 v->disk.readonly ? ", read-only" : "");
	return 0;
}

static bool blk_disconnect(struct device *d)
{
	struct vbd *v = d->data;

	eventfd_write(v->wake, 1);
	return false; /* the threads may be in the middle of a request */
}

static void blk_release(struct device *d)
{
	struct vbd *v = d->data;

	if (!v)
		return;
	give_lanes(v, 0);
	file_close(&v->file);
	flushes_end(&v->flushes);
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
	.queues = 2,
	.max_queues = QUEUES,
	.start = blk_start,
	.stop = blk_stop,
	.turn = blk_turn,
	.offer = blk_offer,
	.connect = blk_connect,
	.disconnect = blk_disconnect,
	.release = blk_release,
};
