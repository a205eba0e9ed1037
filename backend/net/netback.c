/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The switch's turn: events, then each guest a bounded number of frames in
 * and out, then events are unmasked where nothing is left to do.
 */
#include "backend/net/netback.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>

#include "backend/cpu.h"
#include "backend/net/connect.h"
#include "common/log.h"

#define EVENTS_TURN 64 /* events taken in a turn */

void vif_post(struct vif *v, struct work *w, struct acctring_cost *c)
{
	struct net *net = v->net;
	uint64_t ns = acctring_span_end(net->lane, &w->span) + w->ns;

	c->ns = ns > net->aside ? ns - net->aside : 0;
	c->end = w->span.mark;
	bill_post(net->lane, &v->d->payer, c);
}

void vif_push(struct vif *v, int notify)
{
	if (notify)
		xenevtchn_notify(v->net->xce, v->port);
}

static int net_start(struct backend *b)
{
	struct net *net = calloc(1, sizeof(*net));
	int fl;

	if (!net)
		return -ENOMEM;
	net->b = b;
	LIST_INIT(&net->vifs);
	if (getrandom(&net->fdb.salt, sizeof(net->fdb.salt), 0) < 0)
		return -errno;
	net->lane = acctring_lane_open(b->bill.link);
	net->xgt = xengnttab_open(NULL, 0);
	net->xce = xenevtchn_open(NULL, 0);
	if (!net->lane || !net->xgt || !net->xce)
		return -errno;
	b->fd = xenevtchn_fd(net->xce);
	fl = fcntl(b->fd, F_GETFL);
	if (fl < 0 || fcntl(b->fd, F_SETFL, fl | O_NONBLOCK) < 0)
		return -errno;
	b->data = net;
	return 0;
}

static void net_stop(struct backend *b)
{
	struct net *net = b->data;

	acctring_lane_close(net->lane);
	xenevtchn_close(net->xce);
	xengnttab_close(net->xgt);
	free(net);
}

static struct vif *vif_of_port(struct net *net, evtchn_port_t port)
{
	struct vif *v;

	LIST_FOREACH(v, &net->vifs, link)
		if (v->bound && v->port == port)
			return v;
	return NULL;
}

static void take_events(struct net *net)
{
	xenevtchn_port_or_error_t port;
	struct vif *v;
	unsigned int i;

	for (i = 0; i < EVENTS_TURN; i++) {
		port = xenevtchn_pending(net->xce);
		if (port < 0)
			return;
		v = vif_of_port(net, (evtchn_port_t)port);
		if (!v) /* of a device that has just gone */
			continue;
		v->masked = true;
		v->worked = false;
		v->again = true;
		v->event_at = acctring_counter(net->lane);
	}
}

/* The event is served: bill it if it brought nothing; let the next one come. */
static void unmask(struct vif *v)
{
	struct acctring_cost c = { .units = 1, .klass = ACCTRING_CLASS_EVENT };
	uint64_t from;

	v->masked = false;
	v->event_at = 0;
	if (v->worked) {
		xenevtchn_unmask(v->net->xce, v->port);
		return;
	}
	/* by the thread's CPU clock: a guest that kicks all the time has us preempted here */
	from = cpu_ns();
	xenevtchn_unmask(v->net->xce, v->port);
	c.ns = cpu_ns() - from + v->fruitless;
	v->fruitless = 0;
	c.end = acctring_counter(v->net->lane);
	bill_post(v->net->lane, &v->d->payer, &c);
}

/* What the round left to do. */
static void end_round(struct net *net, bool *again, bool *blocked)
{
	struct vif *v, *next;

	for (v = LIST_FIRST(&net->vifs); v; v = next) {
		next = LIST_NEXT(v, link);
		if (v->broken) {
			device_broken(v->d, v->broken);
			*again = true; /* the state has to be followed up */
			continue;
		}
		if (v->masked && !v->again && !v->blocked)
			unmask(v);
		*again |= v->again;
		*blocked |= v->blocked;
	}
}

static int net_turn(struct backend *b)
{
	struct net *net = b->data;
	bool again = false, blocked = false;
	struct vif *v, *last;

	take_events(net);
	LIST_FOREACH(v, &net->vifs, link) {
		/* also who has no event: he may be blocked, or starving */
		if (!v->again && !v->blocked)
			continue;
		v->again = v->blocked = false;
		vif_transmit(v);
	}
	LIST_FOREACH(v, &net->vifs, link)
		if (v->queued && !v->broken)
			vif_receive(v);
	end_round(net, &again, &blocked);
	/* the first in this round is the last in the next one */
	v = LIST_FIRST(&net->vifs);
	if (v && LIST_NEXT(v, link)) {
		for (last = v; LIST_NEXT(last, link);)
			last = LIST_NEXT(last, link);
		LIST_REMOVE(v, link);
		LIST_INSERT_AFTER(last, v, link);
	}
	return again ? 0 : blocked ? 1 : -1;
}

static void net_release(struct device *d)
{
	(void)d;
}

const struct backend_ops netback_ops = {
	.program = "acctring-netback",
	.about = "Joins virtual network devices (xen/io/netif.h) of guests by a switch.",
	.kind = "avif",
	.frontend = "vif",
	.rival = "xen-netback",
	.acct_kind = ACCTRING_KIND_VIF,
	.lanes = 1,
	.max_lanes = 1,
	.start = net_start,
	.stop = net_stop,
	.turn = net_turn,
	.offer = vif_offer,
	.connect = vif_connect,
	.disconnect = vif_disconnect,
	.release = net_release,
};
