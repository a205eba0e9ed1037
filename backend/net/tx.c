/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that a guest sends: off its ring, into our memory, to its TAP or to
 * the ports they are for.  A slot is copied once from the ring, and only the
 * copy is looked at.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "backend/index.h"
#include "backend/net/net.h"
#include "backend/net/vnet.h"

static const char broken_ring[] = "transmit ring: index out of range, or slots against the rules";

struct taken {
	struct tx_packet p;
	struct frame *f; /* NULL: no frame of it */
	unsigned int piece; /* its first one */
	struct meter_entry *e;
};

struct batch {
	struct taken frame[TX_BATCH];
	struct frame *out[TX_BATCH];
	unsigned int n, pieces;
	uint32_t bytes;
};

/* Slots up to `to` are there now: when each was first seen. */
static void see(struct queue *q, uint32_t to)
{
	uint64_t at = q->event_at;

	q->event_at = 0; /* what a later look finds came after the event */
	if (q->seen_to == to)
		return;
	if (!at)
		at = acctring_counter(q->w->lane);
	/* at most a ring's length: ring_available() has said so */
	for (; q->seen_to != to; q->seen_to++)
		q->seen_at[q->seen_to % TX_RING] = at;
}

/* Slots to take; -1: the guest's index breaks the ring. */
static int look(struct queue *q)
{
	const struct netif_tx_back_ring *r = &q->tx;
	uint32_t prod = xenbus_index(&r->sring->req_prod);
	int there;

	xen_rmb(); /* slots are read after the index that covers them */
	there = ring_available(prod, q->seen_to, r->req_cons, r->rsp_prod_pvt, RING_SIZE(r));
	if (there >= 0)
		see(q, prod);
	return there;
}

static void respond(struct queue *q, uint16_t id, int16_t status)
{
	struct netif_tx_response *r = RING_GET_RESPONSE(&q->tx, q->tx.rsp_prod_pvt);

	q->tx.rsp_prod_pvt++;
	r->id = id;
	r->status = status;
}

static void answer(struct queue *q, const struct tx_packet *p, int16_t status)
{
	unsigned int i;

	respond(q, p->id[0], status);
	for (i = 0; i < p->extras; i++)
		respond(q, 0, NETIF_RSP_NULL);
	for (i = 1; i < p->ids; i++)
		respond(q, p->id[i], status);
}

/* Memory for the frame, and its pieces to be copied. */
static void want_data(struct queue *q, struct batch *b, struct taken *t)
{
	struct worker *w = q->w;
	const struct tx_packet *p = &t->p;
	uint8_t *at;
	unsigned int i;

	if (p->bad)
		return;
	/* what is switched may wait for its receiver; what goes to the TAP is gone at once */
	t->f = q->tap >= 0 ? worker_frame(w, b->n) : frame_new(p->total);
	if (!t->f)
		return;
	*t->f = (struct frame){ .refs = 1, .len = p->total, .cause = vif_payer(q->v)->row };
	at = t->f->data;
	t->piece = b->pieces;
	for (i = 0; i < p->parts; i++) {
		w->piece[b->pieces++] = (struct piece){ .ref = p->part[i].ref,
							.offset = p->part[i].offset,
							.size = p->part[i].size,
							.local = at };
		at += p->part[i].size;
	}
	b->bytes += p->total;
}

/* The slots of one frame.  Returns how many; 0: some are missing yet; -1: broken. */
static int take_frame(struct queue *q, struct batch *b, unsigned int there)
{
	struct meter *m = &q->w->meter;
	struct taken *t = &b->frame[b->n];
	struct netif_tx_request copy;
	enum tx_fed fed = TX_MORE;
	uint64_t from = m->mark;
	unsigned int n = 0;

	tx_begin(&t->p);
	while (fed == TX_MORE && n < there) {
		RING_COPY_REQUEST(&q->tx, q->tx.req_cons + n, &copy);
		n++;
		fed = tx_feed(&t->p, &copy);
	}
	if (fed != TX_DONE)
		return fed == TX_BROKEN ? -1 : 0;
	t->f = NULL;
	t->e = meter_add(m, vif_payer(q->v), ACCTRING_CLASS_TX);
	t->e->c.wait = wait_ns(q->w->lane, q->seen_at[q->tx.req_cons % TX_RING], from);
	t->e->c.flags = b->n ? 0 : ACCTRING_F_FIRST;
	q->tx.req_cons += n;
	want_data(q, b, t);
	b->n++;
	meter_work(m, t->e, meter_lap(m));
	return (int)n;
}

static void give_up(struct queue *q, struct taken *t)
{
	if (t->f && q->tap < 0)
		frame_put(t->f);
	t->f = NULL;
}

/* Is the frame what its sender says of it?  Its units: frames on the wire. */
static bool judge(struct taken *t)
{
	const struct tx_packet *p = &t->p;
	struct frame *f = t->f;
	struct transport where;
	size_t head;

	f->off = (struct offload){ .blank = p->flags & NETTXF_csum_blank,
				   .valid = p->flags & NETTXF_data_validated,
				   .gso = p->gso,
				   .size = p->gso_size };
	t->e->c.units = gso_segments(f->data, f->len, &f->off, &head);
	if (!t->e->c.units) {
		t->e->c.units = 1;
		return false;
	}
	if (!f->off.gso && !f->off.blank)
		return true;
	if (!transport_find(f->data, f->len, &where))
		return false;
	if (!f->off.blank) /* it will be cut: what sum it has is of no use */
		csum_blank(f->data, &where);
	f->off.blank = true;
	return true;
}

/* What the copies cost is divided by what each frame had of them. */
static void copy_all(struct queue *q, struct batch *b)
{
	struct worker *w = q->w;
	uint64_t cycles, all = b->bytes + 1024u * b->pieces;
	unsigned int i, k;

	copy_pieces(w, q->v->d->domid, b->pieces, false);
	cycles = meter_lap(&w->meter);
	for (i = 0; i < b->n; i++) {
		struct taken *t = &b->frame[i];
		bool ok = true;

		if (!t->f)
			continue;
		meter_work(&w->meter, t->e,
			   cycles * (t->p.total + 1024u * t->p.parts) / (all ? all : 1));
		for (k = 0; k < t->p.parts; k++)
			ok &= w->piece[t->piece + k].ok;
		if (!ok || !judge(t))
			give_up(q, t);
		meter_work(&w->meter, t->e, meter_lap(&w->meter));
	}
}

/* False: it did not get there, as on any network. */
static bool write_tap(struct queue *q, struct frame *f)
{
	struct virtio_net_hdr h;
	struct iovec iov[2] = { { &h, sizeof(h) }, { f->data, f->len } };

	return vnet_header(f->data, f->len, &f->off, &h) && writev(q->tap, iov, 2) > 0;
}

static void send_all(struct queue *q, struct batch *b)
{
	struct worker *w = q->w;
	unsigned int i;

	for (i = 0; i < b->n; i++)
		b->out[i] = b->frame[i].f;
	if (q->tap < 0)
		switch_begin(q->v, b->out, b->n);
	for (i = 0; i < b->n; i++) {
		struct taken *t = &b->frame[i];

		if (t->f) {
			t->e->c.bytes = t->p.total;
			if (q->tap < 0)
				switch_frame(q->v, t->f, w);
			else if (!write_tap(q, t->f))
				t->e->c.flags |= ACCTRING_F_FAILED;
		} else {
			t->e->c.flags |= ACCTRING_F_FAILED;
		}
		answer(q, &t->p, t->f ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
		give_up(q, t);
		meter_work(&w->meter, t->e, meter_lap(&w->meter));
	}
	if (q->tap < 0)
		switch_end(q->v->net);
}

static void push(struct queue *q)
{
	int notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&q->tx, notify);
	if (notify)
		xenevtchn_notify(q->w->xce, q->port[PORT_TX]);
}

/* Asks for an event; slots that came in between, -1: broken. */
static int final_check(struct queue *q, int left)
{
	/* `left`: slots of a frame whose last ones are not there */
	q->tx.sring->req_event = q->tx.req_cons + (uint32_t)left + 1;
	xen_mb(); /* the guest sees our wish before we see its index */
	return look(q);
}

/* Takes frames until there is no more, no room, or no allowance: true. */
static bool take_all(struct queue *q, struct batch *b, int *left, int *n)
{
	while (*left > 0 && b->n < TX_BATCH && b->bytes < BATCH_BYTES) {
		if (!queue_admitted(q))
			return true;
		*n = take_frame(q, b, (unsigned int)*left);
		if (*n <= 0)
			return false;
		*left -= *n;
	}
	return false;
}

void queue_transmit(struct queue *q)
{
	int there = look(q), left = there, n = 1;
	struct batch b;
	bool blocked;

	b.n = b.pieces = b.bytes = 0;
	blocked = take_all(q, &b, &left, &n);
	if (b.n) {
		copy_all(q, &b);
		send_all(q, &b);
		push(q);
	}
	q->later |= blocked;
	q->denied |= blocked;
	if (there < 0 || n < 0) {
		queue_broke(q, broken_ring);
	} else if (!blocked && (!left || !n)) {
		there = final_check(q, left);
		if (there < 0)
			queue_broke(q, broken_ring);
		q->again |= there > left;
	} else {
		q->again |= !blocked;
	}
}
