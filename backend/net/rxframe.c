/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The next frame for a guest: read from the TAP, taken from those that wait,
 * or cut from one that is larger than the guest takes.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "backend/net/rxframe.h"
#include "backend/net/vnet.h"

/* Frames are there, or may be. */
enum source rx_source(struct queue *q, struct queued *k)
{
	if (q->cut.f) {
		*k = q->cut;
		return FROM_CUT;
	}
	if (queue_peek(q, k))
		return FROM_FIFO;
	return q->tap_ready ? FROM_TAP : FROM_NOWHERE;
}

/* A frame of the TAP's, into the arena; NULL: none is there. */
struct frame *rx_read_tap(struct queue *q, struct frame *f)
{
	struct virtio_net_hdr h;
	struct iovec iov[2] = { { &h, sizeof(h) }, { f->data, FRAME_MAX } };
	ssize_t n = readv(q->tap, iov, 2);

	if (n < 0) {
		q->tap_ready = errno == EINTR;
		return NULL;
	}
	*f = (struct frame){ .refs = 1 };
	if (n > (ssize_t)sizeof(h))
		f->len = (uint32_t)n - (uint32_t)sizeof(h);
	if (f->len < TX_MIN || !vnet_offload(&h, f->data, f->len, &f->off))
		f->len = 0; /* the kernel makes no such */
	return f;
}

/* From the TAP, and to be kept until buffers are there. */
void rx_keep(struct queue *q, const struct frame *f)
{
	struct frame *copy = frame_new(f->len);
	struct meter *m = &q->w->meter;

	if (copy) {
		copy->off = f->off;
		memcpy(copy->data, f->data, f->len);
		copy->ns = acctring_ns(m->lane, meter_lap(m));
		m->aside += copy->ns; /* it will be in its record */
		queue_put(q, copy, ACCTRING_CLASS_RX, q->w);
		frame_put(copy);
	} else {
		post_drop(q, f, meter_lap(m), q->w);
	}
}

void rx_begin_cut(struct queue *q, const struct queued *k)
{
	struct frame *f = k->f;

	queue_pop(q);
	q->cut_next = 0;
	q->cut_all = gso_segments(f->data, f->len, &f->off, &q->cut_head);
	/* the kernel's may be none of ours; and without scatter-gather a segment has one page */
	if (!q->cut_all || (!q->v->sg && gso_longest(f->len, &f->off, q->cut_head) > XENBUS_PAGE)) {
		post_drop(q, f, meter_lap(&q->w->meter), q->w);
		frame_put(f);
		return;
	}
	q->cut = *k;
}

/* The next segment, into the arena. */
struct frame *rx_cut(struct queue *q, struct frame *f)
{
	const struct frame *whole = q->cut.f;
	bool blank = whole->off.gso == XEN_NETIF_GSO_TYPE_TCPV6 ? q->v->blank6 : q->v->blank4;

	*f = (struct frame){ .refs = 1, .ns = whole->ns, .cause = whole->cause };
	f->len = (uint32_t)gso_segment(whole->data, whole->len, &whole->off, q->cut_head,
				       q->cut_next, f->data, !blank);
	f->off.blank = blank;
	f->off.valid = true;
	return f;
}

void rx_end_cut(struct queue *q)
{
	/* the first segment has it; a frame that others have, too, has none */
	if (q->cut.f->ns)
		q->cut.f->ns = 0;
	if (++q->cut_next < q->cut_all)
		return;
	frame_put(q->cut.f);
	q->cut.f = NULL;
}

/* The checksum as this guest takes it, perhaps in a copy; NULL: there is no way. */
struct frame *rx_fit_checksum(struct vif *v, struct frame *f, struct frame *copy)
{
	if (!f->off.blank || (csum_is_ipv6(f->data, f->len) ? v->blank6 : v->blank4))
		return f;
	if (__atomic_load_n(&f->refs, __ATOMIC_ACQUIRE) > 1) {
		*copy = (struct frame){
			.refs = 1, .len = f->len, .ns = f->ns, .off = f->off, .cause = f->cause
		};
		memcpy(copy->data, f->data, f->len);
		f = copy;
	}
	if (!csum_fill(f->data, f->len))
		return NULL;
	f->off.blank = false;
	f->off.valid = true;
	return f;
}
