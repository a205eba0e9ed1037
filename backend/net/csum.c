/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/net/csum.h"

#define ETH 14u
#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define TYPE_VLAN 0x8100u
#define PROTO_TCP 6u
#define PROTO_UDP 17u

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* Where the transport header begins and ends; its protocol, or 0. */
static unsigned int find_transport(const uint8_t *f, size_t len, size_t *from, size_t *to)
{
	size_t ip = ETH, head;
	unsigned int type;

	if (len < ETH + 4)
		return 0;
	type = get16(f + 12);
	if (type == TYPE_VLAN) {
		type = get16(f + 16);
		ip += 4;
	}
	if (type == TYPE_IPV4 && len >= ip + 20) {
		head = (f[ip] & 15u) * 4u;
		*from = ip + head;
		*to = ip + get16(f + ip + 2);
		/* a fragment has no whole transport packet */
		if (head < 20 || f[ip] >> 4 != 4 || (get16(f + ip + 6) & 0x3fff))
			return 0;
		return f[ip + 9];
	}
	if (type == TYPE_IPV6 && len >= ip + 40 && f[ip] >> 4 == 6) {
		*from = ip + 40;
		*to = *from + get16(f + ip + 4);
		return f[ip + 6];
	}
	return 0;
}

bool csum_fill(uint8_t *frame, size_t len)
{
	size_t from = 0, to = 0, field, i;
	unsigned int proto = find_transport(frame, len, &from, &to);
	uint32_t sum = 0;

	if (proto == PROTO_TCP)
		field = from + 16;
	else if (proto == PROTO_UDP)
		field = from + 6;
	else
		return false;
	if (to > len || from > to || field + 2 > to)
		return false;
	for (i = from; i + 1 < to; i += 2)
		sum += get16(frame + i);
	if (i < to)
		sum += (unsigned int)frame[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	if (!sum && proto == PROTO_UDP)
		sum = 0xffff; /* 0 means: none */
	frame[field] = (uint8_t)(sum >> 8);
	frame[field + 1] = (uint8_t)sum;
	return true;
}

bool csum_is_ipv6(const uint8_t *frame, size_t len)
{
	size_t at = len >= ETH + 4 && get16(frame + 12) == TYPE_VLAN ? 16 : 12;

	return len >= at + 2 && get16(frame + at) == TYPE_IPV6;
}
