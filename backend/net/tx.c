/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that a guest sends: off its ring, into our memory, to the ports
 * they are for.  A slot is copied once from the ring, and only the copy is
 * looked at.
 */
#include <stdlib.h>

#include "backend/index.h"
#include "backend/net/vif.h"

static const char broken_ring[] = "transmit ring: index out of range, or slots against the rules";

/* Slots up to `to` are there now: when each was first seen. */
static void see(struct vif *v, uint32_t to)
{
	uint64_t at = v->event_at;

	v->event_at = 0; /* what a later look finds came after the event */
	if (v->seen_to == to)
		return;
	if (!at)
		at = acctring_counter(v->net->lane);
	/* at most a ring's length: ring_available() has said so */
	for (; v->seen_to != to; v->seen_to++)
		v->seen_at[v->seen_to % TX_RING] = at;
}

/* Slots to take; -1: the guest's index breaks the ring. */
static int look(struct vif *v)
{
	const struct netif_tx_back_ring *r = &v->tx;
	uint32_t prod = xenbus_index(&r->sring->req_prod);
	int there;

	xen_rmb(); /* slots are read after the index that covers them */
	there = ring_available(prod, v->seen_to, r->req_cons, r->rsp_prod_pvt, RING_SIZE(r));
	if (there >= 0)
		see(v, prod);
	return there;
}

static void respond(struct vif *v, uint16_t id, int16_t status)
{
	struct netif_tx_response *r = RING_GET_RESPONSE(&v->tx, v->tx.rsp_prod_pvt);

	v->tx.rsp_prod_pvt++;
	r->id = id;
	r->status = status;
}

static void answer(struct vif *v, const struct tx_packet *p, int16_t status)
{
	unsigned int i;

	respond(v, p->id[0], status);
	for (i = 0; i < p->extras; i++)
		respond(v, 0, NETIF_RSP_NULL);
	for (i = 1; i < p->ids; i++)
		respond(v, p->id[i], status);
}

/* To the one port it is for, or to all others. */
static void switch_frame(struct vif *from, struct frame *f)
{
	struct net *net = from->net;
	struct fdb_port *to = NULL;
	struct vif *v;

	fdb_learn(&net->fdb, &from->fdb, f->data + 6);
	if (!fdb_is_group(f->data))
		to = fdb_find(&net->fdb, f->data);
	if (to) {
		if (to->owner != from)
			vif_queue(to->owner, f, ACCTRING_CLASS_RX);
		return;
	}
	LIST_FOREACH(v, &net->vifs, link)
		if (v != from && v->bound)
			vif_queue(v, f, ACCTRING_CLASS_BROADCAST);
}

/* The frame itself; NULL: it cannot be had. */
static struct frame *fetch(struct vif *v, const struct tx_packet *p, struct work *w)
{
	struct frame *f;

	if (p->bad)
		return NULL;
	f = malloc(sizeof(*f) + p->total);
	if (!f)
		return NULL;
	f->refs = 1;
	f->cause = v->d->payer.row;
	f->len = (uint16_t)p->total;
	f->blank = p->flags & NETTXF_csum_blank;
	f->valid = p->flags & NETTXF_data_validated;
	if (copy_from_guest(v, p, f->data, w))
		return f;
	free(f);
	return NULL;
}

/* One frame.  0: slots are missing yet; -1: broken. */
static int take_frame(struct vif *v, unsigned int there, uint8_t flags)
{
	struct acctring_cost c = { .units = 1, .klass = ACCTRING_CLASS_TX, .flags = flags };
	struct netif_tx_request copy;
	struct tx_packet p;
	struct work w;
	enum tx_fed fed = TX_MORE;
	unsigned int n = 0;
	struct frame *f;

	v->net->aside = 0;
	work_begin(v, &w);
	c.wait = vif_wait(v, v->seen_at[v->tx.req_cons % TX_RING], w.span.mark);
	tx_begin(&p);
	while (fed == TX_MORE && n < there) {
		RING_COPY_REQUEST(&v->tx, v->tx.req_cons + n, &copy);
		n++;
		fed = tx_feed(&p, &copy);
	}
	if (fed == TX_BROKEN)
		return -1;
	if (fed == TX_MORE) {
		v->fruitless += acctring_span_end(v->net->lane, &w.span);
		return 0;
	}
	v->tx.req_cons += n;
	f = fetch(v, &p, &w);
	if (f) {
		c.bytes = p.total;
		switch_frame(v, f);
		frame_put(f);
	} else {
		c.flags |= ACCTRING_F_FAILED;
	}
	answer(v, &p, f ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
	vif_post(v, &w, &c);
	v->net->aside = 0;
	return (int)n;
}

static void push(struct vif *v)
{
	int notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&v->tx, notify);
	vif_push(v, notify);
}

/* Asks for an event; slots that came in between, -1: broken. */
static int final_check(struct vif *v, int left)
{
	/* `left`: slots of a frame whose last ones are not there */
	v->tx.sring->req_event = v->tx.req_cons + (uint32_t)left + 1;
	xen_mb(); /* the guest sees our wish before we see its index */
	return look(v);
}

void vif_transmit(struct vif *v)
{
	int there = look(v), left = there, n = 0;
	unsigned int frames = 0;

	while (left > 0 && frames < TX_TURN) {
		v->blocked = !acctring_admit(v->net->lane, v->d->payer.row);
		if (v->blocked)
			break;
		n = take_frame(v, (unsigned int)left, frames ? 0 : ACCTRING_F_FIRST);
		if (n <= 0)
			break;
		left -= n;
		frames++;
	}
	if (frames) {
		v->worked = true;
		push(v);
	}
	if (there < 0 || n < 0) {
		v->broken = broken_ring;
		return;
	}
	if (v->blocked)
		return;
	if (!left || !n) {
		there = final_check(v, left);
		if (there < 0)
			v->broken = broken_ring;
		v->again |= there > left;
	} else {
		v->again = true;
	}
}
