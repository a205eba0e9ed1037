/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The main thread's side: workers at the beginning, and the end of a
 * connection, which takes its queues' workers.
 */
#include "backend/net/netback.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "backend/net/connect.h"
#include "common/log.h"

#define KEEP_MEMORY (16 * 1024 * 1024) /* of frames that are gone; not given back and taken again */

static int start_workers(struct net *net)
{
	int r = 0;

	net->worker = calloc(net->b->threads, sizeof(*net->worker));
	if (!net->worker)
		return -ENOMEM;
	while (!r && net->workers < net->b->threads)
		r = worker_start(&net->worker[net->workers++], net);
	return r;
}

/* Who waits for a change is not to wait for ever, while frames are switched all the time. */
static void init_topology(struct net *net)
{
	pthread_rwlockattr_t a;

	pthread_rwlockattr_init(&a);
	pthread_rwlockattr_setkind_np(&a, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&net->topology, &a);
	pthread_rwlockattr_destroy(&a);
}

static int net_start(struct backend *b)
{
	struct net *net = calloc(1, sizeof(*net));

	if (!net)
		return -ENOMEM;
	b->data = net;
	net->b = b;
	LIST_INIT(&net->vifs);
	init_topology(net);
	mallopt(M_TRIM_THRESHOLD, KEEP_MEMORY);
	if (getrandom(&net->fdb.salt, sizeof(net->fdb.salt), 0) < 0)
		return -errno;
	b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	net->lane = acctring_lane_open(b->bill.link);
	if (b->fd < 0 || !net->lane)
		return -errno;
	return start_workers(net);
}

static void net_stop(struct backend *b)
{
	struct net *net = b->data;
	unsigned int i;

	for (i = 0; i < net->workers; i++)
		worker_stop(&net->worker[i]);
	acctring_lane_close(net->lane);
	pthread_rwlock_destroy(&net->topology);
	close(b->fd);
	free(net->worker);
	free(net);
}

static bool all_left(const struct vif *v)
{
	unsigned int i;

	for (i = 0; i < v->queues; i++)
		if (!__atomic_load_n(&v->queue[i].left, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

static void look_at(struct device *d)
{
	struct vif *v = d->data;
	const char *broken;

	if (!v || !v->queue)
		return;
	broken = __atomic_load_n(&v->broken, __ATOMIC_ACQUIRE);
	if (v->stopping && all_left(v)) {
		vif_unmap(v);
		log_info("vif %u/%u: disconnected", d->domid, d->id);
		device_stopped(d);
	} else if (!v->stopping && broken) {
		device_broken(d, broken);
	}
}

static int net_turn(struct backend *b)
{
	bool told = !eventfd_read(b->fd, &(eventfd_t){ 0 });
	struct device *d;

	LIST_FOREACH(d, &b->devices, link) {
		struct vif *v = d->data;

		if (v)
			tap_check(&v->tap);
		if (told)
			look_at(d);
	}
	return -1;
}

static bool net_disconnect(struct device *d)
{
	struct vif *v = d->data;
	unsigned int i;

	if (v->tap.fd >= 0)
		tap_up(&v->tap, false);
	else
		switch_leave(v);
	v->stopping = true;
	for (i = 0; i < v->queues; i++)
		queue_poke(&v->queue[i], WANT_LEFT);
	return false; /* workers may be in the middle of a frame */
}

const struct backend_ops netback_ops = {
	.program = "acctring-netback",
	.about = "Joins virtual network devices (xen/io/netif.h) of guests to bridges, or by a "
		 "switch\nof its own.",
	.kind = "avif",
	.frontend = "vif",
	.rival = "xen-netback",
	.acct_kind = ACCTRING_KIND_VIF,
	.max_threads = WORKERS,
	.queues = 4,
	.max_queues = QUEUES,
	.start = net_start,
	.stop = net_stop,
	.turn = net_turn,
	.offer = vif_offer,
	.connect = vif_connect,
	.disconnect = net_disconnect,
	.release = vif_release,
};
