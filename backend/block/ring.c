/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/block/ring.h"

#include "backend/index.h"

static struct blk_ring_header *header(const struct ring *r)
{
	return (struct blk_ring_header *)r->kpage;
}

static void *entry(const struct ring *r, uint32_t index)
{
	return r->kpage + BLK_RING_HEADER + (index & (r->size - 1)) * blk_entry_size(r->abi);
}

void ring_init(struct ring *r, void *kpage, enum blk_abi abi, uint32_t pages)
{
	memset(r, 0, sizeof(*r));
	r->kpage = kpage;
	r->abi = abi;
	r->pages = pages;
	r->size = blk_ring_size(abi, pages);
}

int ring_look(struct ring *r, uint64_t at)
{
	uint32_t prod = xenbus_index(&header(r)->req_prod);
	int there;

	xen_rmb(); /* requests are read after the index that covers them */
	there = ring_available(prod, r->seen, r->cons, r->rsp, r->size);
	if (there < 0)
		return there;
	for (; r->seen != prod; r->seen++) /* at most a ring's length */
		r->seen_at[r->seen & (r->size - 1)] = at;
	return there;
}

int ring_look_last(struct ring *r, uint64_t at)
{
	*(volatile uint32_t *)&header(r)->req_event = r->cons + 1;
	xen_mb(); /* the frontend sees our wish before we see its index */
	return ring_look(r, at);
}

uint64_t ring_take(struct ring *r, union blk_entry *copy)
{
	uint32_t i = r->cons++;

	blk_copy_in(copy, entry(r, i), blk_entry_size(r->abi));
	return r->seen_at[i & (r->size - 1)];
}

void ring_answer(struct ring *r, uint64_t id, uint8_t op, int16_t status)
{
	union blk_entry e;
	uint32_t size;

	memset(&e, 0, sizeof(e));
	if (r->abi == BLK_ABI_32) {
		e.rsp32 = (struct blk32_response){ .id = id, .op = op, .status = status };
		size = sizeof(e.rsp32);
	} else {
		e.rsp64 = (struct blk64_response){ .id = id, .op = op, .status = status };
		size = sizeof(e.rsp64);
	}
	/* no taken request is overwritten: there are no more answers than those */
	blk_copy_out(entry(r, r->rsp++), &e, size);
}

bool ring_push(struct ring *r)
{
	struct blk_ring_header *k = header(r);
	uint32_t old = r->pushed, event;

	if (r->rsp == old)
		return false;
	xen_wmb(); /* answers before the index that covers them */
	*(volatile uint32_t *)&k->rsp_prod = r->rsp;
	r->pushed = r->rsp;
	xen_mb(); /* the frontend sees the index before we see its wish */
	event = xenbus_index(&k->rsp_event);
	return r->rsp - event < r->rsp - old;
}
