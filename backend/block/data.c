/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request's data: the guest's pages, mapped for as long as it is in
 * flight; or pages of our own, copied by the hypervisor.  What costs less
 * depends on the machine and on the size, so each queue measures it.  What
 * stands in a page that says more about the request is copied once, before it
 * is looked at.
 */
#include <errno.h>
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

bool data_open(struct queue *q)
{
	unsigned int i;

	q->way = q->v->d->b->grants;
	if (q->way == GRANTS_MAP)
		return true;
	/* not touched, not there */
	q->pool = mmap(NULL, FLYING_PAGES * XENBUS_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (q->pool == MAP_FAILED) {
		q->pool = NULL;
		return false;
	}
	for (i = 0; i < FLYING_PAGES; i++)
		q->spare[i] = (uint16_t)(FLYING_PAGES - 1 - i);
	q->spares = FLYING_PAGES;
	return true;
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

/*
 * Between the guest's pages and ours.  EOPNOTSUPP: there is no grant copy
 * here; then all is mapped from now on.
 */
static int copy(struct queue *q, struct slot *s)
{
	xengnttab_grant_copy_segment_t seg[SEGMENTS];
	unsigned int i;

	for (i = 0; i < s->r.segments; i++) {
		const struct part *p = &s->r.part[i];
		char *ours = q->pool + s->page[i] * XENBUS_PAGE + p->offset;

		memset(&seg[i], 0, sizeof(seg[i]));
		seg[i].len = p->bytes;
		seg[i].flags = s->t.write ? GNTCOPY_source_gref : GNTCOPY_dest_gref;
		if (s->t.write) {
			seg[i].source.foreign.ref = p->ref;
			seg[i].source.foreign.offset = p->offset;
			seg[i].source.foreign.domid = (uint16_t)q->v->d->domid;
			seg[i].dest.virt = ours;
		} else {
			seg[i].source.virt = ours;
			seg[i].dest.foreign.ref = p->ref;
			seg[i].dest.foreign.offset = p->offset;
			seg[i].dest.foreign.domid = (uint16_t)q->v->d->domid;
		}
	}
	if (xengnttab_grant_copy(q->xgt, s->r.segments, seg))
		return errno == ENOSYS || errno == ENOTTY || errno == EOPNOTSUPP ? -EOPNOTSUPP
										 : -EIO;
	for (i = 0; i < s->r.segments; i++)
		if (seg[i].status != GNTST_okay)
			return -EIO;
	return 0;
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

static int16_t get_copied(struct queue *q, struct slot *s)
{
	unsigned int i;
	int r;

	for (i = 0; i < s->r.segments; i++)
		s->page[i] = q->spare[--q->spares];
	r = s->t.write ? copy(q, s) : 0;
	if (!r)
		return BLKIF_RSP_OKAY;
	give_pages(q, s);
	s->copied = false;
	if (r != -EOPNOTSUPP || q->way == GRANTS_COPY)
		return BLKIF_RSP_ERROR;
	q->way = GRANTS_MAP;
	return get_mapped(q, s);
}

int16_t data_get(struct queue *q, struct slot *s)
{
	int16_t status;

	s->t = (struct transfer){ .iov = s->iov,
				  .write = s->r.op == BLKIF_OP_WRITE,
				  .offset = s->r.offset,
				  .bytes = s->r.bytes,
				  .owner = s };
	s->copied = q->way == GRANTS_COPY || (q->way == GRANTS_AUTO && gauge_pick(gauge_of(q, s)));
	status = s->copied ? get_copied(q, s) : get_mapped(q, s);
	s->held = status == BLKIF_RSP_OKAY;
	if (s->held)
		gather(q, s);
	return status;
}

int16_t data_put(struct queue *q, struct slot *s)
{
	int16_t status = s->status;

	if (!s->copied) {
		xengnttab_unmap(q->xgt, s->map, s->r.segments);
	} else {
		/* what was not read whole would be what another request left there */
		if (status == BLKIF_RSP_OKAY && !s->t.write && copy(q, s))
			status = BLKIF_RSP_ERROR;
		give_pages(q, s);
	}
	s->held = false;
	return status;
}
