/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/net/vnet.h"

#include <string.h>

#include "common/xenbus_ring.h"
#include <xen/io/netif.h>

bool vnet_header(const uint8_t *frame, size_t len, const struct offload *o,
		 struct virtio_net_hdr *h)
{
	struct transport t;
	size_t head;

	memset(h, 0, sizeof(*h));
	if (o->gso != XEN_NETIF_GSO_TYPE_NONE) {
		if (!gso_segments(frame, len, o, &head))
			return false;
		h->gso_type = o->gso == XEN_NETIF_GSO_TYPE_TCPV4 ? VIRTIO_NET_HDR_GSO_TCPV4
								 : VIRTIO_NET_HDR_GSO_TCPV6;
		h->gso_size = o->size;
		h->hdr_len = (uint16_t)head;
	} else if (!o->blank) {
		if (o->valid)
			h->flags = VIRTIO_NET_HDR_F_DATA_VALID;
		return true;
	}
	if (!transport_find(frame, len, &t))
		return false;
	h->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	h->csum_start = (uint16_t)t.from;
	h->csum_offset = (uint16_t)(t.sum - t.from);
	return true;
}

/* The receiver finds the place by itself, if it is where TCP or UDP have it. */
static bool is_usual(const struct virtio_net_hdr *h, const uint8_t *frame, size_t len)
{
	struct transport t;

	return transport_find(frame, len, &t) && t.to <= len && h->csum_start == t.from &&
	       h->csum_offset == t.sum - t.from;
}

bool vnet_offload(const struct virtio_net_hdr *h, uint8_t *frame, size_t len, struct offload *o)
{
	*o = (struct offload){ .gso = XEN_NETIF_GSO_TYPE_NONE };
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		o->gso = XEN_NETIF_GSO_TYPE_TCPV4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		o->gso = XEN_NETIF_GSO_TYPE_TCPV6;
		break;
	default:
		return false;
	}
	o->size = o->gso == XEN_NETIF_GSO_TYPE_NONE ? 0 : h->gso_size;
	o->valid = h->flags & (VIRTIO_NET_HDR_F_DATA_VALID | VIRTIO_NET_HDR_F_NEEDS_CSUM);
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return !o->gso; /* a packet to be cut has no checksum yet */
	if (is_usual(h, frame, len)) {
		o->blank = true;
		return true;
	}
	return !o->gso &&
	       csum_fill_at(frame, len, h->csum_start, (size_t)h->csum_start + h->csum_offset);
}
