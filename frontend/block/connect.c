/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A disk's pages, and its way to the backend and back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "frontend/block/blkfront.h"
#include "frontend/block/pattern.h"

static unsigned int request_pages(const struct blk_how *how)
{
	return (how->bytes + XENBUS_PAGE - 1) / XENBUS_PAGE;
}

static bool is_indirect(const struct blk_how *how)
{
	return how->indirect || request_pages(how) > BLK_DIRECT;
}

static bool share_slot(struct blkfront *b, unsigned int i, unsigned int queue)
{
	struct blk_slot *s = &b->slot[i];

	s->id = i;
	s->queue = queue;
	s->data = front_share(&b->f, request_pages(&b->how), s->ref);
	if (s->data && is_indirect(&b->how))
		s->segment = front_share(&b->f, 1, &s->segment_ref);
	return s->data && (s->segment || !is_indirect(&b->how));
}

static bool share_pages(struct blkfront *b)
{
	unsigned int i, queue;

	for (i = 0; i < b->how.queues; i++) {
		struct blk_queue *q = &b->queue[i];

		q->ring = front_share(&b->f, 1u << b->how.order, q->ref);
		if (!q->ring || !front_port(&b->f, i, &q->port))
			return false;
	}
	for (i = queue = 0; i < b->how.depth; i++) {
		if (!share_slot(b, i, queue))
			return false;
		queue = queue + 1 < b->how.queues ? queue + 1 : 0;
	}
	return true;
}

int blk_open(struct blkfront *b, const char *device, const struct blk_how *how, int timeout_ms)
{
	unsigned int pages =
		(how->queues << how->order) + how->depth * (request_pages(how) + is_indirect(how));

	memset(b, 0, sizeof(*b));
	b->how = *how;
	if (how->depth > how->queues * blk_ring_size(how->abi, 1u << how->order)) {
		log_error("the rings have no %u entries: more queues, or more pages a ring",
			  how->depth);
		return EXIT_USAGE;
	}
	if (!front_open(&b->f, "vbd", device, timeout_ms))
		return EXIT_ENV;
	if (share_pages(b))
		return 0;
	log_error("cannot grant %u pages to domain %d: %s", pages, b->f.backend, strerror(errno));
	return EXIT_ENV;
}

/* Can the backend do what we were told to use? */
static bool backend_fits(struct blkfront *b)
{
	static const struct {
		const char *leaf;
		uint64_t otherwise;
	} node[] = {
		{ "multi-queue-max-queues", 1 },
		{ "max-ring-page-order", 0 },
		{ "feature-max-indirect-segments", 0 },
	};
	const uint64_t want[] = { b->how.queues, b->how.order,
				  is_indirect(&b->how) ? request_pages(&b->how) : 0 };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		uint64_t can = front_back_u64(&b->f, node[i].leaf, node[i].otherwise);

		if (want[i] <= can)
			continue;
		log_error("%s: %s is %" PRIu64 ", wanted: %" PRIu64, b->f.back, node[i].leaf, can,
			  want[i]);
		return false;
	}
	return true;
}

static bool write_queue(struct blkfront *b, unsigned int i)
{
	const struct blk_queue *q = &b->queue[i];
	char dir[24] = "", leaf[64];
	unsigned int page;

	if (b->how.queues > 1)
		snprintf(dir, sizeof(dir), "queue-%u/", i);
	for (page = 0; page < 1u << b->how.order; page++) {
		if (b->how.order)
			snprintf(leaf, sizeof(leaf), "%sring-ref%u", dir, page);
		else
			snprintf(leaf, sizeof(leaf), "%sring-ref", dir);
		if (!front_write(&b->f, leaf, "%u", q->ref[page]))
			return false;
	}
	snprintf(leaf, sizeof(leaf), "%sevent-channel", dir);
	return front_write(&b->f, leaf, "%u", q->port);
}

static bool write_nodes(struct blkfront *b)
{
	const char *abi =
		b->how.abi == BLK_ABI_32 ? XEN_IO_PROTO_ABI_X86_32 : XEN_IO_PROTO_ABI_NATIVE;
	unsigned int i;
	bool ok = front_write(&b->f, "protocol", "%s", abi) &&
		  front_write(&b->f, "multi-queue-num-queues", "%u", b->how.queues) &&
		  front_write(&b->f, "ring-page-order", "%u", b->how.order);

	for (i = 0; ok && i < b->how.queues; i++)
		ok = write_queue(b, i);
	return ok;
}

static void reset_ring(const struct blk_how *how, struct blk_queue *q)
{
	struct blk_ring_header *h = blk_header(q);

	q->size = blk_ring_size(how->abi, 1u << how->order);
	memset(q->ring, 0, BLK_RING_HEADER);
	h->req_event = h->rsp_event = 1;
	q->prod = q->pushed = q->cons = 0;
}

void blk_read_size(struct blkfront *b)
{
	b->sectors = front_back_u64(&b->f, "sectors", 0);
}

bool blk_connect(struct blkfront *b)
{
	unsigned int i;

	if (!front_begin(&b->f) || !backend_fits(b))
		return false;
	for (i = 0; i < b->how.queues; i++)
		reset_ring(&b->how, &b->queue[i]);
	if (!write_nodes(b) || !front_connect(&b->f))
		return false;
	blk_read_size(b);
	return true;
}

bool blk_reconnect(struct blkfront *b)
{
	unsigned int i;

	b->reconnects++;
	if (!blk_connect(b))
		return false;
	for (i = 0; i < b->how.depth; i++) {
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
