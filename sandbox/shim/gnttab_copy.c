/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxengnttab: grant copy. The broker checks the references of a batch and gives
 * descriptors; the bytes are moved here, by read and write, so that a bad local
 * address is EFAULT and no signal.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/shim/gnttab.h"

#define BATCH (XSB_FDS / 2) /* two foreign ends each, at most */

struct end { /* one end of a segment, resolved */
	int fd; /* -1 = local memory */
	off_t offset;
	void *virt;
};

/* What gntdev refuses for the whole call. */
static int check(const xengnttab_grant_copy_segment_t *s)
{
	if (!(s->flags & (GNTCOPY_source_gref | GNTCOPY_dest_gref)) ||
	    s->flags & ~(GNTCOPY_source_gref | GNTCOPY_dest_gref))
		return -EINVAL;
	if (s->flags & GNTCOPY_source_gref && s->source.foreign.offset + s->len > (int)XSB_PAGE)
		return -EINVAL;
	if (s->flags & GNTCOPY_dest_gref && s->dest.foreign.offset + s->len > (int)XSB_PAGE)
		return -EINVAL;
	return 0;
}

static int16_t move(const struct end *from, const struct end *to, size_t len)
{
	uint8_t buf[XSB_PAGE], *p = from->fd < 0 ? from->virt : buf;

	/* Local to local was refused; len > a page only if one end is local. */
	if (from->fd >= 0 && to->fd < 0)
		p = to->virt;
	if (from->fd >= 0 && pread(from->fd, p, len, from->offset) != (ssize_t)len)
		return GNTST_general_error;
	if (to->fd >= 0 && pwrite(to->fd, p, len, to->offset) != (ssize_t)len)
		return GNTST_general_error;
	return GNTST_okay;
}

static void ask(struct xsb_msg *m, uint32_t *n, uint32_t domid, uint32_t ref, bool write)
{
	struct xsb_end e = { .domid = domid, .ref = ref, .write = write };

	memcpy(m->data + *n * sizeof(e), &e, sizeof(e));
	++*n;
}

/* Takes the next answer; false when Xen would refuse this end. */
static bool answer(const struct xsb_msg *m, uint32_t *k, const int *fds, int nfds, uint16_t offset,
		   struct end *e, int16_t *status)
{
	struct xsb_page page;

	memcpy(&page, m->data + *k * sizeof(page), sizeof(page));
	++*k;
	if (page.status != GNTST_okay || page.fd >= (uint32_t)nfds) {
		*status = page.status ? (int16_t)page.status : GNTST_general_error;
		return false;
	}
	e->fd = fds[page.fd];
	e->offset = (off_t)(page.offset + offset);
	return true;
}

static void copy_one(xengnttab_grant_copy_segment_t *s, const struct xsb_msg *m, uint32_t *k,
		     const int *fds, int nfds)
{
	struct end from = { .fd = -1 }, to = { .fd = -1 };
	bool ok = true;

	if (s->flags & GNTCOPY_source_gref)
		ok &= answer(m, k, fds, nfds, s->source.foreign.offset, &from, &s->status);
	else
		from.virt = s->source.virt;
	if (s->flags & GNTCOPY_dest_gref)
		ok &= answer(m, k, fds, nfds, s->dest.foreign.offset, &to, &s->status);
	else
		to.virt = s->dest.virt;
	if (ok)
		s->status = move(&from, &to, s->len);
}

static int copy_batch(xengnttab_handle *h, xengnttab_grant_copy_segment_t *segs, uint32_t count)
{
	struct xsb_msg m = { .op = XSB_GNT_COPY };
	int fds[XSB_FDS], nfds = XSB_FDS, rc;
	uint32_t i, n = 0, k = 0;

	for (i = 0; i < count; i++) {
		if (segs[i].flags & GNTCOPY_source_gref)
			ask(&m, &n, segs[i].source.foreign.domid, segs[i].source.foreign.ref,
			    false);
		if (segs[i].flags & GNTCOPY_dest_gref)
			ask(&m, &n, segs[i].dest.foreign.domid, segs[i].dest.foreign.ref, true);
	}
	m.len = n * (uint32_t)sizeof(struct xsb_end);
	rc = xsb_call(&h->client, &m, NULL, 0, fds, &nfds);
	if (rc == 0 && m.len != n * sizeof(struct xsb_page))
		rc = -EIO;
	for (i = 0; rc == 0 && i < count; i++)
		copy_one(&segs[i], &m, &k, fds, nfds);
	while (nfds > 0)
		close(fds[--nfds]);
	return rc;
}

SHIM_API int xengnttab_grant_copy(xengnttab_handle *xgt, uint32_t count,
				  xengnttab_grant_copy_segment_t *segs)
{
	uint32_t i, n;
	int rc = 0;

	for (i = 0; rc == 0 && i < count; i++)
		rc = check(&segs[i]);
	for (i = 0; rc == 0 && i < count; i += n) {
		n = count - i < BATCH ? count - i : BATCH;
		rc = copy_batch(xgt, segs + i, n);
	}
	return shim_result(rc);
}

/* There are no dma-bufs here. */

SHIM_API int xengnttab_dmabuf_exp_from_refs(xengnttab_handle *xgt, uint32_t domid, uint32_t flags,
					    uint32_t count, const uint32_t *refs, uint32_t *fd)
{
	(void)xgt, (void)domid, (void)flags, (void)count, (void)refs, (void)fd;
	return shim_result(-EOPNOTSUPP);
}

SHIM_API int xengnttab_dmabuf_exp_wait_released(xengnttab_handle *xgt, uint32_t fd,
						uint32_t wait_to_ms)
{
	(void)xgt, (void)fd, (void)wait_to_ms;
	return shim_result(-EOPNOTSUPP);
}

SHIM_API int xengnttab_dmabuf_imp_to_refs(xengnttab_handle *xgt, uint32_t domid, uint32_t fd,
					  uint32_t count, uint32_t *refs)
{
	(void)xgt, (void)domid, (void)fd, (void)count, (void)refs;
	return shim_result(-EOPNOTSUPP);
}

SHIM_API int xengnttab_dmabuf_imp_release(xengnttab_handle *xgt, uint32_t fd)
{
	(void)xgt, (void)fd;
	return shim_result(-EOPNOTSUPP);
}
