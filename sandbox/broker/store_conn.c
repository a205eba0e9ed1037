/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker's own connection to xenstored, as a process of domain 0.
 *
 * It cannot use libxenstore: that waits for answers, and to answer, xenstored
 * may need the broker (to map a ring page, to look up a domain).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <xen/io/xs_wire.h>

#include "sandbox/broker/store.h"

struct call {
	STAILQ_ENTRY(call) link;
	store_done *done;
	void *arg;
};

static struct {
	struct bufferevent *bev;
	STAILQ_HEAD(call_list, call) calls;
	uint32_t next_id;
} conn = { .calls = STAILQ_HEAD_INITIALIZER(conn.calls) };

static int to_errno(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (!strcmp(xsd_errors[i].errstring, name))
			return -xsd_errors[i].errnum;
	return -EIO;
}

/* Answers come in order; watches are not used here. */
static void finish(int err, const char *data, size_t len)
{
	struct call *c = STAILQ_FIRST(&conn.calls);

	if (!c)
		return;
	STAILQ_REMOVE_HEAD(&conn.calls, link);
	if (c->done)
		c->done(c->arg, err, data, len);
	free(c);
}

static void fail_all(int err)
{
	while (!STAILQ_EMPTY(&conn.calls))
		finish(err, "", 0);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	char data[XENSTORE_PAYLOAD_MAX + 1];
	struct xsd_sockmsg hdr;

	(void)arg;
	while (evbuffer_copyout(in, &hdr, sizeof(hdr)) == sizeof(hdr)) {
		if (hdr.len > XENSTORE_PAYLOAD_MAX) {
			store_disconnect();
			return;
		}
		if (evbuffer_get_length(in) < sizeof(hdr) + hdr.len)
			return;
		evbuffer_drain(in, sizeof(hdr));
		evbuffer_remove(in, data, hdr.len);
		data[hdr.len] = '\0';
		if (hdr.type == XS_ERROR)
			finish(to_errno(data), "", 0);
		else
			finish(0, data, hdr.len);
		if (conn.bev != bev) /* a callback closed it */
			return;
	}
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev, (void)arg;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		store_disconnect();
}

int store_connect(struct event_base *base, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	conn.bev =
		bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (!conn.bev)
		return -ENOMEM;
	bufferevent_setcb(conn.bev, on_read, NULL, on_event, NULL);
	if (bufferevent_socket_connect(conn.bev, (struct sockaddr *)&sun, sizeof(sun))) {
		int err = errno ? errno : EIO;

		store_disconnect();
		return -err;
	}
	bufferevent_enable(conn.bev, EV_READ | EV_WRITE);
	return 0;
}

void store_disconnect(void)
{
	struct bufferevent *bev = conn.bev;

	conn.bev = NULL;
	if (bev)
		bufferevent_free(bev);
	fail_all(-EIO);
}

int store_request(uint32_t type, uint32_t tx, const void *data, size_t len, store_done *done,
		  void *arg)
{
	struct xsd_sockmsg hdr = {
		.type = type,
		.req_id = conn.next_id++,
		.tx_id = tx,
		.len = (uint32_t)len,
	};
	struct call *c;

	if (!conn.bev)
		return -ENOTCONN;
	if (len > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->done = done;
	c->arg = arg;
	STAILQ_INSERT_TAIL(&conn.calls, c, link);
	bufferevent_write(conn.bev, &hdr, sizeof(hdr));
	bufferevent_write(conn.bev, data, len);
	return 0;
}

void store_forget(const void *arg)
{
	struct call *c;

	STAILQ_FOREACH(c, &conn.calls, link)
		if (c->arg == arg)
			c->done = NULL;
}
