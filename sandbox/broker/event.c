/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Event channels, the hypervisor's part. Rules of Xen that are easy to forget:
 *
 * - a new port is the lowest free number, so a closed one is reused at once;
 * - binding to a remote port raises an event on the new local port, since sends
 *   to the unbound port were lost;
 * - closing a bound port leaves its peer unbound, for the closer's domain to bind
 *   again; a send on an unbound port vanishes without an error;
 * - a domain that dies closes all its ports.
 */
#include <errno.h>
#include <stdlib.h>

#include "sandbox/broker/event.h"

int event_table_create(struct domain *d)
{
	d->et = calloc(1, sizeof(*d->et));
	return d->et ? 0 : -ENOMEM;
}

struct port *port_find(struct domain *d, uint64_t n)
{
	return n < EVENT_PORTS && d->et ? d->et->port[n] : NULL;
}

int port_alloc(struct domain *d, struct port **out)
{
	struct port *p;
	uint32_t n;

	if (d->dying)
		return -EINVAL;
	for (n = 1; n < EVENT_PORTS && d->et->port[n]; n++)
		;
	if (n == EVENT_PORTS)
		return -ENOSPC;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->d = d;
	p->n = n;
	p->refs = 1;
	d->et->port[n] = p;
	*out = p;
	return 0;
}

/* Closes it, whoever holds it. */
static void port_close(struct port *p)
{
	if (p->peer) {
		p->peer->state = PORT_UNBOUND;
		p->peer->remote = p->d->domid;
		p->peer->peer = NULL;
	}
	if (p->state == PORT_VIRQ)
		p->d->et->virq[p->virq] = 0;
	if (p->cb_ev)
		event_free(p->cb_ev);
	p->d->et->port[p->n] = NULL;
	free(p);
}

void port_put(struct port *p)
{
	if (--p->refs == 0)
		port_close(p);
}

void event_table_end(struct domain *d)
{
	uint32_t n;

	evhandle_domain_gone(d);
	for (n = 1; n < EVENT_PORTS; n++)
		if (d->et->port[n])
			port_close(d->et->port[n]);
}

void event_table_free(struct domain *d)
{
	if (!d->et)
		return;
	event_table_end(d);
	free(d->et);
	d->et = NULL;
}

int port_unbound(struct domain *d, uint64_t remote, struct port **out)
{
	int rc;

	if (remote >= DOMID_MAX && remote != DOM_SELF)
		return -EINVAL;
	rc = port_alloc(d, out);
	if (rc)
		return rc;
	(*out)->state = PORT_UNBOUND;
	(*out)->remote = remote == DOM_SELF ? d->domid : (uint32_t)remote;
	return 0;
}

int port_interdomain(struct domain *d, uint64_t remote, uint64_t remote_port, struct port **out)
{
	struct domain *rd;
	struct port *rp;
	int rc;

	if (remote == DOM_SELF)
		remote = d->domid;
	rd = remote < DOMID_MAX ? domain_find((uint32_t)remote) : NULL;
	if (!rd)
		return -ESRCH;
	rp = port_find(rd, remote_port);
	if (!rp || rp->state != PORT_UNBOUND || rp->remote != d->domid)
		return -EINVAL;
	rc = port_alloc(d, out);
	if (rc)
		return rc;
	(*out)->state = rp->state = PORT_INTERDOMAIN;
	(*out)->remote = rd->domid;
	(*out)->peer = rp;
	rp->peer = *out;
	return 0;
}

int port_virq(struct domain *d, uint64_t virq, struct port **out)
{
	int rc;

	if (virq >= EVENT_VIRQS)
		return -EINVAL;
	if (d->et->virq[virq])
		return -EEXIST;
	rc = port_alloc(d, out);
	if (rc)
		return rc;
	(*out)->state = PORT_VIRQ;
	(*out)->virq = (uint32_t)virq;
	d->et->virq[virq] = (*out)->n;
	return 0;
}

/* ---- sending ---- */

static void arrive(struct port *p)
{
	if (p->cb_ev)
		event_active(p->cb_ev, EV_TIMEOUT, 0);
	else
		evhandle_deliver(p);
}

struct delayed {
	uint32_t domid, port;
	struct event *ev;
};

static void on_delayed(evutil_socket_t fd, short what, void *arg)
{
	struct delayed *l = arg;
	struct domain *d = domain_find(l->domid);
	struct port *p = d ? port_find(d, l->port) : NULL;

	(void)fd, (void)what;
	if (p) /* closed meanwhile: vanished */
		arrive(p);
	event_free(l->ev);
	free(l);
}

void port_raise(struct port *p)
{
	unsigned int ms = p->d->faults.delay_ms;
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };
	struct delayed *l = ms ? calloc(1, sizeof(*l)) : NULL;

	if (l)
		l->ev = evtimer_new(broker.base, on_delayed, l);
	if (!l || !l->ev) {
		free(l);
		arrive(p);
		return;
	}
	l->domid = p->d->domid;
	l->port = p->n;
	evtimer_add(l->ev, &tv);
}

void port_send(struct port *p)
{
	if (p->peer)
		port_raise(p->peer);
}

/* ---- for the broker's own use ---- */

int event_get(struct domain *d, uint64_t port)
{
	struct port *p = port_find(d, port);

	if (!p)
		return -EINVAL;
	p->refs++;
	return 0;
}

void event_put(struct domain *d, uint32_t port)
{
	struct port *p = port_find(d, port);

	if (p)
		port_put(p);
}

int event_send(struct domain *d, uint32_t port)
{
	struct port *p = port_find(d, port);

	if (!p)
		return -EINVAL;
	port_send(p);
	return 0;
}

int event_close(struct domain *d, uint32_t port)
{
	struct port *p = port_find(d, port);

	if (!p)
		return -EINVAL;
	port_put(p);
	return 0;
}

static void on_internal(evutil_socket_t fd, short what, void *arg)
{
	struct port *p = arg;

	(void)fd, (void)what;
	if (p->cb)
		p->cb(p->arg);
}

static int make_internal(struct port *p, void (*cb)(void *arg), void *arg)
{
	p->cb = cb;
	p->arg = arg;
	p->cb_ev = event_new(broker.base, -1, EV_PERSIST, on_internal, p);
	if (!p->cb_ev) {
		port_put(p);
		return -ENOMEM;
	}
	return (int)p->n;
}

int event_alloc_internal(struct domain *d, uint32_t remote, void (*cb)(void *arg), void *arg)
{
	struct port *p;
	int rc = port_unbound(d, remote, &p);

	return rc ? rc : make_internal(p, cb, arg);
}

int event_bind_internal(struct domain *d, uint32_t remote, uint32_t remote_port,
			void (*cb)(void *arg), void *arg)
{
	struct port *p;
	int rc = port_interdomain(d, remote, remote_port, &p);

	if (rc)
		return rc;
	rc = make_internal(p, cb, arg);
	if (rc > 0)
		port_raise(p);
	return rc;
}

void event_virq(struct domain *d, unsigned int virq)
{
	struct port *p;

	if (!d || !d->et || virq >= EVENT_VIRQS)
		return;
	p = port_find(d, d->et->virq[virq]);
	if (p)
		port_raise(p);
}
