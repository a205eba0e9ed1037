/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/net/csum.h"

#include <string.h>

#define ETH 14u
#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define TYPE_VLAN 0x8100u
#define HEADERS 8u /* of IPv6 before the transport's; more are none we know */

/* 64 bits at a time, for 32-bit sums of such need no folding between. */
uint32_t csum_add(uint32_t sum, const uint8_t *p, size_t len)
{
	uint64_t all = 0;
	uint32_t w;
	size_t i;

	for (i = 0; i + 4 <= len; i += 4) {
		memcpy(&w, p + i, sizeof(w));
		all += w;
	}
	if (len & 3) {
		w = 0;
		memcpy(&w, p + i, len & 3);
		all += w;
	}
	/* ones' complement sums have no byte order but that of their result */
	while (all >> 16)
		all = (all & 0xffff) + (all >> 16);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	all = (all & 0xff) << 8 | all >> 8;
#endif
	return csum_fold(sum) + (uint32_t)all;
}

unsigned int csum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static bool find_ipv4(const uint8_t *f, size_t len, struct transport *t)
{
	size_t head;

	if (len < t->ip + 20 || f[t->ip] >> 4 != 4)
		return false;
	head = (f[t->ip] & 15u) * 4u;
	t->from = t->ip + head;
	t->to = t->ip + get16(f + t->ip + 2);
	t->proto = f[t->ip + 9];
	/* a fragment has no whole transport packet */
	return head >= 20 && !(get16(f + t->ip + 6) & 0x3fff);
}

/* Hop by hop, routing and destination options may be in between. */
static bool find_ipv6(const uint8_t *f, size_t len, struct transport *t)
{
	unsigned int i;

	if (len < t->ip + 40 || f[t->ip] >> 4 != 6)
		return false;
	t->from = t->ip + 40;
	t->to = t->from + get16(f + t->ip + 4);
	t->proto = f[t->ip + 6];
	for (i = 0; i < HEADERS && (t->proto == 0 || t->proto == 43 || t->proto == 60); i++) {
		if (t->from + 8 > t->to || t->from + 8 > len)
			return false;
		t->proto = f[t->from];
		t->from += (f[t->from + 1] + 1u) * 8u;
	}
	return true;
}

bool transport_find(const uint8_t *f, size_t len, struct transport *t)
{
	unsigned int type;

	memset(t, 0, sizeof(*t));
	if (len < ETH + 4)
		return false;
	type = get16(f + 12);
	t->ip = ETH;
	if (type == TYPE_VLAN) {
		type = get16(f + 16);
		t->ip += 4;
	}
	t->ipv6 = type == TYPE_IPV6;
	if (type == TYPE_IPV4 ? !find_ipv4(f, len, t) : !t->ipv6 || !find_ipv6(f, len, t))
		return false;
	if (t->proto != PROTO_TCP && t->proto != PROTO_UDP)
		return false;
	t->sum = t->from + (t->proto == PROTO_TCP ? 16 : 6);
	return t->to <= len && t->from + (t->proto == PROTO_TCP ? 20 : 8) <= t->to;
}

bool csum_fill_at(uint8_t *frame, size_t len, size_t from, size_t sum)
{
	unsigned int s;

	if (from > len || sum < from || sum + 2 > len)
		return false;
	s = ~csum_fold(csum_add(0, frame + from, len - from)) & 0xffff;
	put16(frame + sum, s ? s : 0xffff); /* for UDP 0 means: none; for TCP both are right */
	return true;
}

bool csum_fill(uint8_t *frame, size_t len)
{
	struct transport t;

	return transport_find(frame, len, &t) && csum_fill_at(frame, t.to, t.from, t.sum);
}

void csum_blank(uint8_t *frame, const struct transport *t)
{
	uint32_t sum = t->proto + (uint32_t)(t->to - t->from);

	if (t->ipv6)
		sum = csum_add(sum, frame + t->ip + 8, 32);
	else
		sum = csum_add(sum, frame + t->ip + 12, 8);
	put16(frame + t->sum, csum_fold(sum));
}

bool csum_is_ipv6(const uint8_t *frame, size_t len)
{
	size_t at = len >= ETH + 4 && get16(frame + 12) == TYPE_VLAN ? 16 : 12;

	return len >= at + 2 && get16(frame + at) == TYPE_IPV6;
}
