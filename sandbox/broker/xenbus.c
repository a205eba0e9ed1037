/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xenbus: the socket, its clients, and the pump between them and the ring.
 *
 * Clients are the domain's own processes: they may be slow, dead, or send
 * nonsense.  A client is not read while the ring is backed up or while it
 * leaves its answers unread, and it is dropped when what it leaves unread
 * exceeds a bound.  So every buffer here is bounded and nothing waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "sandbox/broker/xenbus_impl.h"

/* No more requests can be taken from anybody for the moment. */
bool xb_busy(const struct xenbus *xb)
{
	return xb->n_calls >= XB_INFLIGHT_MAX || evbuffer_get_length(xb->out) >= XB_BACKLOG_MAX;
}

static size_t unread(const struct xb_client *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

static void client_free(struct xb_client *c)
{
	struct xenbus *xb = c->xb;

	c->closing = true;
	LIST_REMOVE(c, link);
	xb->n_clients--;
	xb_forget_client(c);
	bufferevent_free(c->bev);
	free(c);
}

void xb_reply(struct xb_client *c, uint32_t type, uint32_t req_id, uint32_t tx, const void *data,
	      size_t len)
{
	struct xsd_sockmsg hdr = {
		.type = type,
		.req_id = req_id,
		.tx_id = tx,
		.len = (uint32_t)len,
	};

	if (unread(c) + sizeof(hdr) + len > XB_UNREAD_MAX) {
		c->closing = true;
		return;
	}
	bufferevent_write(c->bev, &hdr, sizeof(hdr));
	bufferevent_write(c->bev, data, len);
}

void xb_error(struct xb_client *c, const struct xsd_sockmsg *hdr, int err)
{
	const char *name = "EINVAL";
	size_t i;

	for (i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (xsd_errors[i].errnum == err)
			name = xsd_errors[i].errstring;
	xb_reply(c, XS_ERROR, hdr->req_id, hdr->tx_id, name, strlen(name) + 1);
}

/* Take whole messages from @c; false: the client broke the protocol. */
static bool client_take(struct xb_client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct xsd_sockmsg hdr;
	char data[XENSTORE_PAYLOAD_MAX];

	while (evbuffer_copyout(in, &hdr, sizeof(hdr)) == sizeof(hdr)) {
		if (hdr.len > XENSTORE_PAYLOAD_MAX)
			return false;
		if (evbuffer_get_length(in) < sizeof(hdr) + hdr.len)
			return true;
		if (xb_busy(c->xb) || unread(c) > XB_UNREAD_STOP) {
			c->stopped = true;
			bufferevent_disable(c->bev, EV_READ);
			return true;
		}
		evbuffer_drain(in, sizeof(hdr));
		evbuffer_remove(in, data, hdr.len);
		xb_request(c, &hdr, data);
		if (c->closing)
			return false;
	}
	return true;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct xb_client *c = arg;
	struct xenbus *xb = c->xb;

	(void)bev;
	if (!client_take(c))
		client_free(c);
	xenbus_event(xb);
}

static void resume(struct xb_client *c)
{
	if (!c->stopped || xb_busy(c->xb) || unread(c) > XB_UNREAD_STOP)
		return;
	c->stopped = false;
	bufferevent_enable(c->bev, EV_READ);
	if (!client_take(c))
		c->closing = true;
}

/* A client read what we had for it. */
static void on_write(struct bufferevent *bev, void *arg)
{
	struct xb_client *c = arg;
	struct xenbus *xb = c->xb;

	(void)bev;
	if (!c->stopped)
		return;
	resume(c);
	xenbus_event(xb);
}

static void on_gone(struct bufferevent *bev, short what, void *arg)
{
	struct xb_client *c = arg;
	struct xenbus *xb = c->xb;

	(void)bev;
	if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
		return;
	client_free(c);
	xenbus_event(xb);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int salen,
		      void *arg)
{
	struct xenbus *xb = arg;
	struct xb_client *c;

	(void)l, (void)sa, (void)salen;
	c = xb->n_clients < XB_CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (c)
		c->bev = bufferevent_socket_new(xb->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c || !c->bev) {
		close(fd);
		free(c);
		return;
	}
	c->xb = xb;
	LIST_INIT(&c->txs);
	LIST_INSERT_HEAD(&xb->clients, c, link);
	xb->n_clients++;
	bufferevent_setcb(c->bev, on_read, on_write, on_gone, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, sizeof(xb->in));
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* Put answers together and hand them on; true if the ring moved. */
static bool pump_in(struct xenbus *xb)
{
	bool moved = false;

	for (;;) {
		size_t want = sizeof(struct xsd_sockmsg), n;

		if (xb->have >= want)
			want += xb->in.hdr.len;
		/* xenstored never says more than this: ignore it if it does */
		if (want > sizeof(xb->in)) {
			xb->have = 0;
			return moved;
		}
		if (xb->have == want) {
			xb_answer(xb, &xb->in.hdr, xb->in.raw + sizeof(xb->in.hdr));
			xb->have = 0;
			continue;
		}
		n = xb_ring_recv(xb, xb->in.raw + xb->have, want - xb->have);
		if (!n)
			return moved;
		xb->have += n;
		moved = true;
	}
}

void xenbus_event(struct xenbus *xb)
{
	struct xb_client *c, *next;
	bool moved = xb->started && pump_in(xb);

	for (c = LIST_FIRST(&xb->clients); c; c = LIST_NEXT(c, link))
		resume(c);
	/* dropping a client queues its unwatches: before the send */
	for (c = LIST_FIRST(&xb->clients); c; c = next) {
		next = LIST_NEXT(c, link);
		if (c->closing)
			client_free(c);
	}
	if (xb->started && xb_ring_send(xb))
		moved = true;
	if (moved)
		xb->ops->notify(xb->arg);
}

void xenbus_start(struct xenbus *xb)
{
	xb->started = true;
	xenbus_event(xb);
}

static int listen_on(struct xenbus *xb)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(xb->path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, xb->path, strlen(xb->path) + 1);
	unlink(xb->path);
	xb->listener = evconnlistener_new_bind(xb->base, on_accept, xb,
					       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 64,
					       (struct sockaddr *)&sun, sizeof(sun));
	return xb->listener ? 0 : -errno;
}

int xenbus_open(struct xenbus **out, struct event_base *base, const char *path,
		struct xenstore_domain_interface *ring, const struct xenbus_ops *ops, void *arg)
{
	struct xenbus *xb = calloc(1, sizeof(*xb));
	int rc = -ENOMEM;

	if (!xb)
		return -ENOMEM;
	LIST_INIT(&xb->clients);
	LIST_INIT(&xb->watches);
	TAILQ_INIT(&xb->calls);
	xb->base = base;
	xb->ring = ring;
	xb->ops = ops;
	xb->arg = arg;
	xb->next_call = xb->next_watch = 1;
	xb->path = strdup(path);
	xb->out = evbuffer_new();
	if (xb->path && xb->out)
		rc = listen_on(xb);
	if (rc) {
		xenbus_close(xb);
		return rc;
	}
	*out = xb;
	return 0;
}

void xenbus_close(struct xenbus *xb)
{
	struct xb_client *c, *next_c;
	struct xb_call *call, *next_call;
	struct xb_watch *w, *next_w;

	for (c = LIST_FIRST(&xb->clients); c; c = next_c) {
		next_c = LIST_NEXT(c, link);
		client_free(c);
	}
	for (call = TAILQ_FIRST(&xb->calls); call; call = next_call) {
		next_call = TAILQ_NEXT(call, link);
		free(call);
	}
	for (w = LIST_FIRST(&xb->watches); w; w = next_w) {
		next_w = LIST_NEXT(w, link);
		xb_watch_free(w);
	}
	if (xb->listener) {
		evconnlistener_free(xb->listener);
		unlink(xb->path);
	}
	if (xb->out)
		evbuffer_free(xb->out);
	free(xb->path);
	free(xb);
}
