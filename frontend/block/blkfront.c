/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/block/blkfront.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "frontend/block/pattern.h"
#include <xen/io/protocols.h>

static bool share_pages(struct blkfront *b)
{
	unsigned int i;
	void *ring = front_share(&b->f, 1, &b->ring_ref);

	if (!ring)
		return false;
	b->ring.sring = ring;
	for (i = 0; i < b->depth; i++) {
		struct blk_slot *s = &b->slot[i];

		s->data = front_share(&b->f, b->pages, s->ref);
		if (!s->data)
			return false;
		s->id = i;
	}
	return true;
}

int blk_open(struct blkfront *b, const char *device, unsigned int depth, uint32_t max_bytes,
	     int timeout_ms)
{
	memset(b, 0, sizeof(*b));
	b->depth = depth;
	b->pages = (max_bytes + XENBUS_PAGE - 1) / XENBUS_PAGE;
	if (!front_open(&b->f, "vbd", device, timeout_ms))
		return EXIT_ENV;
	if (share_pages(b))
		return 0;
	log_error("cannot grant %u pages to domain %d: %s", 1 + b->depth * b->pages, b->f.backend,
		  strerror(errno));
	return EXIT_ENV;
}

bool blk_connect(struct blkfront *b)
{
	struct blkif_sring *sring = b->ring.sring;

	if (!front_begin(&b->f))
		return false;
	XEN_FRONT_RING_INIT(&b->ring, sring, XENBUS_PAGE);
	if (!front_write(&b->f, "ring-ref", "%u", b->ring_ref) ||
	    !front_write(&b->f, "event-channel", "%u", b->f.port) ||
	    !front_write(&b->f, "protocol", "%s", XEN_IO_PROTO_ABI_NATIVE) || !front_connect(&b->f))
		return false;
	b->sectors = front_back_u64(&b->f, "sectors", 0);
	b->readonly = front_back_u64(&b->f, "info", 0) & VDISK_READONLY;
	b->can_flush = front_back_u64(&b->f, "feature-flush-cache", 0);
	return true;
}

bool blk_reconnect(struct blkfront *b)
{
	unsigned int i;

	b->reconnects++;
	if (!blk_connect(b))
		return false;
	for (i = 0; i < b->depth; i++) {
		if (!b->slot[i].busy)
			continue;
		b->busy--;
		blk_put(b, &b->slot[i]);
	}
	blk_push(b);
	return true;
}

void blk_close(struct blkfront *b)
{
	front_end(&b->f);
	front_close(&b->f);
}

struct blk_slot *blk_slot(struct blkfront *b)
{
	unsigned int i;

	for (i = 0; i < b->depth; i++)
		if (!b->slot[i].busy)
			return &b->slot[i];
	return NULL;
}

static uint8_t operation(enum load_op op)
{
	return op == LOAD_OP_READ    ? BLKIF_OP_READ
	       : op == LOAD_OP_WRITE ? BLKIF_OP_WRITE
				     : BLKIF_OP_FLUSH_DISKCACHE;
}

void blk_put(struct blkfront *b, struct blk_slot *s)
{
	struct blkif_request *r = RING_GET_REQUEST(&b->ring, b->ring.req_prod_pvt);
	uint32_t left = s->r.bytes / PATTERN_SECTOR, n;
	unsigned int i;

	memset(r, 0, sizeof(*r));
	r->operation = operation(s->r.op);
	r->id = s->id;
	r->sector_number = s->r.sector;
	for (i = 0; left; i++, left -= n) {
		n = left < 8 ? left : 8;
		r->seg[i].gref = s->ref[i];
		r->seg[i].last_sect = (uint8_t)(n - 1);
	}
	r->nr_segments = (uint8_t)i;
	s->busy = true;
	s->since = now_ns();
	b->busy++;
	b->ring.req_prod_pvt++;
}

void blk_push(struct blkfront *b)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&b->ring, notify);
	if (notify)
		front_kick(&b->f);
}

/* Is there an answer?  -1: the backend's index breaks the ring. */
static int answers(struct blkfront *b)
{
	uint32_t prod = xenbus_index(&b->ring.sring->rsp_prod);

	xen_rmb(); /* answers are read after the index that covers them */
	if (prod - b->ring.rsp_cons > b->ring.req_prod_pvt - b->ring.rsp_cons)
		return -1;
	return prod != b->ring.rsp_cons;
}

static int final_check(struct blkfront *b)
{
	int n = answers(b);

	if (n)
		return n;
	b->ring.sring->rsp_event = b->ring.rsp_cons + 1;
	xen_mb(); /* the backend sees our wish before we see its index */
	return answers(b);
}

static struct blk_slot *check_answer(struct blkfront *b, const struct blkif_response *copy)
{
	struct blk_slot *s = &b->slot[copy->id % BLK_DEPTH];

	if (copy->id % 256 >= b->depth || !s->busy || s->id != copy->id ||
	    copy->operation != operation(s->r.op))
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
	struct blkif_response copy;
	struct blk_slot *s;
	int n = final_check(b);

	*broken = n < 0;
	if (n <= 0)
		return NULL;
	RING_COPY_RESPONSE(&b->ring, b->ring.rsp_cons, &copy);
	s = check_answer(b, &copy);
	if (!s) {
		*broken = true;
		return NULL;
	}
	b->ring.rsp_cons++;
	s->busy = false;
	s->id += 256;
	b->busy--;
	*status = copy.status;
	count(b, s, copy.status);
	return s;
}
