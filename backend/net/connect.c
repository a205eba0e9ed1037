/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What stands in xenstore: the TAP that the toolstack wants, what we offer,
 * what the frontend has chosen of it; its rings and event channels.
 */
#include "backend/net/connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/cpu.h"
#include "common/log.h"
#include "common/xs.h"

#define MTU_MAX 65535u

/* ---- the TAP ---- */

/* The bridge that it belongs to; NULL: it is switched. */
static char *wanted_bridge(struct device *d)
{
	char *bridge;

	if (d->b->switched)
		return NULL;
	bridge = xs_readf(d->b->xsh, "%s/bridge", d->dir);
	if (bridge && !*bridge) {
		free(bridge);
		bridge = NULL;
	}
	return bridge || !d->b->bridge ? bridge : strdup(d->b->bridge);
}

static int make_tap(struct vif *v)
{
	struct device *d = v->d;
	char *given = xs_readf(d->b->xsh, "%s/vifname", d->dir), name[IFNAMSIZ];
	uint64_t mtu = 0;
	int r = -EINVAL;

	if (!xs_read_u64f(d->b->xsh, MTU_MAX, &mtu, "%s/mtu", d->dir))
		mtu = 0;
	if (given && *given)
		snprintf(name, sizeof(name), "%.*s", IFNAMSIZ - 1, given);
	else
		snprintf(name, sizeof(name), "vif%u.%u", d->domid, d->id);
	if ((given && strlen(given) >= IFNAMSIZ) || !tap_name_ok(name))
		device_fail(d, "vifname: %.40s: no name of an interface", given ? given : name);
	else if (!tap_name_ok(v->bridge))
		device_fail(d, "bridge: %.40s: no name of an interface", v->bridge);
	else
		r = tap_open(&v->tap, name, v->bridge, (unsigned int)mtu);
	free(given);
	if (r && r != -EINVAL)
		device_fail(d, "cannot put a TAP device %s into bridge %s: %s", name, v->bridge,
			    strerror(-r));
	return r;
}

/* As the toolstack has it now; what is there and right stays, with what was done to it. */
static int fit_tap(struct vif *v)
{
	char *bridge = wanted_bridge(v->d);

	if (v->tap.fd >= 0 && bridge && !strcmp(bridge, v->bridge)) {
		free(bridge);
		return 0;
	}
	tap_close(&v->tap);
	free(v->bridge);
	v->bridge = bridge;
	return bridge ? make_tap(v) : 0;
}

/* ---- what we offer ---- */

static int publish(struct device *d)
{
	char queues[12];
	const struct xenbus_node nodes[] = {
		{ "feature-rx-copy", "1" },
		{ "feature-rx-flip", "0" },
		{ "feature-sg", "1" },
		{ "feature-gso-tcpv4", "1" },
		{ "feature-gso-tcpv6", "1" },
		{ "feature-no-csum-offload", "0" },
		{ "feature-ipv6-csum-offload", "1" },
		{ "feature-split-event-channels", "1" },
		{ "feature-multicast-control", "0" },
		{ "feature-ctrl-ring", "0" },
		{ "feature-xdp-headroom", "0" },
		{ "multi-queue-max-queues", queues },
	};
	int r;

	snprintf(queues, sizeof(queues), "%u", d->b->queues);
	if (device_publish(d, nodes, sizeof(nodes) / sizeof(nodes[0])))
		return 0;
	r = errno ? -errno : -EIO;
	device_fail(d, "cannot publish features: %s", strerror(-r));
	return r;
}

int vif_offer(struct device *d)
{
	struct vif *v = d->data;
	int r;

	if (!v) {
		v = calloc(1, sizeof(*v));
		if (!v)
			return -ENOMEM;
		v->net = d->b->data;
		v->d = d;
		v->tap.fd = -1;
		d->data = v;
	}
	r = fit_tap(v);
	return r ? r : publish(d);
}

void vif_release(struct device *d)
{
	struct vif *v = d->data;

	if (!v)
		return;
	tap_close(&v->tap);
	free(v->bridge);
	free(v);
	d->data = NULL;
}

/* ---- what the frontend has chosen ---- */

static bool flag(struct device *d, const char *leaf)
{
	uint64_t n;

	return device_front_u64(d, leaf, UINT32_MAX, &n) && n;
}

/* What the frontend wrote; false: told. */
static bool read_front(struct vif *v, unsigned int *queues)
{
	struct device *d = v->d;
	uint64_t n = 1;

	if (!flag(d, "request-rx-copy")) {
		device_fail(d, "frontend: request-rx-copy is not 1; page flipping is not served");
		return false;
	}
	if (flag(d, "xdp-headroom") || flag(d, "ctrl-ring-ref")) {
		device_fail(d, "frontend: xdp-headroom and control rings are not offered");
		return false;
	}
	device_front_u64(d, "multi-queue-num-queues", UINT32_MAX, &n);
	if (!n || n > d->b->queues) {
		device_fail(d, "multi-queue-num-queues: allowed are 1..%u", d->b->queues);
		return false;
	}
	*queues = (unsigned int)n;
	v->rx_notify = flag(d, "feature-rx-notify");
	v->sg = flag(d, "feature-sg");
	v->blank4 = !flag(d, "feature-no-csum-offload");
	v->blank6 = flag(d, "feature-ipv6-csum-offload");
	/* a packet to be cut has many pages, and no checksum */
	v->gso4 = v->sg && v->blank4 && flag(d, "feature-gso-tcpv4");
	v->gso6 = v->sg && v->blank6 && flag(d, "feature-gso-tcpv6");
	return true;
}

struct refs {
	uint64_t tx, rx, port[PORTS];
};

static bool read_number(struct queue *q, const char *leaf, uint64_t *out)
{
	char path[64];

	snprintf(path, sizeof(path), "queue-%u/%s", q->id, leaf);
	return device_front_u64(q->v->d, q->v->queues > 1 ? path : leaf, UINT32_MAX, out);
}

static bool read_refs(struct queue *q, struct refs *r)
{
	if (!read_number(q, "tx-ring-ref", &r->tx) || !read_number(q, "rx-ring-ref", &r->rx))
		return false;
	if (read_number(q, "event-channel-tx", &r->port[PORT_TX]))
		return read_number(q, "event-channel-rx", &r->port[PORT_RX]);
	r->port[PORT_RX] = UINT64_MAX; /* one for both */
	return read_number(q, "event-channel", &r->port[PORT_TX]);
}

/* ---- its rings ---- */

static void *map_page(struct queue *q, uint64_t ref)
{
	uint32_t r = (uint32_t)ref;

	return xengnttab_map_domain_grant_refs(q->w->xgt, 1, q->v->d->domid, &r,
					       PROT_READ | PROT_WRITE);
}

static int bind_ports(struct queue *q, const struct refs *r)
{
	xenevtchn_port_or_error_t port;
	unsigned int i;

	for (i = 0; i < PORTS && r->port[i] != UINT64_MAX; i++) {
		port = xenevtchn_bind_interdomain(q->w->xce, q->v->d->domid,
						  (evtchn_port_t)r->port[i]);
		if (port < 0)
			return -errno;
		q->port[i] = (evtchn_port_t)port;
		q->bound[i] = true;
	}
	if (i == PORT_RX)
		q->port[PORT_RX] = q->port[PORT_TX];
	return 0;
}

static int map_rings(struct queue *q, const struct refs *r)
{
	struct netif_tx_sring *tx = map_page(q, r->tx);
	struct netif_rx_sring *rx;

	if (!tx)
		return -errno;
	BACK_RING_INIT(&q->tx, tx, XENBUS_PAGE);
	rx = map_page(q, r->rx);
	if (!rx)
		return -errno;
	BACK_RING_INIT(&q->rx, rx, XENBUS_PAGE);
	return bind_ports(q, r);
}

/* The worker that has the fewest queues. */
static struct worker *choose_worker(struct net *net)
{
	struct worker *w = &net->worker[0];
	unsigned int i;

	for (i = 1; i < net->workers; i++)
		if (net->worker[i].queues < w->queues)
			w = &net->worker[i];
	w->queues++;
	return w;
}

static int open_queue(struct queue *q)
{
	struct device *d = q->v->d;
	struct refs refs;
	int r;

	if (!read_refs(q, &refs)) {
		device_fail(d, "frontend: queue %u: no tx-ring-ref, rx-ring-ref or event-channel",
			    q->id);
		return -EINVAL;
	}
	r = map_rings(q, &refs);
	if (!r && q->v->tap.fd >= 0) {
		q->tap = q->id ? tap_queue(&q->v->tap) : q->v->tap.fd;
		r = q->tap < 0 ? q->tap : 0;
	}
	if (r)
		device_fail(d, "cannot connect to rings %u, %u, port %u: %s", (unsigned int)refs.tx,
			    (unsigned int)refs.rx, (unsigned int)refs.port[0], strerror(-r));
	return r;
}

static int open_queues(struct vif *v, unsigned int n)
{
	unsigned int i;
	int r = 0;

	v->queue = calloc(n, sizeof(*v->queue));
	if (!v->queue)
		return -ENOMEM;
	v->queues = n;
	for (i = 0; i < n; i++) {
		struct queue *q = &v->queue[i];

		q->v = v;
		q->id = i;
		q->tap = -1;
		q->w = choose_worker(v->net);
		pthread_mutex_init(&q->lock, NULL);
	}
	for (i = 0; !r && i < n; i++)
		r = open_queue(&v->queue[i]);
	return r;
}

static void close_queue(struct queue *q)
{
	unsigned int i;

	for (i = 0; i < PORTS; i++)
		if (q->bound[i])
			xenevtchn_unbind(q->w->xce, q->port[i]);
	if (q->tx.sring)
		xengnttab_unmap(q->w->xgt, q->tx.sring, 1);
	if (q->rx.sring)
		xengnttab_unmap(q->w->xgt, q->rx.sring, 1);
	if (q->tap >= 0 && q->tap != q->v->tap.fd)
		close(q->tap);
	pthread_mutex_destroy(&q->lock);
	q->w->queues--;
}

void vif_unmap(struct vif *v)
{
	unsigned int i;

	for (i = 0; i < v->queues; i++)
		close_queue(&v->queue[i]);
	free(v->queue);
	v->queue = NULL;
	v->queues = 0;
	v->stopping = false;
	v->broken = NULL;
}

/* What the guest does not take the kernel is not to give us. */
static int start_tap(struct vif *v)
{
	int r;

	if (v->tap.fd < 0)
		return 0;
	tap_drain(v->tap.fd);
	r = tap_offload(&v->tap, v->blank4 || v->blank6, v->gso4, v->gso6);
	if (!r)
		r = tap_up(&v->tap, true);
	if (r)
		device_fail(v->d, "%s: %s", v->tap.name, strerror(-r));
	return r;
}

/* By the thread's CPU clock: most of the time we waited for xenstore. */
static void post_control(struct vif *v, uint64_t began)
{
	struct acctring_cost c = { .units = 1, .klass = ACCTRING_CLASS_CONTROL };

	c.ns = cpu_ns() - began;
	c.end = acctring_counter(v->net->lane);
	bill_post(v->net->lane, vif_payer(v), &c);
}

int vif_connect(struct device *d)
{
	struct vif *v = d->data;
	uint64_t began = cpu_ns();
	unsigned int i, queues;
	int r = -EINVAL;

	if (!read_front(v, &queues))
		return r;
	r = open_queues(v, queues);
	if (!r && !bill_connect(&d->b->bill, &d->payer, d->domid, d->id))
		r = -ENOMEM;
	if (!r)
		r = start_tap(v);
	if (r) {
		vif_unmap(v);
		return r;
	}
	for (i = 0; i < queues; i++)
		queue_poke(&v->queue[i], WANT_SERVED);
	if (v->tap.fd < 0)
		switch_join(v);
	post_control(v, began);
	log_info("vif %u/%u: connected, %u queue%s, %s%s", d->domid, d->id, queues,
		 queues > 1 ? "s" : "", v->tap.fd < 0 ? "switched" : v->tap.name,
		 v->gso4 ? ", segmentation" : "");
	return 0;
}
