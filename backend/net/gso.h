/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gso.h - frames that are larger than the network's: one TCP packet that
 * somebody still has to cut into segments.  Pure.
 */
#ifndef BACKEND_NET_GSO_H
#define BACKEND_NET_GSO_H

#include "backend/net/csum.h"

/*
 * Most segments of a frame if they are smaller than GSO_SIZE; of larger ones
 * 64 KiB has 1024.  More would keep others waiting while it is cut.
 */
#define GSO_SEGMENTS 256u
#define GSO_SIZE 64u
/* Most of its headers, which each segment has again; TCP over IPv6 without options: 74. */
#define GSO_HEAD 256u

/* What netif and virtio-net say of a frame besides its bytes. */
struct offload {
	bool blank; /* its checksum holds the sum of the pseudo header */
	bool valid; /* its checksum was checked, or never left this host */
	uint8_t gso; /* XEN_NETIF_GSO_TYPE_* */
	uint16_t size; /* with gso: bytes of TCP in a segment */
};

/*
 * How many frames on a wire it is; *head is the length of all headers, when
 * it is to be cut.  0: the frame is not what `o` says, its segments would be
 * too many, or larger than IP packets are.
 */
unsigned int gso_segments(const uint8_t *frame, size_t len, const struct offload *o, size_t *head);
/* No segment of it is longer. */
size_t gso_longest(size_t len, const struct offload *o, size_t head);

/*
 * The i-th segment of a frame that gso_segments() has counted; its checksum
 * is blank, or with `fill` complete.  Returns its length, at most head + size.
 */
size_t gso_segment(const uint8_t *frame, size_t len, const struct offload *o, size_t head,
		   unsigned int i, uint8_t *to, bool fill);

#endif
