/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The broker's socket: connections, requests, and who serves which. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sandbox/broker/control.h"
#include "sandbox/broker/event.h"
#include "sandbox/broker/grant.h"
#include "sandbox/lib/client.h"

/* In this order; stop, dead and free go backwards. */
static const struct module *const modules[] = {
	&cpu_module,
	&store_module,
	&xenbus_module,
};

#define NMODULES (sizeof(modules) / sizeof(modules[0]))

/* The client whose request is being served: it may vanish under it. */
static struct client *current;

int modules_start(struct broker *b)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < NMODULES; i++)
		if (modules[i]->start)
			rc = modules[i]->start(b);
	return rc;
}

void modules_stop(struct broker *b)
{
	size_t i;

	for (i = NMODULES; i-- > 0;)
		if (modules[i]->stop)
			modules[i]->stop(b);
}

int modules_domain_create(struct domain *d)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < NMODULES; i++)
		if (modules[i]->domain_create)
			rc = modules[i]->domain_create(d);
	return rc;
}

void modules_domain_dead(struct domain *d)
{
	size_t i;

	for (i = NMODULES; i-- > 0;)
		if (modules[i]->domain_dead)
			modules[i]->domain_dead(d);
}

void modules_domain_free(struct domain *d)
{
	size_t i;

	for (i = NMODULES; i-- > 0;)
		if (modules[i]->domain_free)
			modules[i]->domain_free(d);
}

void modules_domain_env(struct domain *d, struct envlist *env)
{
	size_t i;

	for (i = 0; i < NMODULES; i++)
		if (modules[i]->domain_env)
			modules[i]->domain_env(d, env);
}

static int modules_handle(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep,
			  int *fds, int nfds)
{
	int rc = -ENOSYS;
	size_t i;

	for (i = 0; rc == -ENOSYS && i < NMODULES; i++)
		if (modules[i]->handle)
			rc = modules[i]->handle(c, req, rep, fds, nfds);
	return rc;
}

void client_close(struct client *c)
{
	if (current == c)
		current = NULL;
	exec_client_gone(c);
	map_client_gone(c);
	grant_client_gone(c);
	evhandle_client_gone(c);
	TAILQ_REMOVE(&broker.clients, c, link);
	event_free(c->ev);
	close(c->fd);
	free(c);
}

/* A client that does not read its replies is cut off rather than waited for. */
int client_reply(struct client *c, const struct xsb_msg *m, const int *fds, int nfds)
{
	return xsb_send(c->fd, m, fds, nfds, MSG_DONTWAIT);
}

static int hello(struct client *c, const struct xsb_msg *req)
{
	struct domain *d;

	if (c->d)
		return -EALREADY;
	d = req->a[0] < DOMID_MAX ? domain_find((uint32_t)req->a[0]) : NULL;
	if (!d || d->dying || broker.stopping)
		return -ESRCH;
	c->d = d;
	return 0;
}

static int serve_grant(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *fds,
		       int nfds, int *out, int *nout)
{
	switch (req->op) {
	case XSB_GNT_SHARE:
		return grant_share(c, req, rep, fds, nfds);
	case XSB_GNT_UNSHARE:
		return grant_unshare(c, req);
	case XSB_GNT_KEEP:
		return grant_keep(c, req);
	case XSB_GNT_MAP:
		return map_pages(c, req, rep, out, nout);
	case XSB_GNT_UNMAP:
		return map_unmap(c, req);
	case XSB_GNT_COPY:
		return map_copy(c, req, rep, out, nout);
	}
	return -ENOSYS;
}

/* *mine: the descriptors of the reply are only for it, close them afterwards. */
static int serve(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *fds,
		 int nfds, int *out, int *nout, bool *mine)
{
	if (req->op == XSB_HELLO)
		return hello(c, req);
	if (!c->d)
		return -EPERM;
	if (req->op >= XSB_MODULE)
		return modules_handle(c, req, rep, fds, nfds);
	if (req->op >= XSB_DOM_CREATE)
		return control_call(c, req, rep, fds, nfds);
	if (req->op == XSB_EVT_OPEN) {
		*mine = true;
		return evhandle_open(c, rep, out, nout);
	}
	if (req->op == XSB_EVT_ADOPT)
		return evhandle_adopt(c, req);
	if (req->op > XSB_EVT_OPEN)
		return evhandle_call(c, req, rep);
	return serve_grant(c, req, rep, fds, nfds, out, nout);
}

/* One message; false when there is no more to read, or no client any more. */
static bool serve_one(struct client *c)
{
	static struct xsb_msg req, rep;
	int fds[XSB_FDS], nfds = XSB_FDS, out[XSB_FDS], nout = 0;
	ssize_t n = xsb_recv(c->fd, &req, fds, &nfds, MSG_DONTWAIT);
	bool mine = false;
	int rc = 0;

	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		client_close(c);
		return false;
	}
	memset(&rep, 0, XSB_HEADER);
	rep.op = req.op;
	rep.err = serve(c, &req, &rep, fds, nfds, out, &nout, &mine);
	if (rep.err)
		rep.len = 0;
	if (current && req.op != XSB_SIGNAL)
		rc = client_reply(c, &rep, out, rep.err ? 0 : nout);
	while (mine && nout > 0)
		close(out[--nout]);
	while (nfds > 0)
		if (fds[--nfds] >= 0)
			close(fds[nfds]);
	if (current && rc)
		client_close(c);
	return current != NULL;
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
	int budget = 16; /* others want to be served, too */

	(void)fd, (void)what;
	current = arg;
	while (current && budget-- > 0 && serve_one(current))
		;
	current = NULL;
}

static void on_accept(evutil_socket_t lfd, short what, void *arg)
{
	int fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c = fd < 0 ? NULL : calloc(1, sizeof(*c));
	struct ucred cred;
	socklen_t len = sizeof(cred);

	(void)what, (void)arg;
	if (!c) {
		if (fd >= 0)
			close(fd);
		return;
	}
	c->fd = fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		c->pid = cred.pid;
	TAILQ_INIT(&c->holds);
	TAILQ_INIT(&c->maps);
	c->ev = event_new(broker.base, fd, EV_READ | EV_PERSIST, on_client, c);
	if (!c->ev || event_add(c->ev, NULL) < 0) {
		close(fd);
		free(c);
		return;
	}
	TAILQ_INSERT_TAIL(&broker.clients, c, link);
}

int loop_open(struct broker *b)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/" XSB_SOCKET, b->dir);

	TAILQ_INIT(&b->domains);
	TAILQ_INIT(&b->clients);
	if (n >= (int)sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	b->base = event_base_new();
	if (!b->base)
		return -ENOMEM;
	b->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (b->listener < 0 || bind(b->listener, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(b->listener, 128) < 0)
		return -errno;
	b->listen_ev = event_new(b->base, b->listener, EV_READ | EV_PERSIST, on_accept, b);
	return b->listen_ev && event_add(b->listen_ev, NULL) == 0 ? 0 : -ENOMEM;
}

void loop_close(struct broker *b)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&b->clients); c; c = next) {
		next = TAILQ_NEXT(c, link);
		client_close(c);
	}
	if (b->listen_ev)
		event_free(b->listen_ev);
	if (b->listener >= 0)
		close(b->listener);
	if (b->base)
		event_base_free(b->base);
}
