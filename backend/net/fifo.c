/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that wait for a guest: up to a bound, and then they are dropped and
 * the drop is billed with its cause.
 */
#include <stdlib.h>

#include "backend/net/worker.h"

struct frame *frame_new(uint32_t len)
{
	struct frame *f = malloc(sizeof(*f) + len);

	if (!f)
		return NULL;
	*f = (struct frame){ .refs = 1, .len = len };
	return f;
}

void frame_put(struct frame *f)
{
	if (!__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
		free(f);
}

bool vif_must_cut(const struct vif *v, const struct frame *f)
{
	switch (f->off.gso) {
	case XEN_NETIF_GSO_TYPE_TCPV4:
		return !v->gso4;
	case XEN_NETIF_GSO_TYPE_TCPV6:
		return !v->gso6;
	default:
		return false;
	}
}

void post_drop(struct queue *q, const struct frame *f, uint64_t cycles, struct worker *by)
{
	struct acctring_cost c = {
		.units = 1,
		.ns = f->ns,
		.bytes = f->len,
		.cause = f->cause,
		.klass = ACCTRING_CLASS_DROP,
	};

	meter_post(&by->meter, vif_payer(q->v), &c, cycles);
}

/* Without scatter-gather a frame has one page. */
static bool too_large(const struct vif *v, const struct frame *f)
{
	return !v->sg && f->len > XENBUS_PAGE && !vif_must_cut(v, f);
}

static bool put(struct fifo *k, struct frame *f, uint8_t klass, uint64_t at)
{
	if (k->n == FIFO_FRAMES || k->bytes + f->len > FIFO_BYTES)
		return false;
	k->slot[(k->head + k->n) % FIFO_FRAMES] = (struct queued){ f, at, klass };
	k->n++;
	k->bytes += f->len;
	return true;
}

void queue_put(struct queue *q, struct frame *f, uint8_t klass, struct worker *by)
{
	struct meter *m = &by->meter;
	uint64_t sender = meter_lap(m); /* up to here it was the sender's work */
	bool ok = !too_large(q->v, f), first;

	__atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&q->lock);
	first = !q->fifo.n;
	ok = ok && put(&q->fifo, f, klass, m->mark);
	pthread_mutex_unlock(&q->lock);
	if (!ok) {
		post_drop(q, f, meter_lap(m), by);
		frame_put(f);
	} else if (by == q->w) {
		queue_ready(q);
	} else if (first) {
		queue_poke(q, WANT_NOTHING);
	}
	m->mark -= sender; /* its lap goes on */
}

bool queue_peek(struct queue *q, struct queued *out)
{
	bool any;

	pthread_mutex_lock(&q->lock);
	any = q->fifo.n;
	if (any)
		*out = q->fifo.slot[q->fifo.head];
	pthread_mutex_unlock(&q->lock);
	return any;
}

unsigned int queue_waiting(struct queue *q)
{
	unsigned int n;

	pthread_mutex_lock(&q->lock);
	n = q->fifo.n;
	pthread_mutex_unlock(&q->lock);
	return n;
}

void queue_pop(struct queue *q)
{
	struct fifo *k = &q->fifo;

	pthread_mutex_lock(&q->lock);
	k->bytes -= k->slot[k->head].f->len;
	k->head = (k->head + 1) % FIFO_FRAMES;
	k->n--;
	pthread_mutex_unlock(&q->lock);
}
