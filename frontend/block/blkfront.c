/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rings and requests.  Entries are written here by the places of their
 * fields, which both layouts share but for where the first 64 bit number
 * stands; the backend reads them through common/blkabi.h: two accounts of one
 * layout.
 */
#include "frontend/block/blkfront.h"

#include <string.h>

#include "common/clock.h"
#include "frontend/block/pattern.h"

uint8_t *blk_entry(const struct blkfront *b, const struct blk_queue *q, uint32_t index)
{
	return q->ring + BLK_RING_HEADER + (index & (q->size - 1)) * blk_entry_size(b->how.abi);
}

struct blk_slot *blk_slot(struct blkfront *b)
{
	unsigned int i;

	for (i = 0; i < b->how.depth; i++)
		if (!b->slot[i].busy)
			return &b->slot[i];
	return NULL;
}

static uint8_t operation(enum load_op op)
{
	static const uint8_t of[LOAD_OPS] = {
		[LOAD_OP_READ] = BLKIF_OP_READ,
		[LOAD_OP_WRITE] = BLKIF_OP_WRITE,
		[LOAD_OP_FLUSH] = BLKIF_OP_FLUSH_DISKCACHE,
		[LOAD_OP_DISCARD] = BLKIF_OP_DISCARD,
	};

	return of[op];
}

/* The segments of a request; returns how many. */
static unsigned int segments(const struct blk_slot *s, struct blk_segment *to)
{
	uint32_t left = s->r.bytes / PATTERN_SECTOR, most = XENBUS_PAGE / PATTERN_SECTOR, n;
	unsigned int i;

	for (i = 0; left; i++, left -= n) {
		n = left < most ? left : most;
		to[i] = (struct blk_segment){ .ref = s->ref[i], .last = (uint8_t)(n - 1) };
	}
	return i;
}

static void put_data(const struct blkfront *b, const struct blk_slot *s, uint8_t *e, uint8_t *after)
{
	uint32_t pages = (s->r.bytes + XENBUS_PAGE - 1) / XENBUS_PAGE;
	struct blk_segment seg[BLK_DIRECT];
	uint16_t n;

	if (pages <= BLK_DIRECT && !b->how.indirect) {
		e[1] = (uint8_t)segments(s, seg);
		memcpy(after, seg, e[1] * sizeof(seg[0]));
		return;
	}
	n = (uint16_t)segments(s, s->segment);
	e[1] = e[0];
	e[0] = BLKIF_OP_INDIRECT;
	memcpy(e + 2, &n, sizeof(n));
	memcpy(after + 4, &s->segment_ref, sizeof(s->segment_ref));
}

void blk_put_raw(struct blkfront *b, unsigned int queue, const void *entry)
{
	struct blk_queue *q = &b->queue[queue];
	union blk_entry e;

	memcpy(&e, entry, blk_entry_size(b->how.abi));
	blk_copy_out(blk_entry(b, q, q->prod++), &e, blk_entry_size(b->how.abi));
}

void blk_put(struct blkfront *b, struct blk_slot *s)
{
	_Alignas(8) uint8_t e[sizeof(union blk_entry)] = { operation(s->r.op) };
	uint8_t *id = e + (b->how.abi == BLK_ABI_32 ? 4 : 8), *after = id + 16;
	uint64_t sector = s->r.sector, n = s->r.bytes / PATTERN_SECTOR;

	memcpy(id, &s->id, sizeof(s->id));
	memcpy(id + 8, &sector, sizeof(sector));
	if (s->r.op == LOAD_OP_DISCARD)
		memcpy(after, &n, sizeof(n));
	else if (s->r.op != LOAD_OP_FLUSH)
		put_data(b, s, e, after);
	blk_put_raw(b, s->queue, e);
	s->busy = true;
	s->since = now_ns();
	b->busy++;
}

static void push(struct blkfront *b, struct blk_queue *q)
{
	uint32_t old = q->pushed, event;

	if (q->prod == old)
		return;
	xen_wmb(); /* requests before the index that covers them */
	*(volatile uint32_t *)&blk_header(q)->req_prod = q->prod;
	q->pushed = q->prod;
	xen_mb(); /* the backend sees the index before we see its wish */
	event = xenbus_index(&blk_header(q)->req_event);
	if (q->prod - event < q->prod - old)
		front_kick_port(&b->f, q->port);
}

void blk_push(struct blkfront *b)
{
	unsigned int i;

	for (i = 0; i < b->how.queues; i++)
		push(b, &b->queue[i]);
}

/* Is there an answer?  -1: the backend's index breaks the ring. */
static int answers(const struct blk_queue *q)
{
	uint32_t prod = xenbus_index(&blk_header(q)->rsp_prod);

	xen_rmb(); /* answers are read after the index that covers them */
	if (prod - q->cons > q->pushed - q->cons)
		return -1;
	return prod != q->cons;
}

static int final_check(const struct blk_queue *q)
{
	int n = answers(q);

	if (n)
		return n;
	*(volatile uint32_t *)&blk_header(q)->rsp_event = q->cons + 1;
	xen_mb(); /* the backend sees our wish before we see its index */
	return answers(q);
}

int blk_answer_raw(struct blkfront *b, unsigned int queue, struct blk_answer *a)
{
	struct blk_queue *q = &b->queue[queue];
	union blk_entry e;
	int n = final_check(q);

	if (n <= 0)
		return n;
	blk_copy_in(&e, blk_entry(b, q, q->cons++), sizeof(struct blk32_response));
	*a = (struct blk_answer){ e.rsp32.id, e.rsp32.op, e.rsp32.status };
	return 1;
}

static struct blk_slot *check_answer(struct blkfront *b, unsigned int queue,
				     const struct blk_answer *a)
{
	struct blk_slot *s = &b->slot[a->id % BLK_DEPTH];

	if (a->id % BLK_DEPTH >= b->how.depth || !s->busy || s->id != a->id || s->queue != queue ||
	    a->op != operation(s->r.op))
		return NULL;
	return s;
}

static void count(struct blkfront *b, const struct blk_slot *s, int16_t status)
{
	b->done[s->r.op]++;
	hist_add(&b->latency, now_ns() - s->since);
	if (status == BLKIF_RSP_OKAY)
		b->bytes += s->r.bytes;
	else
		b->errors++;
	if (status == BLKIF_RSP_EOPNOTSUPP)
		b->unsupported++;
}

struct blk_slot *blk_answer(struct blkfront *b, int16_t *status, bool *broken)
{
	struct blk_slot *s = NULL;
	struct blk_answer a;
	unsigned int i;
	int n = 0;

	for (i = 0; !n && i < b->how.queues; i++)
		n = blk_answer_raw(b, i, &a);
	if (n > 0)
		s = check_answer(b, i - 1, &a);
	*broken = n && !s;
	if (!s)
		return NULL;
	s->busy = false;
	s->id += BLK_DEPTH;
	b->busy--;
	*status = a.status;
	count(b, s, a.status);
	return s;
}
