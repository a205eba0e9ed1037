/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request's data: the guest's pages, mapped for as long as it is in
 * flight; or pages of our own, copied by the hypervisor.  What costs less
 * depends on the machine and on the size, so each queue measures it.  What
 * stands in a page that says more about the request is copied once, before it
 * is looked at.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "backend/block/vbd.h"
#include "common/log.h"

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

/* ---- our own pages: as many as can be in flight ---- */

/* Has this kernel grant copy?  Asked with nothing to copy. */
static bool can_copy(struct queue *q)
{
	return !xengnttab_grant_copy(q->xgt, 0, NULL);
}

bool data_open(struct queue *q)
{
	unsigned int i;

	q->last_copying = &q->copying;
	q->way = q->v->d->b->grants;
	if (q->way == GRANTS_MAP)
		return true;
	if (!can_copy(q)) {
		q->way = GRANTS_MAP;
		return q->v->d->b->grants == GRANTS_AUTO;
	}
	/* not touched, not there */
	q->pool = mmap(NULL, FLYING_PAGES * XENBUS_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (q->pool == MAP_FAILED) {
		q->pool = NULL;
		return false;
	}
	q->copies = malloc(COPIES * sizeof(*q->copies));
	for (i = 0; i < FLYING_PAGES; i++)
		q->spare[i] = (uint16_t)(FLYING_PAGES - 1 - i);
	q->spares = FLYING_PAGES;
	return q->copies;
}

void data_close(struct queue *q)
{
	static const char *const size[] = { "1", "2..4", "5..11", "12..64", "65.." };
	unsigned int i;

	for (i = 0; q->pool && i < SIZES * 2; i++) {
		const struct gauge *g = &q->gauge[i / 2][i % 2];

		if (g->n[0] + g->n[1])
			log_debug("disk %u/%u queue %u: %s of %s pages: %llu mapped, %llu ns each, "
				  "%llu copied, %llu ns each",
				  q->v->d->domid, q->v->d->id, q->id, i % 2 ? "writes" : "reads",
				  size[i / 2], (unsigned long long)g->n[0],
				  (unsigned long long)g->ns[0], (unsigned long long)g->n[1],
				  (unsigned long long)g->ns[1]);
	}
	if (q->pool)
		munmap(q->pool, FLYING_PAGES * XENBUS_PAGE);
	q->pool = NULL;
	free(q->copies);
	q->copies = NULL;
}

static struct gauge *gauge_of(struct queue *q, const struct slot *s)
{
	static const unsigned int upto[SIZES - 1] = { 1, 4, 11, 64 };
	unsigned int i;

	for (i = 0; i < SIZES - 1 && s->r.segments > upto[i]; i++)
		;
	return &q->gauge[i][s->t.write];
}

void data_cost(struct queue *q, const struct slot *s)
{
	gauge_add(gauge_of(q, s), s->copied, s->data_ns);
}

static void give_pages(struct queue *q, struct slot *s)
{
	unsigned int i;

	for (i = s->r.segments; i--;)
		q->spare[q->spares++] = s->page[i];
}

/* A segment of the copy between a part of the guest's and a page of ours. */
static void put_copy(struct queue *q, const struct slot *s, unsigned int part)
{
	xengnttab_grant_copy_segment_t *seg = &q->copies[q->segments++];
	const struct part *p = &s->r.part[part];
	char *ours = q->pool + s->page[part] * XENBUS_PAGE + p->offset;

	memset(seg, 0, sizeof(*seg));
	seg->len = p->bytes;
	seg->flags = s->t.write ? GNTCOPY_source_gref : GNTCOPY_dest_gref;
	if (s->t.write) {
		seg->source.foreign.ref = p->ref;
		seg->source.foreign.offset = p->offset;
		seg->source.foreign.domid = (uint16_t)q->v->d->domid;
		seg->dest.virt = ours;
	} else {
		seg->source.virt = ours;
		seg->dest.foreign.ref = p->ref;
		seg->dest.foreign.offset = p->offset;
		seg->dest.foreign.domid = (uint16_t)q->v->d->domid;
	}
}

void data_line_up(struct queue *q, struct slot *s)
{
	unsigned int i;

	for (i = 0; i < s->r.segments; i++)
		put_copy(q, s, i);
	s->after = NULL;
	*q->last_copying = s;
	q->last_copying = &s->after;
}

/* How the copy went for one that has its segments from there on. */
static int16_t copied(const struct slot *s, const xengnttab_grant_copy_segment_t *seg)
{
	unsigned int i;

	for (i = 0; i < s->r.segments; i++)
		if (seg[i].status != GNTST_okay)
			return BLKIF_RSP_ERROR;
	return BLKIF_RSP_OKAY;
}

/* ---- either way ---- */

/* One piece of memory for what lies side by side; and where it goes. */
static void gather(const struct queue *q, struct slot *s)
{
	uint64_t places = s->r.offset;
	unsigned int i;
	char *page, *at;

	s->t.iovs = 0;
	for (i = 0; i < s->r.segments; i++) {
		struct iovec *last = i ? &s->iov[s->t.iovs - 1] : NULL;

		page = s->copied ? q->pool + s->page[i] * XENBUS_PAGE : s->map + i * XENBUS_PAGE;
		at = page + s->r.part[i].offset;
		places |= s->r.part[i].offset | s->r.part[i].bytes;
		if (last && (char *)last->iov_base + last->iov_len == at)
			last->iov_len += s->r.part[i].bytes;
		else
			s->iov[s->t.iovs++] = (struct iovec){ at, s->r.part[i].bytes };
	}
	s->t.fd = file_way(&q->v->file, places);
}

static int16_t get_mapped(struct queue *q, struct slot *s)
{
	uint32_t ref[SEGMENTS];
	unsigned int i;

	for (i = 0; i < s->r.segments; i++)
		ref[i] = s->r.part[i].ref;
	/* the guest may have granted what is written to the disk read-only */
	s->map = map(q, s->r.segments, ref, s->t.write ? PROT_READ : PROT_READ | PROT_WRITE);
	return s->map ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}

static void get_copied(struct queue *q, struct slot *s)
{
	unsigned int i;

	for (i = 0; i < s->r.segments; i++)
		s->page[i] = q->spare[--q->spares];
}

int16_t data_get(struct queue *q, struct slot *s)
{
	int16_t status = BLKIF_RSP_OKAY;

	s->t = (struct transfer){ .iov = s->iov,
				  .write = s->r.op == BLKIF_OP_WRITE,
				  .offset = s->r.offset,
				  .bytes = s->r.bytes,
				  .owner = s };
	s->copied = q->way == GRANTS_COPY || (q->way == GRANTS_AUTO && gauge_pick(gauge_of(q, s)));
	if (s->copied)
		get_copied(q, s);
	else
		status = get_mapped(q, s);
	s->held = status == BLKIF_RSP_OKAY;
	if (s->held)
		gather(q, s);
	return status;
}

void data_put(struct queue *q, struct slot *s)
{
	if (s->copied)
		give_pages(q, s);
	else
		xengnttab_unmap(q->xgt, s->map, s->r.segments);
	s->held = false;
}

struct slot *data_copy(struct queue *q)
{
	const xengnttab_grant_copy_segment_t *seg = q->copies;
	struct slot *first = q->copying, *s;
	bool failed;

	if (!first)
		return NULL;
	failed = xengnttab_grant_copy(q->xgt, q->segments, q->copies);
	q->segments = 0;
	q->copying = NULL;
	q->last_copying = &q->copying;
	for (s = first; s; s = s->after) {
		s->status = failed ? BLKIF_RSP_ERROR : copied(s, seg);
		seg += s->r.segments;
	}
	return first;
}
