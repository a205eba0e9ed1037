/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request's pages: mapped for as long as it is in flight.  What stands in
 * a page that says more about the request is copied once, before it is
 * looked at.
 */
#include <sys/mman.h>

#include "backend/block/vbd.h"

static void *map(struct queue *q, unsigned int n, uint32_t *ref, int prot)
{
	return xengnttab_map_domain_grant_refs(q->xgt, n, q->v->d->domid, ref, prot);
}

int16_t data_indirect(struct queue *q, struct slot *s)
{
	struct blk_segment seg[SEGMENTS];
	const volatile uint32_t *kpage;
	uint32_t word[2];
	struct disk disk = vbd_disk(q->v);
	void *mapped = map(q, s->r.pages, s->r.page, PROT_READ);
	unsigned int i;

	if (!mapped)
		return BLKIF_RSP_ERROR;
	kpage = mapped;
	for (i = 0; i < s->r.segments; i++) {
		word[0] = kpage[2 * i];
		word[1] = kpage[2 * i + 1];
		memcpy(&seg[i], word, sizeof(seg[i]));
	}
	xengnttab_unmap(q->xgt, mapped, s->r.pages);
	return check_indirect(seg, &disk, &s->r);
}

/* One piece of memory for what lies side by side. */
static void gather(struct slot *s)
{
	unsigned int i;
	char *at;

	s->t.iovs = 0;
	for (i = 0; i < s->r.segments; i++) {
		struct iovec *last = i ? &s->iov[s->t.iovs - 1] : NULL;

		at = (char *)s->map + i * XENBUS_PAGE + s->r.part[i].offset;
		if (last && (char *)last->iov_base + last->iov_len == at)
			last->iov_len += s->r.part[i].bytes;
		else
			s->iov[s->t.iovs++] = (struct iovec){ at, s->r.part[i].bytes };
	}
}

int16_t data_get(struct queue *q, struct slot *s)
{
	uint32_t ref[SEGMENTS];
	unsigned int i;

	for (i = 0; i < s->r.segments; i++)
		ref[i] = s->r.part[i].ref;
	s->t = (struct transfer){ .iov = s->iov,
				  .write = s->r.op == BLKIF_OP_WRITE,
				  .offset = s->r.offset,
				  .bytes = s->r.bytes,
				  .owner = s };
	/* the guest may have granted what is written to the disk read-only */
	s->map = map(q, s->r.segments, ref, s->t.write ? PROT_READ : PROT_READ | PROT_WRITE);
	if (!s->map)
		return BLKIF_RSP_ERROR;
	gather(s);
	return BLKIF_RSP_OKAY;
}

int16_t data_put(struct queue *q, struct slot *s, int16_t status)
{
	xengnttab_unmap(q->xgt, s->map, s->r.segments);
	s->map = NULL;
	return status;
}
