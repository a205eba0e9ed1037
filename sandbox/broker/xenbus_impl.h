/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenbus: what its files share.  Nothing else includes this. */
#ifndef SANDBOX_BROKER_XENBUS_IMPL_H
#define SANDBOX_BROKER_XENBUS_IMPL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <xen/io/xs_wire.h>

#include "sandbox/broker/xenbus.h"

struct bufferevent;
struct evbuffer;
struct evconnlistener;
struct xb_client;

enum {
	XB_CLIENTS_MAX = 256, /* per domain */
	XB_INFLIGHT_MAX = 256, /* requests sent, per domain */
	XB_BACKLOG_MAX = 32 << 10, /* bytes waiting for the ring */
	XB_UNREAD_STOP = 64 << 10, /* a client with more is not read */
	XB_UNREAD_MAX = 1 << 20, /* a client with more is dropped */
	XB_TOKEN_MAX = 1000, /* so that path + token fit an event */
};

/* A watch of one client; xenstored sees @id in hex as its token. */
struct xb_watch {
	LIST_ENTRY(xb_watch) link;
	struct xb_client *client; /* NULL: its client is gone */
	uint32_t id;
	char *path, *token;
	bool ending; /* XS_UNWATCH is on its way */
};

struct xb_tx {
	LIST_ENTRY(xb_tx) link;
	uint32_t id;
};

/* A request in the ring that xenstored has not answered yet. */
struct xb_call {
	TAILQ_ENTRY(xb_call) link;
	struct xb_client *client; /* NULL: nobody wants the answer */
	struct xb_watch *watch; /* of XS_WATCH and XS_UNWATCH */
	uint32_t id; /* in the ring */
	uint32_t client_id; /* as the client numbered it */
	uint32_t type, tx;
	bool eagain; /* a commit turned into an abort */
};

struct xb_client {
	LIST_ENTRY(xb_client) link;
	struct xenbus *xb;
	struct bufferevent *bev;
	LIST_HEAD(xb_txs, xb_tx) txs;
	bool stopped; /* not read until the ring moves */
	bool closing;
};

struct xenbus {
	struct event_base *base;
	struct evconnlistener *listener;
	char *path;
	struct xenstore_domain_interface *ring;
	const struct xenbus_ops *ops;
	void *arg;

	LIST_HEAD(xb_clients, xb_client) clients;
	LIST_HEAD(xb_watches, xb_watch) watches;
	TAILQ_HEAD(xb_calls, xb_call) calls;
	unsigned int n_clients, n_calls;
	uint32_t next_call, next_watch;

	bool started; /* the ring may be used */
	struct evbuffer *out; /* requests on their way to the ring */
	size_t have; /* bytes of @in that are filled */
	union {
		struct xsd_sockmsg hdr;
		char raw[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	} in; /* the answer being put together */
};

/* xenbus_ring.c: true if anything moved. */
bool xb_ring_send(struct xenbus *xb);
size_t xb_ring_recv(struct xenbus *xb, void *buf, size_t len);

/* xenbus_call.c: requests to the ring, and answers from it. */
void xb_request(struct xb_client *c, const struct xsd_sockmsg *hdr, const char *data);
void xb_answer(struct xenbus *xb, const struct xsd_sockmsg *hdr, const char *data);
void xb_forget_client(struct xb_client *c);
void xb_watch_free(struct xb_watch *w);

/* xenbus.c */
void xb_reply(struct xb_client *c, uint32_t type, uint32_t req_id, uint32_t tx, const void *data,
	      size_t len);
void xb_error(struct xb_client *c, const struct xsd_sockmsg *hdr, int err);
bool xb_busy(const struct xenbus *xb);

#endif
