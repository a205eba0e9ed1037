/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xenbus: many clients on one xenstore ring page.
 *
 * xenstored knows one connection per domain: a ring page of 1024 bytes each
 * way.  A kernel puts a device in front of it that any number of processes
 * may open; here it is a unix socket per domain.  The real libxenstore talks
 * to the socket, xenstored to the page, and neither can tell the difference.
 */
#ifndef SANDBOX_BROKER_XENBUS_H
#define SANDBOX_BROKER_XENBUS_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct xenbus;
struct xenstore_domain_interface;

struct xenbus_ops {
	/* Fire the domain's end of the xenstore event channel. */
	void (*notify)(void *arg);
	/* A transaction is about to commit: true if it shall get EAGAIN. */
	bool (*take_eagain)(void *arg);
};

/*
 * Listen on @path and serve @ring.  The page stays the caller's.  Returns 0 or
 * -errno (-ENAMETOOLONG: @path does not fit a unix socket address).
 */
int xenbus_open(struct xenbus **out, struct event_base *base, const char *path,
		struct xenstore_domain_interface *ring, const struct xenbus_ops *ops, void *arg);

/*
 * xenstored knows the domain now.  Until then clients may connect and ask, and
 * wait: the introduction clears the ring.
 */
void xenbus_start(struct xenbus *xb);

/* The event channel fired: look at the ring, both ways.  Never blocks. */
void xenbus_event(struct xenbus *xb);

/* Drop every client, remove the socket.  What was in the ring stays there. */
void xenbus_close(struct xenbus *xb);

#endif
