/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames for a guest, copied a batch at a time into the buffers that it has
 * posted.
 */
#include <string.h>

#include "backend/index.h"
#include "backend/net/rxframe.h"

/* A frame on its way into buffers. */
struct given {
	struct frame *f;
	bool put; /* a reference that is to be given back */
	unsigned int parts, piece;
	uint16_t id[RX_PARTS];
	struct meter_entry *e;
};

struct batch {
	struct given frame[RX_BATCH];
	unsigned int n, pieces;
	uint32_t bytes;
	int there; /* buffers */
	unsigned int looks;
	unsigned int tries; /* of frames, given or not */
	bool starved; /* frames are there, and no buffers */
};

/* Buffers that the guest has posted; -1: its index breaks the ring. */
static int buffers(struct queue *q)
{
	const struct netif_rx_back_ring *r = &q->rx;
	uint32_t prod = xenbus_index(&r->sring->req_prod);
	int there;

	xen_rmb(); /* buffers are read after the index that covers them */
	there = ring_available(prod, q->rx_seen, r->req_cons, r->rsp_prod_pvt, RING_SIZE(r));
	if (there < 0)
		queue_broke(q, "receive ring: index out of range");
	else
		q->rx_seen = prod;
	return there;
}

/* Asks for an event when there are more buffers than now, and looks again. */
static int more_buffers(struct queue *q, int have)
{
	q->rx.sring->req_event = q->rx.req_cons + (uint32_t)have + 1;
	xen_mb(); /* the guest sees our wish before we see its index */
	return buffers(q);
}

/*
 * Until `parts` buffers are there, as long as each look finds more, and in
 * all no more than b->looks looks: a guest that adds one and one does not keep
 * us.  True: they are there.
 */
static bool enough_buffers(struct queue *q, struct batch *b, int parts)
{
	int had;

	while (b->there < parts) {
		if (!b->looks) {
			q->again = true;
			return false;
		}
		b->looks--;
		had = b->there;
		b->there = more_buffers(q, had);
		if (b->there <= had) { /* none: an event will come; or broken */
			b->starved = true;
			return false;
		}
	}
	return true;
}

static struct netif_rx_response *response(struct queue *q)
{
	return RING_GET_RESPONSE(&q->rx, q->rx.rsp_prod_pvt++);
}

static void respond_extra(struct queue *q, const struct frame *f)
{
	struct netif_extra_info e;

	memset(&e, 0, sizeof(e));
	e.type = XEN_NETIF_EXTRA_TYPE_GSO;
	e.u.gso.type = f->off.gso;
	e.u.gso.size = f->off.size;
	memcpy(response(q), &e, sizeof(e));
}

/* The answers of one frame, in the order of its buffers. */
static void respond(struct queue *q, const struct given *g, bool ok)
{
	const struct offload *o = &g->f->off;
	uint32_t left = g->f->len, size;
	uint16_t flags = 0;
	unsigned int i;

	/* blank implies valid: the data never left this host */
	if (o->blank)
		flags |= NETRXF_csum_blank;
	if (o->blank || o->valid)
		flags |= NETRXF_data_validated;
	if (o->gso)
		flags |= NETRXF_extra_info;
	for (i = 0; i < g->parts; i++) {
		struct netif_rx_response *r;

		if (o->gso && i == 1) {
			respond_extra(q, g->f);
			continue;
		}
		r = response(q);
		size = left < XENBUS_PAGE ? left : XENBUS_PAGE;
		left -= size;
		r->id = g->id[i];
		r->offset = 0;
		r->flags = flags | (left ? NETRXF_more_data : 0);
		r->status = ok ? (int16_t)size : NETIF_RSP_ERROR;
		flags = 0;
	}
}

static int parts_of(const struct frame *f)
{
	return (int)((f->len + XENBUS_PAGE - 1) / XENBUS_PAGE + (f->off.gso ? 1 : 0));
}

/* ---- a batch ---- */

/* Takes the buffers for a frame. */
static void take_buffers(struct queue *q, struct batch *b, struct given *g)
{
	uint32_t left = g->f->len, size;
	uint8_t *at = g->f->data;
	struct netif_rx_request copy;
	unsigned int i;

	g->piece = b->pieces;
	for (i = 0; i < g->parts; i++) {
		RING_COPY_REQUEST(&q->rx, q->rx.req_cons, &copy);
		q->rx.req_cons++;
		g->id[i] = copy.id;
		if (g->f->off.gso && i == 1)
			continue; /* its place is for the extra information */
		size = left < XENBUS_PAGE ? left : XENBUS_PAGE;
		q->w->piece[b->pieces++] =
			(struct piece){ .ref = copy.gref, .size = (uint16_t)size, .local = at };
		at += size;
		left -= size;
	}
	b->there -= (int)g->parts;
	b->bytes += g->f->len;
}

static struct meter_entry *add_entry(struct queue *q, const struct batch *b, const struct queued *k,
				     uint64_t from)
{
	struct meter_entry *e = meter_add(&q->w->meter, vif_payer(q->v), k->klass);

	e->c.wait = wait_ns(q->w->lane, k->at, from);
	e->c.cause = k->f->cause;
	e->c.bytes = k->f->len;
	e->c.ns = k->f->ns;
	e->c.flags = b->n ? 0 : ACCTRING_F_FIRST;
	return e;
}

/* k->f is the next frame; false: it cannot be given now. */
static bool give(struct queue *q, struct batch *b, enum source from, struct queued *k)
{
	struct meter *m = &q->w->meter;
	struct given *g = &b->frame[b->n];
	uint64_t began = m->mark;
	size_t head;

	if (!enough_buffers(q, b, parts_of(k->f))) {
		if (from == FROM_TAP)
			rx_keep(q, k->f);
		return false;
	}
	g->e = add_entry(q, b, k, began);
	g->put = from == FROM_FIFO;
	if (from == FROM_FIFO)
		queue_pop(q);
	else if (from == FROM_CUT)
		rx_end_cut(q);
	g->f = rx_fit_checksum(q->v, k->f, worker_frame(q->w, b->n));
	if (g->f != k->f && g->put) {
		frame_put(k->f);
		g->put = false;
	}
	if (g->f) {
		g->parts = (unsigned int)parts_of(g->f);
		g->e->c.units = gso_segments(g->f->data, g->f->len, &g->f->off, &head);
		if (!g->e->c.units) /* the kernel's may be more than we would cut */
			g->e->c.units = 1;
		take_buffers(q, b, g);
		b->n++;
	} else {
		g->e->c.klass = ACCTRING_CLASS_DROP;
	}
	meter_work(m, g->e, meter_lap(m));
	return true;
}

/* The next frame, if any; false: the batch is over. */
static bool give_next(struct queue *q, struct batch *b)
{
	struct queued k = { .klass = ACCTRING_CLASS_RX };
	enum source from = rx_source(q, &k);

	if (from == FROM_NOWHERE)
		return false;
	if (!queue_admitted(q)) {
		q->later = q->denied = true;
		return false;
	}
	if (from == FROM_TAP) {
		k.f = rx_read_tap(q, worker_frame(q->w, b->n));
		k.at = q->w->meter.mark;
		if (!k.f || !k.f->len)
			return k.f;
		if (!q->v->sg && k.f->len > XENBUS_PAGE) {
			post_drop(q, k.f, meter_lap(&q->w->meter), q->w);
			return true;
		}
		if (vif_must_cut(q->v, k.f)) { /* was sent before the kernel was told */
			rx_keep(q, k.f);
			return true;
		}
	} else if (from == FROM_FIFO && vif_must_cut(q->v, k.f)) {
		rx_begin_cut(q, &k);
		return true;
	} else if (from == FROM_CUT) {
		k.f = rx_cut(q, worker_frame(q->w, b->n));
	}
	return give(q, b, from, &k);
}

/* What the copies cost is divided by what each frame had of them. */
static void copy_all(struct queue *q, struct batch *b)
{
	struct worker *w = q->w;
	uint64_t cycles, all = b->bytes + 1024u * b->pieces;
	unsigned int i, k;

	copy_pieces(w, q->v->d->domid, b->pieces, true);
	cycles = meter_lap(&w->meter);
	for (i = 0; i < b->n; i++) {
		struct given *g = &b->frame[i];
		unsigned int end = i + 1 < b->n ? b->frame[i + 1].piece : b->pieces;
		bool ok = true;

		for (k = g->piece; k < end; k++)
			ok &= w->piece[k].ok;
		respond(q, g, ok);
		if (!ok) {
			g->e->c.klass = ACCTRING_CLASS_DROP;
			g->e->c.flags |= ACCTRING_F_FAILED;
		}
		meter_work(&w->meter, g->e,
			   cycles * (g->f->len + 1024u * (end - g->piece)) / (all ? all : 1));
		if (g->put)
			frame_put(g->f);
		meter_work(&w->meter, g->e, meter_lap(&w->meter));
	}
}

void queue_receive(struct queue *q)
{
	struct batch b;
	int notify;

	b.n = b.pieces = b.bytes = 0;
	b.starved = false;
	b.looks = RX_LOOKS;
	b.there = buffers(q);
	if (b.there < 0)
		return;
	for (b.tries = 0; b.tries < RX_BATCH && b.bytes < BATCH_BYTES && give_next(q, &b);)
		b.tries++;
	if (b.n) {
		copy_all(q, &b);
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->rx, notify);
		if (notify)
			xenevtchn_notify(q->w->xce, q->port[PORT_RX]);
	}
	if (b.tries == RX_BATCH || b.bytes >= BATCH_BYTES)
		q->again = true;
	if (!b.starved || q->v->rx_notify || q->again)
		return;
	/* it would not tell us when it has buffers */
	if (q->tap >= 0)
		q->later = true;
	else
		q->later |= !queue_flush(q);
}

bool queue_flush(struct queue *q)
{
	unsigned int left = queue_waiting(q);
	struct meter *m = &q->w->meter;
	struct queued k;

	meter_lap(m);
	if (q->cut.f) {
		post_drop(q, q->cut.f, meter_lap(m), q->w);
		frame_put(q->cut.f);
		q->cut.f = NULL;
	}
	for (; left && queue_peek(q, &k); left--) {
		queue_pop(q);
		post_drop(q, k.f, meter_lap(m), q->w);
		frame_put(k.f);
	}
	return !queue_waiting(q);
}
