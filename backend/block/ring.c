/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ring of a disk.  Everything in the shared page is the frontend's to
 * change at any moment: an index is loaded once and checked, a request is
 * copied once and the copy is checked and used.
 */
#include "backend/block/vbd.h"
#include "backend/cpu.h"
#include "backend/index.h"

/*
 * The grant device and the file may make us wait, for others too: what was
 * burned meanwhile is measured by the thread's CPU clock, outside the span.
 */
static int16_t do_request(struct vbd *v, const struct request *r, struct acctring_span *span,
			  uint64_t *ns)
{
	uint64_t from;
	int16_t status;

	acctring_span_pause(v->lane, span);
	from = cpu_ns();
	status = vbd_do_request(v, r);
	*ns = cpu_ns() - from;
	acctring_span_resume(v->lane, span);
	return status;
}

/* One request, from the copy to the response; then its record. */
static void serve_one(struct vbd *v, uint8_t flags)
{
	struct blkif_request copy;
	struct blkif_response *rsp;
	struct acctring_span span;
	struct request r;
	struct acctring_cost c = { .units = 1, .flags = flags };
	uint64_t wait, ns = 0;
	int16_t status;

	acctring_span_begin(v->lane, &span);
	wait = span.mark - v->seen_at[v->ring.req_cons % VBD_RING];
	wait = acctring_ns(v->lane, wait);
	RING_COPY_REQUEST(&v->ring, v->ring.req_cons, &copy);
	v->ring.req_cons++;
	status = check_request(&copy, &v->disk, &r);
	if (status == BLKIF_RSP_OKAY)
		status = do_request(v, &r, &span, &ns);

	rsp = RING_GET_RESPONSE(&v->ring, v->ring.rsp_prod_pvt);
	v->ring.rsp_prod_pvt++;
	rsp->id = r.id;
	rsp->operation = r.operation;
	rsp->status = status;

	c.ns = acctring_span_end(v->lane, &span) + ns;
	c.end = span.mark;
	c.wait = wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait;
	c.bytes = status == BLKIF_RSP_OKAY ? r.bytes : 0;
	c.klass = r.klass;
	if (status != BLKIF_RSP_OKAY)
		c.flags |= ACCTRING_F_FAILED;
	bill_post(v->lane, &v->d->payer, &c);
}

static void push(struct vbd *v)
{
	int notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&v->ring, notify);
	if (notify)
		xenevtchn_notify(v->xce, v->port);
}

/* Requests up to `prod` are there now: when each was first seen. */
static void see(struct vbd *v, uint32_t prod)
{
	uint64_t at = v->event_at;

	v->event_at = 0; /* what a later look finds came after the event */
	if (v->seen_to == prod)
		return;
	if (!at)
		at = acctring_counter(v->lane);
	/* at most a ring's length: ring_available() has said so */
	for (; v->seen_to != prod; v->seen_to++)
		v->seen_at[v->seen_to % VBD_RING] = at;
}

/* Requests to take; -1: broken. */
static int look(struct vbd *v)
{
	const struct blkif_back_ring *r = &v->ring;
	uint32_t prod = xenbus_index(&r->sring->req_prod);
	int there;

	xen_rmb(); /* requests are read after the index that covers them */
	there = ring_available(prod, v->seen_to, r->req_cons, r->rsp_prod_pvt, RING_SIZE(r));
	if (there >= 0)
		see(v, prod);
	return there;
}

/* Asks for an event, then looks once more. */
static int final_check(struct vbd *v)
{
	v->ring.sring->req_event = v->ring.req_cons + 1;
	xen_mb(); /* the frontend sees our wish before we see its index */
	return look(v);
}

enum served vbd_serve(struct vbd *v, unsigned int max, unsigned int *taken)
{
	bool blocked = false;
	unsigned int n = 0;
	int there = look(v);

	*taken = 0;
	if (there < 0)
		return SERVED_BROKEN;
	while (there && n < max) {
		blocked = !acctring_admit(v->lane, v->d->payer.row);
		if (blocked)
			break;
		serve_one(v, n ? 0 : ACCTRING_F_FIRST);
		there--;
		n++;
	}
	*taken = n;
	if (n)
		push(v);
	if (blocked)
		return SERVED_BLOCKED;
	if (!there) {
		there = final_check(v);
		if (there < 0)
			return SERVED_BROKEN;
	}
	return there ? SERVED_SOME : SERVED_ALL;
}
