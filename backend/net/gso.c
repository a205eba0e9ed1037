/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/net/gso.h"

#include <string.h>

#include "common/xenbus_ring.h"
#include <xen/io/netif.h>

#define FIN_PSH 0x09u /* only of the last segment */
#define CWR 0x80u /* only of the first */
#define IP_MAX 65535u

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

unsigned int gso_segments(const uint8_t *frame, size_t len, const struct offload *o, size_t *head)
{
	struct transport t;
	size_t tcp, n;

	*head = 0;
	if (o->gso == XEN_NETIF_GSO_TYPE_NONE)
		return 1;
	if (!transport_find(frame, len, &t) || t.proto != PROTO_TCP || !o->size ||
	    t.ipv6 != (o->gso == XEN_NETIF_GSO_TYPE_TCPV6))
		return 0;
	tcp = (frame[t.from + 12] >> 4) * 4u;
	if (tcp < 20 || t.from + tcp > t.to)
		return 0;
	*head = t.from + tcp;
	if (*head > GSO_HEAD || *head - t.ip + o->size > IP_MAX)
		return 0;
	n = (t.to - *head + o->size - 1) / o->size;
	if (n > GSO_SEGMENTS && o->size < GSO_SIZE)
		return 0;
	return n ? (unsigned int)n : 1;
}

size_t gso_longest(size_t len, const struct offload *o, size_t head)
{
	return len < head + o->size ? len : head + o->size;
}

size_t gso_segment(const uint8_t *frame, size_t len, const struct offload *o, size_t head,
		   unsigned int i, uint8_t *to, bool fill)
{
	size_t at = head + (size_t)i * o->size, n;
	struct transport t;
	uint8_t *ip, *tcp;

	transport_find(frame, len, &t); /* gso_segments() has found it */
	n = t.to - at < o->size ? t.to - at : o->size;
	memcpy(to, frame, head);
	memcpy(to + head, frame + at, n);
	ip = to + t.ip;
	tcp = to + t.from;
	put32(tcp + 4, get32(tcp + 4) + i * o->size);
	if (at + n < t.to)
		tcp[13] &= (uint8_t)~FIN_PSH;
	if (i)
		tcp[13] &= (uint8_t)~CWR;
	if (t.ipv6) {
		put16(ip + 4, (unsigned int)(head + n - t.ip - 40));
	} else {
		put16(ip + 2, (unsigned int)(head + n - t.ip));
		put16(ip + 4, (get16(ip + 4) + i) & 0xffff);
		put16(ip + 10, 0);
		put16(ip + 10, ~csum_fold(csum_add(0, ip, t.from - t.ip)) & 0xffff);
	}
	t.to = head + n;
	csum_blank(to, &t);
	if (fill)
		csum_fill_at(to, t.to, t.from, t.sum);
	return t.to;
}
