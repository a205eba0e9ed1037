/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A network device from offer to release.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/cpu.h"
#include "backend/net/connect.h"
#include "common/log.h"
#include "common/mac.h"
#include "common/xs.h"

int vif_offer(struct device *d)
{
	static const struct xenbus_node nodes[] = {
		{ "feature-rx-copy", "1" },
		{ "feature-rx-flip", "0" },
		{ "feature-sg", "1" },
		{ "feature-gso-tcpv4", "0" },
		{ "feature-split-event-channels", "0" },
		{ "multi-queue-max-queues", "1" },
	};
	int r;

	if (device_publish(d, nodes, sizeof(nodes) / sizeof(nodes[0])))
		return 0;
	r = errno ? -errno : -EIO;
	device_fail(d, "cannot publish features: %s", strerror(-r));
	return r;
}

static bool flag(struct device *d, const char *leaf)
{
	uint64_t n;

	return device_front_u64(d, leaf, 1, &n) && n;
}

struct refs {
	uint64_t tx, rx, port;
};

/* What the frontend wrote; false: told. */
static bool read_front(struct device *d, struct vif *v, struct refs *r)
{
	uint64_t queues;

	if (device_front_u64(d, "multi-queue-num-queues", UINT32_MAX, &queues) && queues > 1) {
		device_fail(d, "only one queue is served");
		return false;
	}
	if (!device_front_u64(d, "tx-ring-ref", UINT32_MAX, &r->tx) ||
	    !device_front_u64(d, "rx-ring-ref", UINT32_MAX, &r->rx) ||
	    !device_front_u64(d, "event-channel", UINT32_MAX, &r->port)) {
		device_fail(d, "frontend: no tx-ring-ref, rx-ring-ref or event-channel");
		return false;
	}
	if (!flag(d, "request-rx-copy")) {
		device_fail(d, "frontend: request-rx-copy is not 1; page flipping is not served");
		return false;
	}
	v->rx_notify = flag(d, "feature-rx-notify");
	v->sg = flag(d, "feature-sg");
	v->blank4 = !flag(d, "feature-no-csum-offload");
	v->blank6 = flag(d, "feature-ipv6-csum-offload");
	return true;
}

static void *map_page(struct vif *v, uint64_t ref)
{
	uint32_t r = (uint32_t)ref;

	return xengnttab_map_domain_grant_refs(v->net->xgt, 1, v->d->domid, &r,
					       PROT_READ | PROT_WRITE);
}

static int map_rings(struct vif *v, const struct refs *r)
{
	struct netif_tx_sring *tx = map_page(v, r->tx);
	struct netif_rx_sring *rx;
	xenevtchn_port_or_error_t port;

	if (!tx)
		return -errno;
	BACK_RING_INIT(&v->tx, tx, XENBUS_PAGE);
	rx = map_page(v, r->rx);
	if (!rx)
		return -errno;
	BACK_RING_INIT(&v->rx, rx, XENBUS_PAGE);
	port = xenevtchn_bind_interdomain(v->net->xce, v->d->domid, (evtchn_port_t)r->port);
	if (port < 0)
		return -errno;
	v->port = (evtchn_port_t)port;
	v->bound = true;
	return 0;
}

static void unmap_rings(struct vif *v)
{
	if (v->bound)
		xenevtchn_unbind(v->net->xce, v->port);
	v->bound = false;
	if (v->tx.sring)
		xengnttab_unmap(v->net->xgt, v->tx.sring, 1);
	if (v->rx.sring)
		xengnttab_unmap(v->net->xgt, v->rx.sring, 1);
	v->tx.sring = NULL;
	v->rx.sring = NULL;
}

/* The address that the toolstack gave is this port's and nobody else's. */
static void give_mac(struct vif *v)
{
	char *text = xs_readf(v->d->b->xsh, "%s/mac", v->d->dir);
	uint8_t mac[6];

	if (!text)
		return;
	if (!mac_parse(text, mac))
		log_warn("vif %u/%u: mac: not an address", v->d->domid, v->d->id);
	else if (!fdb_give(&v->net->fdb, &v->fdb, mac))
		log_warn("vif %u/%u: mac %s is taken or a group's", v->d->domid, v->d->id, text);
	free(text);
}

static struct vif *new_vif(struct device *d, struct net *net)
{
	struct vif *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->net = net;
	v->d = d;
	fdb_port_init(&v->fdb, v);
	return v;
}

/* By the thread's CPU clock: most of the time we waited for xenstore. */
static void post_control(struct vif *v, uint64_t began)
{
	struct acctring_cost c = { .units = 1, .klass = ACCTRING_CLASS_CONTROL };

	c.ns = cpu_ns() - began;
	c.end = acctring_counter(v->net->lane);
	bill_post(v->net->lane, &v->d->payer, &c);
}

int vif_connect(struct device *d)
{
	struct net *net = d->b->data;
	uint64_t began = cpu_ns();
	struct vif *v = new_vif(d, net);
	struct refs refs;
	int r = -EINVAL;

	if (!v)
		return -ENOMEM;
	if (!read_front(d, v, &refs))
		goto fail;
	r = map_rings(v, &refs);
	if (!r && !bill_connect(&d->b->bill, &d->payer, d->domid, d->id))
		r = -ENOMEM;
	if (r) {
		device_fail(d, "cannot connect to rings %u, %u, port %u: %s", (unsigned int)refs.tx,
			    (unsigned int)refs.rx, (unsigned int)refs.port, strerror(-r));
		goto fail;
	}
	give_mac(v);
	LIST_INSERT_HEAD(&net->vifs, v, link);
	d->data = v;
	v->again = true; /* frames may stand there from before */
	post_control(v, began);
	log_info("vif %u/%u: connected", d->domid, d->id);
	return 0;
fail:
	unmap_rings(v);
	free(v);
	return r;
}

bool vif_disconnect(struct device *d)
{
	struct vif *v = d->data;

	vif_flush(v);
	fdb_forget(&v->net->fdb, &v->fdb);
	unmap_rings(v);
	LIST_REMOVE(v, link);
	free(v);
	d->data = NULL;
	log_info("vif %u/%u: disconnected", d->domid, d->id);
	return true;
}
