/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest's half of a xenstore ring page.
 *
 * R0 (here, release of req_prod) pairs with xenstored's barrier after it read
 * req_prod; R1 (acquire of rsp_prod) with its barrier before it moved rsp_prod;
 * likewise for the consumer indices.  The page is written by xenstored and by
 * us only; even so an index that cannot be is answered by doing nothing.
 */
#include <string.h>

#include <event2/buffer.h>

#include "sandbox/broker/xenbus_impl.h"

static uint32_t min3(uint32_t a, uint32_t b, size_t c)
{
	uint32_t m = a < b ? a : b;

	return c < m ? (uint32_t)c : m;
}

/* Move what fits from the queue into the ring. */
bool xb_ring_send(struct xenbus *xb)
{
	struct xenstore_domain_interface *r = xb->ring;
	bool moved = false;

	for (;;) {
		uint32_t cons = __atomic_load_n(&r->req_cons, __ATOMIC_ACQUIRE);
		uint32_t prod = __atomic_load_n(&r->req_prod, __ATOMIC_RELAXED);
		uint32_t room, off = MASK_XENSTORE_IDX(prod), n;

		if (prod - cons > XENSTORE_RING_SIZE)
			return moved;
		room = XENSTORE_RING_SIZE - (prod - cons);
		n = min3(room, XENSTORE_RING_SIZE - off, evbuffer_get_length(xb->out));
		if (!n)
			return moved;
		evbuffer_remove(xb->out, r->req + off, n);
		__atomic_store_n(&r->req_prod, prod + n, __ATOMIC_RELEASE);
		moved = true;
	}
}

/* Take up to @len bytes; 0 when the ring is empty. */
size_t xb_ring_recv(struct xenbus *xb, void *buf, size_t len)
{
	struct xenstore_domain_interface *r = xb->ring;
	uint32_t prod = __atomic_load_n(&r->rsp_prod, __ATOMIC_ACQUIRE);
	uint32_t cons = __atomic_load_n(&r->rsp_cons, __ATOMIC_RELAXED);
	uint32_t off = MASK_XENSTORE_IDX(cons), n;

	if (prod - cons > XENSTORE_RING_SIZE)
		return 0;
	n = min3(prod - cons, XENSTORE_RING_SIZE - off, len);
	memcpy(buf, r->rsp + off, n);
	__atomic_store_n(&r->rsp_cons, cons + n, __ATOMIC_RELEASE);
	return n;
}
