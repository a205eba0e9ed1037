/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Event channels, the part of the guest's evtchn device. A handle is a pipe: the
 * process has its read end, and reads from it the ports that became pending,
 * four bytes each, as from /dev/xen/evtchn. A port that was written is masked
 * until the process unmasks it; what comes meanwhile is remembered as one event.
 * All ports of a domain fit into a pipe, so a write never blocks.
 *
 * The handle lives as long as anybody has the read end open: it ends with exit,
 * kill -9 and close, and survives fork and (without close-on-exec) exec.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/broker/event.h"

struct evhandle {
	TAILQ_ENTRY(evhandle) link;
	struct domain *d;
	int fd; /* write end */
	ino_t ino;
	bool restricted;
	uint32_t only; /* domid that new ports may talk to */
	struct event *ev;
	TAILQ_HEAD(port_list, port) ports;
};

static TAILQ_HEAD(evhandle_list, evhandle) handles = TAILQ_HEAD_INITIALIZER(handles);

void evhandle_deliver(struct port *p)
{
	uint32_t n = p->n;

	if (!p->user)
		return;
	if (p->masked) {
		p->pending = true;
		return;
	}
	p->masked = true;
	if (write(p->user->fd, &n, sizeof(n)) != sizeof(n)) {
		/* Full of ports that were closed unread; the next unmask retries. */
		p->pending = true;
	}
}

static void unmask(struct port *p)
{
	p->masked = false;
	if (p->pending) {
		p->pending = false;
		evhandle_deliver(p);
	}
}

/* A notification may still hold the port; it just has no user any more. */
static void release(struct port *p)
{
	TAILQ_REMOVE(&p->user->ports, p, user_link);
	p->user = NULL;
	port_put(p);
}

static void evhandle_free(struct evhandle *h)
{
	struct client *c;
	struct port *p;

	while ((p = TAILQ_FIRST(&h->ports)))
		release(p);
	TAILQ_FOREACH(c, &broker.clients, link)
		if (c->evh == h)
			c->evh = NULL;
	TAILQ_REMOVE(&handles, h, link);
	if (h->ev)
		event_free(h->ev);
	close(h->fd);
	free(h);
}

void evhandle_domain_gone(struct domain *d)
{
	struct evhandle *h, *next;

	for (h = TAILQ_FIRST(&handles); h; h = next) {
		next = TAILQ_NEXT(h, link);
		if (h->d == d)
			evhandle_free(h);
	}
}

/* The pipe has no reader any more. */
static void on_pipe(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	evhandle_free(arg);
}

static int watch_pipe(struct evhandle *h)
{
	struct stat st;

	if (fstat(h->fd, &st) < 0)
		return -errno;
	h->ino = st.st_ino;
	h->ev = event_new(broker.base, h->fd, EV_READ | EV_PERSIST, on_pipe, h);
	if (!h->ev || event_add(h->ev, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int evhandle_open(struct client *c, struct xsb_msg *rep, int *out, int *nout)
{
	struct evhandle *h;
	int p[2], rc;

	(void)rep;
	if (c->evh)
		return -EBUSY;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	if (pipe2(p, O_CLOEXEC) < 0) {
		rc = -errno;
		free(h);
		return rc;
	}
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	h->d = c->d;
	h->fd = p[1];
	TAILQ_INIT(&h->ports);
	TAILQ_INSERT_TAIL(&handles, h, link);
	rc = watch_pipe(h);
	if (rc) {
		close(p[0]);
		evhandle_free(h);
		return rc;
	}
	c->evh = h;
	out[(*nout)++] = p[0]; /* the loop closes our copy */
	return 0;
}

int evhandle_adopt(struct client *c, const struct xsb_msg *req)
{
	struct evhandle *h;

	TAILQ_FOREACH(h, &handles, link)
		if (h->d == c->d && (uint64_t)h->ino == req->a[0]) {
			c->evh = h;
			return 0;
		}
	return -EBADF;
}

/* The process closed its socket but maybe not the pipe: nothing ends here. */
void evhandle_client_gone(struct client *c)
{
	c->evh = NULL;
}

static struct port *own(struct evhandle *h, uint64_t n)
{
	struct port *p = port_find(h->d, n);

	return p && p->user == h ? p : NULL;
}

static int bind_port(struct evhandle *h, const struct xsb_msg *req, struct xsb_msg *rep)
{
	struct port *p = NULL;
	int rc;

	if (h->restricted && (req->op == XSB_EVT_VIRQ || req->a[0] != h->only))
		return -EACCES;
	if (req->op == XSB_EVT_ALLOC)
		rc = port_unbound(h->d, req->a[0], &p);
	else if (req->op == XSB_EVT_BIND)
		rc = port_interdomain(h->d, req->a[0], req->a[1], &p);
	else
		rc = port_virq(h->d, req->a[0], &p);
	if (rc)
		return rc;
	p->user = h;
	TAILQ_INSERT_TAIL(&h->ports, p, user_link);
	rep->a[0] = p->n;
	if (req->op == XSB_EVT_BIND)
		port_raise(p);
	return 0;
}

static int restrict_to(struct evhandle *h, uint64_t domid)
{
	if (h->restricted)
		return -EACCES;
	if (domid >= DOMID_MAX)
		return -EINVAL;
	h->restricted = true;
	h->only = (uint32_t)domid;
	return 0;
}

/* Sees at once what on_pipe() would see soon. */
static int closed(struct evhandle *h)
{
	struct pollfd p = { .fd = h->fd };

	if (poll(&p, 1, 0) == 1 && p.revents & POLLERR)
		evhandle_free(h);
	return 0;
}

int evhandle_call(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep)
{
	struct evhandle *h = c->evh;
	struct port *p;

	if (!h)
		return -EBADF;
	switch (req->op) {
	case XSB_EVT_ALLOC:
	case XSB_EVT_BIND:
	case XSB_EVT_VIRQ:
		return bind_port(h, req, rep);
	case XSB_EVT_CLOSED:
		return closed(h);
	case XSB_EVT_RESTRICT:
		return restrict_to(h, req->a[0]);
	}
	if (req->a[0] >= EVENT_PORTS && req->op != XSB_EVT_UNMASK)
		return -EINVAL;
	p = own(h, req->a[0]);
	if (req->op == XSB_EVT_UNMASK) {
		if (p) /* others are ignored, as by Linux */
			unmask(p);
		return 0;
	}
	if (!p)
		return -ENOTCONN;
	if (req->op == XSB_EVT_SEND)
		port_send(p);
	else
		release(p);
	return 0;
}
