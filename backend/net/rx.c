/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames for a guest: queued up to a bound, copied into the buffers that
 * it has posted.  What exceeds the bound is dropped, and the drop is billed
 * with its cause.
 */
#include <stdlib.h>

#include "backend/index.h"
#include "backend/net/csum.h"
#include "backend/net/vif.h"

void frame_put(struct frame *f)
{
	if (!--f->refs)
		free(f);
}

/* The work on a frame that this guest did not get. */
static void post_drop(struct vif *v, const struct frame *f, struct work *w)
{
	struct acctring_cost c = {
		.units = 1,
		.bytes = f->len,
		.cause = f->cause,
		.klass = ACCTRING_CLASS_DROP,
	};
	uint64_t aside = v->net->aside;

	v->net->aside = 0;
	vif_post(v, w, &c);
	v->net->aside = aside + c.ns;
}

void vif_queue(struct vif *v, struct frame *f, uint8_t klass)
{
	struct work w;
	struct queued *q;

	work_begin(v, &w);
	if (v->queued == QUEUE_FRAMES || v->queued_bytes + f->len > QUEUE_BYTES ||
	    (!v->sg && f->len > XENBUS_PAGE)) {
		post_drop(v, f, &w);
		return;
	}
	q = &v->queue[(v->head + v->queued) % QUEUE_FRAMES];
	q->f = f;
	q->at = w.span.mark;
	q->klass = klass;
	f->refs++;
	v->queued++;
	v->queued_bytes += f->len;
}

static struct queued dequeue(struct vif *v)
{
	struct queued q = v->queue[v->head];

	v->head = (v->head + 1) % QUEUE_FRAMES;
	v->queued--;
	v->queued_bytes -= q.f->len;
	return q;
}

void vif_flush(struct vif *v)
{
	struct work w;
	struct queued q;

	while (v->queued) {
		work_begin(v, &w);
		q = dequeue(v);
		post_drop(v, q.f, &w);
		frame_put(q.f);
	}
}

/* Buffers that the guest has posted; -1: its index breaks the ring. */
static int buffers(struct vif *v)
{
	const struct netif_rx_back_ring *r = &v->rx;
	uint32_t prod = xenbus_index(&r->sring->req_prod);
	int there;

	xen_rmb(); /* buffers are read after the index that covers them */
	there = ring_available(prod, v->rx_seen, r->req_cons, r->rsp_prod_pvt, RING_SIZE(r));
	if (there < 0)
		v->broken = "receive ring: index out of range";
	else
		v->rx_seen = prod;
	return there;
}

static void respond(struct vif *v, uint16_t id, uint16_t flags, int16_t status)
{
	struct netif_rx_response *r = RING_GET_RESPONSE(&v->rx, v->rx.rsp_prod_pvt);

	v->rx.rsp_prod_pvt++;
	r->id = id;
	r->offset = 0;
	r->flags = flags;
	r->status = status;
}

/* The checksum as this guest takes it; false: there is no way. */
static bool fit_checksum(struct vif *v, struct frame *f)
{
	if (!f->blank || (csum_is_ipv6(f->data, f->len) ? v->blank6 : v->blank4))
		return true;
	/* whoever else has this frame queued can have it so, too */
	if (!csum_fill(f->data, f->len))
		return false;
	f->blank = false;
	f->valid = true;
	return true;
}

/* Copies a frame into `parts` buffers and answers them. */
static bool fill_buffers(struct vif *v, const struct frame *f, unsigned int parts, struct work *w)
{
	struct netif_rx_request copy;
	struct tx_part part[TX_PARTS];
	uint16_t id[TX_PARTS], flags;
	uint32_t left = f->len;
	unsigned int i;
	bool ok;

	for (i = 0; i < parts; i++) {
		RING_COPY_REQUEST(&v->rx, v->rx.req_cons, &copy);
		v->rx.req_cons++;
		id[i] = copy.id;
		part[i].ref = copy.gref;
		part[i].offset = 0;
		part[i].size = (uint16_t)(left < XENBUS_PAGE ? left : XENBUS_PAGE);
		left -= part[i].size;
	}
	ok = copy_to_guest(v, f->data, part, parts, w);
	for (i = 0; i < parts; i++) {
		flags = i + 1 < parts ? NETRXF_more_data : 0;
		/* blank implies valid: the data never left this host */
		if (!i && f->blank)
			flags |= NETRXF_csum_blank | NETRXF_data_validated;
		else if (!i && f->valid)
			flags |= NETRXF_data_validated;
		respond(v, id[i], flags, ok ? (int16_t)part[i].size : NETIF_RSP_ERROR);
	}
	return ok;
}

static void give_frame(struct vif *v, unsigned int parts, uint8_t flags)
{
	struct acctring_cost c = { .units = 1, .flags = flags };
	struct work w;
	struct queued q;

	work_begin(v, &w);
	q = dequeue(v);
	c.wait = vif_wait(v, q.at, w.span.mark);
	c.cause = q.f->cause;
	c.bytes = q.f->len;
	c.klass = q.klass;
	if (!fit_checksum(v, q.f)) {
		c.klass = ACCTRING_CLASS_DROP;
	} else if (!fill_buffers(v, q.f, parts, &w)) {
		c.klass = ACCTRING_CLASS_DROP;
		c.flags |= ACCTRING_F_FAILED;
	}
	frame_put(q.f);
	vif_post(v, &w, &c);
}

/* Asks for an event when there are more buffers than now, and looks again. */
static int more_buffers(struct vif *v, int have)
{
	v->rx.sring->req_event = v->rx.req_cons + (uint32_t)have + 1;
	xen_mb(); /* the guest sees our wish before we see its index */
	return buffers(v);
}

/*
 * Until `parts` buffers are there, as long as each look finds more, and in
 * all no more than *looks looks: a guest that adds one and one does not keep
 * us.  True: they are there.
 */
static bool enough_buffers(struct vif *v, int parts, int *there, unsigned int *looks)
{
	int had;

	while (*there < parts) {
		if (!*looks) {
			v->again = true;
			return false;
		}
		--*looks;
		had = *there;
		*there = more_buffers(v, had);
		if (*there <= had) /* none: an event will come; or broken */
			return false;
	}
	return true;
}

void vif_receive(struct vif *v)
{
	unsigned int given = 0, looks = RX_LOOKS, parts;
	int there = buffers(v), notify;

	while (v->queued && given < RX_TURN && !v->broken) {
		parts = (v->queue[v->head].f->len + XENBUS_PAGE - 1) / XENBUS_PAGE;
		if (!enough_buffers(v, (int)parts, &there, &looks))
			break;
		v->blocked |= !acctring_admit(v->net->lane, v->d->payer.row);
		if (v->blocked)
			break;
		give_frame(v, parts, given ? 0 : ACCTRING_F_FIRST);
		there -= (int)parts;
		given++;
	}
	if (given) {
		v->worked = true;
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&v->rx, notify);
		vif_push(v, notify);
	}
	if (v->queued && given == RX_TURN)
		v->again = true;
	if (v->queued && !v->rx_notify && !v->again)
		vif_flush(v); /* it would not tell us when it has buffers */
}
