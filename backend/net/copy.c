/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames in and out of guests' pages: by grant copy, which the hypervisor
 * does and which needs no mapping; by mapping where there is none.
 */
#include <errno.h>
#include <sys/mman.h>

#include "backend/cpu.h"
#include "backend/net/vif.h"
#include "common/log.h"

static bool copy_by_mapping(struct vif *v, const struct tx_part *part, unsigned int parts,
			    uint8_t *in, const uint8_t *out)
{
	uint32_t ref[TX_PARTS];
	unsigned int i;
	uint8_t *page;

	for (i = 0; i < parts; i++)
		ref[i] = part[i].ref;
	page = xengnttab_map_domain_grant_refs(v->net->xgt, parts, v->d->domid, ref,
					       in ? PROT_READ : PROT_READ | PROT_WRITE);
	if (!page)
		return false;
	for (i = 0; i < parts; i++) {
		uint8_t *at = page + i * XENBUS_PAGE + part[i].offset;

		if (in) {
			memcpy(in, at, part[i].size);
			in += part[i].size;
		} else {
			memcpy(at, out, part[i].size);
			out += part[i].size;
		}
	}
	xengnttab_unmap(v->net->xgt, page, parts);
	return true;
}

/* False: not supported here, nothing is copied. */
static bool try_copy(struct vif *v, xengnttab_grant_copy_segment_t *seg, unsigned int parts,
		     bool *ok)
{
	unsigned int i;

	*ok = !xengnttab_grant_copy(v->net->xgt, parts, seg);
	if (!*ok && (errno == ENOSYS || errno == ENOTTY || errno == EOPNOTSUPP)) {
		log_info("no grant copy here: frames are copied by mapping");
		v->net->no_copy = true;
		return false;
	}
	for (i = 0; *ok && i < parts; i++)
		*ok = seg[i].status == GNTST_okay;
	return true;
}

static bool do_copy_in(struct vif *v, const struct tx_packet *p, uint8_t *to)
{
	xengnttab_grant_copy_segment_t seg[TX_PARTS];
	uint8_t *at = to;
	unsigned int i;
	bool ok;

	for (i = 0; !v->net->no_copy && i < p->parts; i++) {
		memset(&seg[i], 0, sizeof(seg[i]));
		seg[i].source.foreign.ref = p->part[i].ref;
		seg[i].source.foreign.offset = p->part[i].offset;
		seg[i].source.foreign.domid = (uint16_t)v->d->domid;
		seg[i].dest.virt = at;
		seg[i].len = p->part[i].size;
		seg[i].flags = GNTCOPY_source_gref;
		at += p->part[i].size;
	}
	if (!v->net->no_copy && try_copy(v, seg, p->parts, &ok))
		return ok;
	return copy_by_mapping(v, p->part, p->parts, to, NULL);
}

static bool do_copy_out(struct vif *v, const uint8_t *from, const struct tx_part *part,
			unsigned int parts)
{
	xengnttab_grant_copy_segment_t seg[TX_PARTS];
	const uint8_t *at = from;
	unsigned int i;
	bool ok;

	for (i = 0; !v->net->no_copy && i < parts; i++) {
		memset(&seg[i], 0, sizeof(seg[i]));
		memcpy(&seg[i].source.virt, &at, sizeof(at)); /* it is not const there */
		seg[i].dest.foreign.ref = part[i].ref;
		seg[i].dest.foreign.offset = part[i].offset;
		seg[i].dest.foreign.domid = (uint16_t)v->d->domid;
		seg[i].len = part[i].size;
		seg[i].flags = GNTCOPY_dest_gref;
		at += part[i].size;
	}
	if (!v->net->no_copy && try_copy(v, seg, parts, &ok))
		return ok;
	return copy_by_mapping(v, part, parts, NULL, from);
}

bool copy_from_guest(struct vif *v, const struct tx_packet *p, uint8_t *to, struct work *w)
{
	uint64_t from;
	bool ok;

	acctring_span_pause(v->net->lane, &w->span);
	from = cpu_ns();
	ok = do_copy_in(v, p, to);
	w->ns += cpu_ns() - from;
	acctring_span_resume(v->net->lane, &w->span);
	return ok;
}

bool copy_to_guest(struct vif *v, const uint8_t *data, const struct tx_part *part,
		   unsigned int parts, struct work *w)
{
	uint64_t from;
	bool ok;

	acctring_span_pause(v->net->lane, &w->span);
	from = cpu_ns();
	ok = do_copy_out(v, data, part, parts);
	w->ns += cpu_ns() - from;
	acctring_span_resume(v->net->lane, &w->span);
	return ok;
}
