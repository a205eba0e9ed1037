/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/net/txparse.h"

enum { WANT_FIRST, WANT_EXTRA, WANT_DATA };

void tx_begin(struct tx_packet *p)
{
	memset(p, 0, offsetof(struct tx_packet, part));
	p->ids = 0;
	p->want = WANT_FIRST;
	p->rest = 0;
	p->more = false;
}

/* All slots are here: is it a frame? */
static enum tx_fed finish(struct tx_packet *p)
{
	unsigned int i;

	if (p->bad)
		return TX_DONE;
	if (p->total < TX_MIN || p->rest >= p->total) {
		p->bad = true;
		return TX_DONE;
	}
	/* the first slot says the size of the whole frame */
	p->part[0].size = (uint16_t)(p->total - p->rest);
	for (i = 0; i < p->parts; i++)
		if (p->part[i].offset + p->part[i].size > (int)XENBUS_PAGE)
			p->bad = true;
	return TX_DONE;
}

static void add_data(struct tx_packet *p, const struct netif_tx_request *copy)
{
	p->id[p->ids++] = copy->id;
	if (p->parts == TX_PARTS) {
		p->bad = true;
		return;
	}
	p->part[p->parts].ref = copy->gref;
	p->part[p->parts].offset = copy->offset;
	p->part[p->parts].size = copy->size;
	p->parts++;
}

static void take_gso(struct tx_packet *p, const struct netif_extra_info *extra)
{
	p->gso = extra->u.gso.type;
	p->gso_size = extra->u.gso.size;
	if (!p->gso_size ||
	    (p->gso != XEN_NETIF_GSO_TYPE_TCPV4 && p->gso != XEN_NETIF_GSO_TYPE_TCPV6))
		p->bad = true;
}

/* The slot is no request but an information about the frame. */
static enum tx_fed feed_extra(struct tx_packet *p, const struct netif_tx_request *copy)
{
	struct netif_extra_info extra;

	memcpy(&extra, copy, sizeof(extra));
	if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE || extra.type >= XEN_NETIF_EXTRA_TYPE_MAX ||
	    p->extras >= XEN_NETIF_EXTRA_TYPE_MAX - 1)
		return TX_BROKEN;
	p->extras++;
	/* a hash is advice; what is neither asks for what was not offered */
	if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO)
		take_gso(p, &extra);
	else if (extra.type != XEN_NETIF_EXTRA_TYPE_HASH)
		p->bad = true;
	if (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE)
		return TX_MORE;
	p->want = WANT_DATA;
	return p->more ? TX_MORE : finish(p);
}

enum tx_fed tx_feed(struct tx_packet *p, const struct netif_tx_request *copy)
{
	if (p->want == WANT_EXTRA)
		return feed_extra(p, copy);
	if (p->ids == TX_IDS)
		return TX_BROKEN;
	add_data(p, copy);
	p->more = copy->flags & NETTXF_more_data;
	if (p->want == WANT_FIRST) {
		p->total = copy->size;
		p->flags = copy->flags;
		p->want = WANT_DATA;
		if (copy->flags & NETTXF_extra_info) {
			p->want = WANT_EXTRA;
			return TX_MORE;
		}
	} else {
		p->rest += copy->size;
		if (copy->flags & NETTXF_extra_info)
			return TX_BROKEN;
	}
	return p->more ? TX_MORE : finish(p);
}
