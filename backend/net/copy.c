/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames in and out of guests' pages: by grant copy, which the hypervisor
 * does and which needs no mapping; by mapping where there is none.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "backend/net/worker.h"
#include "common/log.h"

static bool copy_by_mapping(struct worker *w, unsigned int domid, const struct piece *p,
			    bool to_guest)
{
	uint8_t *page = xengnttab_map_grant_ref(w->xgt, domid, p->ref,
						to_guest ? PROT_READ | PROT_WRITE : PROT_READ);

	if (!page)
		return false;
	if (to_guest)
		memcpy(page + p->offset, p->local, p->size);
	else
		memcpy(p->local, page + p->offset, p->size);
	xengnttab_unmap(w->xgt, page, 1);
	return true;
}

static void fill_segment(xengnttab_grant_copy_segment_t *s, unsigned int domid,
			 const struct piece *p, bool to_guest)
{
	memset(s, 0, sizeof(*s));
	s->len = p->size;
	if (to_guest) {
		s->source.virt = p->local;
		s->dest.foreign.ref = p->ref;
		s->dest.foreign.offset = p->offset;
		s->dest.foreign.domid = (uint16_t)domid;
		s->flags = GNTCOPY_dest_gref;
	} else {
		s->source.foreign.ref = p->ref;
		s->source.foreign.offset = p->offset;
		s->source.foreign.domid = (uint16_t)domid;
		s->dest.virt = p->local;
		s->flags = GNTCOPY_source_gref;
	}
}

/* False: not supported here, nothing is copied. */
static bool try_copy(struct worker *w, unsigned int n)
{
	unsigned int i;
	bool ok = !xengnttab_grant_copy(w->xgt, n, w->segment);

	if (!ok && (errno == ENOSYS || errno == ENOTTY || errno == EOPNOTSUPP)) {
		log_info("no grant copy here: frames are copied by mapping");
		w->no_copy = true;
		return false;
	}
	for (i = 0; i < n; i++)
		w->piece[i].ok = ok && w->segment[i].status == GNTST_okay;
	return true;
}

void copy_pieces(struct worker *w, unsigned int domid, unsigned int n, bool to_guest)
{
	unsigned int i;

	if (!n)
		return;
	for (i = 0; !w->no_copy && i < n; i++)
		fill_segment(&w->segment[i], domid, &w->piece[i], to_guest);
	if (!w->no_copy && try_copy(w, n))
		return;
	for (i = 0; i < n; i++)
		w->piece[i].ok = copy_by_mapping(w, domid, &w->piece[i], to_guest);
}
