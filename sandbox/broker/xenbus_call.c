/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xenbus: one ring, many clients.
 *
 * Request ids and watch tokens are the clients' own and may collide, so both
 * are replaced on the way in and put back on the way out.  A client's watches
 * and transactions end with it.  Every request gets exactly one answer, in
 * the client's own numbering; a dead client's answers are dropped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "sandbox/broker/xenbus_impl.h"

static struct xb_call *xb_call(struct xenbus *xb, struct xb_client *c,
			       const struct xsd_sockmsg *hdr, const void *data)
{
	struct xb_call *call = calloc(1, sizeof(*call));
	struct xsd_sockmsg out = *hdr;

	if (!call)
		return NULL;
	call->client = c;
	call->id = out.req_id = xb->next_call++;
	call->client_id = hdr->req_id;
	call->type = hdr->type;
	call->tx = hdr->tx_id;
	TAILQ_INSERT_TAIL(&xb->calls, call, link);
	xb->n_calls++;
	evbuffer_add(xb->out, &out, sizeof(out));
	evbuffer_add(xb->out, data, hdr->len);
	return call;
}

/* -- transactions ------------------------------------------------------- */

static struct xb_tx *tx_find(struct xb_client *c, uint32_t id)
{
	struct xb_tx *t;

	LIST_FOREACH(t, &c->txs, link)
		if (t->id == id)
			return t;
	return NULL;
}

static void tx_drop(struct xb_client *c, uint32_t id)
{
	struct xb_tx *t = tx_find(c, id);

	if (t) {
		LIST_REMOVE(t, link);
		free(t);
	}
}

static bool tx_add(struct xb_client *c, uint32_t id)
{
	struct xb_tx *t = malloc(sizeof(*t));

	if (!t)
		return false;
	t->id = id;
	LIST_INSERT_HEAD(&c->txs, t, link);
	return true;
}

/* Nobody will ever end this transaction: do it here. */
static void tx_abort(struct xenbus *xb, uint32_t id)
{
	struct xsd_sockmsg hdr = {
		.type = XS_TRANSACTION_END,
		.tx_id = id,
		.len = 2,
	};

	xb_call(xb, NULL, &hdr, "F");
}

/*
 * A commit that shall fail with EAGAIN is sent as an abort, so that xenstored
 * forgets the transaction just as it does after a real conflict.
 */
static void tx_end(struct xb_client *c, const struct xsd_sockmsg *hdr, const char *data)
{
	bool commit = hdr->len == 2 && !memcmp(data, "T", 2);
	bool eagain = commit && c->xb->ops->take_eagain(c->xb->arg);
	struct xb_call *call = xb_call(c->xb, c, hdr, eagain ? "F" : data);

	if (!call)
		return xb_error(c, hdr, ENOMEM);
	call->eagain = eagain;
}

/* -- watches ------------------------------------------------------------ */

void xb_watch_free(struct xb_watch *w)
{
	LIST_REMOVE(w, link);
	free(w->path);
	free(w->token);
	free(w);
}

static struct xb_watch *watch_find(struct xb_client *c, const char *path, const char *token)
{
	struct xb_watch *w;

	LIST_FOREACH(w, &c->xb->watches, link)
		if (w->client == c && !w->ending && !strcmp(w->path, path) &&
		    !strcmp(w->token, token))
			return w;
	return NULL;
}

static struct xb_watch *watch_new(struct xb_client *c, const char *path, const char *token)
{
	struct xb_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->client = c;
	w->id = c->xb->next_watch++;
	w->path = strdup(path);
	w->token = strdup(token);
	LIST_INSERT_HEAD(&c->xb->watches, w, link);
	if (w->path && w->token)
		return w;
	xb_watch_free(w);
	return NULL;
}

/* XS_WATCH or XS_UNWATCH with our token in place of the client's. */
static struct xb_call *watch_call(struct xenbus *xb, struct xb_client *c, struct xb_watch *w,
				  uint32_t type, uint32_t req_id)
{
	char data[XENSTORE_PAYLOAD_MAX];
	int n = snprintf(data, sizeof(data), "%s%c%x", w->path, 0, w->id);
	struct xsd_sockmsg hdr = {
		.type = type,
		.req_id = req_id,
		.len = (uint32_t)n + 1,
	};
	struct xb_call *call;

	if (n < 0 || hdr.len > sizeof(data))
		return NULL;
	call = xb_call(xb, c, &hdr, data);
	if (call)
		call->watch = w;
	return call;
}

static void watch(struct xb_client *c, const struct xsd_sockmsg *hdr, const char *data)
{
	const char *end = data + hdr->len, *token, *rest;
	struct xb_watch *w;

	token = memchr(data, 0, hdr->len);
	rest = token ? memchr(token + 1, 0, end - token - 1) : NULL;
	if (!rest || rest + 1 != end)
		return xb_error(c, hdr, EINVAL);
	token++;
	w = watch_find(c, data, token);
	if (hdr->type == XS_UNWATCH) {
		if (!w)
			return xb_error(c, hdr, ENOENT);
		w->ending = true;
		if (!watch_call(c->xb, c, w, XS_UNWATCH, hdr->req_id))
			xb_error(c, hdr, ENOMEM);
		return;
	}
	if (w)
		return xb_error(c, hdr, EEXIST);
	if (strlen(token) > XB_TOKEN_MAX)
		return xb_error(c, hdr, E2BIG);
	w = watch_new(c, data, token);
	if (!w)
		return xb_error(c, hdr, ENOMEM);
	if (!watch_call(c->xb, c, w, XS_WATCH, hdr->req_id)) {
		xb_watch_free(w);
		xb_error(c, hdr, E2BIG);
	}
}

static struct xb_watch *watch_by_id(struct xenbus *xb, unsigned long id)
{
	struct xb_watch *w;

	for (w = LIST_FIRST(&xb->watches); w; w = LIST_NEXT(w, link))
		if (w->id == id)
			return w;
	return NULL;
}

/* An event: whose watch was it?  None of ours any more: drop it. */
static void watch_fired(struct xenbus *xb, const struct xsd_sockmsg *hdr, const char *data)
{
	char out[XENSTORE_PAYLOAD_MAX];
	const char *token = memchr(data, 0, hdr->len);
	struct xb_watch *w;
	unsigned long id;
	int n;

	if (!token || data[hdr->len - 1])
		return;
	id = strtoul(token + 1, NULL, 16);
	w = watch_by_id(xb, id);
	if (!w || !w->client)
		return;
	n = snprintf(out, sizeof(out), "%s%c%s", data, 0, w->token);
	if (n < 0 || (size_t)n >= sizeof(out))
		return;
	xb_reply(w->client, XS_WATCH_EVENT, hdr->req_id, hdr->tx_id, out, (size_t)n + 1);
}

/* -- both ways ---------------------------------------------------------- */

/* End all watches and transactions of @c. */
static void reset(struct xb_client *c)
{
	struct xenbus *xb = c->xb;
	struct xb_watch *w;
	struct xb_tx *t, *next;

	for (w = LIST_FIRST(&xb->watches); w; w = LIST_NEXT(w, link)) {
		if (w->client != c)
			continue;
		w->client = NULL;
		if (!w->ending)
			watch_call(xb, NULL, w, XS_UNWATCH, 0);
		w->ending = true;
	}
	for (t = LIST_FIRST(&c->txs); t; t = next) {
		next = LIST_NEXT(t, link);
		tx_abort(xb, t->id);
		free(t);
	}
	LIST_INIT(&c->txs);
}

void xb_request(struct xb_client *c, const struct xsd_sockmsg *hdr, const char *data)
{
	switch (hdr->type) {
	case XS_WATCH:
	case XS_UNWATCH:
		return watch(c, hdr, data);
	case XS_RESET_WATCHES:
		/* of this client: the others share the connection */
		reset(c);
		return xb_reply(c, hdr->type, hdr->req_id, 0, "OK", 3);
	}
	/* a transaction belongs to the client that started it */
	if (hdr->type != XS_TRANSACTION_START && hdr->tx_id && !tx_find(c, hdr->tx_id))
		return xb_error(c, hdr, ENOENT);
	if (hdr->type == XS_TRANSACTION_END)
		return tx_end(c, hdr, data);
	if (!xb_call(c->xb, c, hdr, data))
		xb_error(c, hdr, ENOMEM);
}

/* What an answer changes here; false: the client shall see ENOMEM. */
static bool settle(struct xenbus *xb, struct xb_call *call, uint32_t type, const char *data)
{
	struct xb_watch *w = call->watch;
	uint32_t id;

	switch (call->type) {
	case XS_TRANSACTION_START:
		id = (uint32_t)strtoul(data, NULL, 10);
		if (type == XS_ERROR || (call->client && tx_add(call->client, id)))
			return true;
		tx_abort(xb, id);
		return false;
	case XS_TRANSACTION_END:
		/* EINVAL: neither T nor F was said, it goes on */
		if (call->client && (type != XS_ERROR || strcmp(data, "EINVAL") != 0))
			tx_drop(call->client, call->tx);
		return true;
	case XS_WATCH:
		if (type == XS_ERROR && !w->ending)
			xb_watch_free(w);
		return true;
	case XS_UNWATCH:
		xb_watch_free(w);
		return true;
	}
	return true;
}

static struct xb_call *call_by_id(struct xenbus *xb, uint32_t id)
{
	struct xb_call *call;

	for (call = TAILQ_FIRST(&xb->calls); call; call = TAILQ_NEXT(call, link))
		if (call->id == id)
			return call;
	return NULL;
}

void xb_answer(struct xenbus *xb, const struct xsd_sockmsg *hdr, const char *data)
{
	struct xsd_sockmsg as;
	struct xb_call *call;
	char text[24] = "";

	if (hdr->type == XS_WATCH_EVENT)
		return watch_fired(xb, hdr, data);
	call = call_by_id(xb, hdr->req_id);
	if (!call)
		return;
	TAILQ_REMOVE(&xb->calls, call, link);
	xb->n_calls--;
	memcpy(text, data, hdr->len < sizeof(text) ? hdr->len : sizeof(text) - 1);
	as = *hdr;
	as.req_id = call->client_id;
	if (!settle(xb, call, hdr->type, text)) {
		if (call->client)
			xb_error(call->client, &as, ENOMEM);
	} else if (call->client && call->eagain) {
		xb_error(call->client, &as, EAGAIN);
	} else if (call->client) {
		xb_reply(call->client, hdr->type, as.req_id, hdr->tx_id, data, hdr->len);
	}
	free(call);
}

void xb_forget_client(struct xb_client *c)
{
	struct xb_call *call;

	TAILQ_FOREACH(call, &c->xb->calls, link)
		if (call->client == c)
			call->client = NULL;
	reset(c);
}
