/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * csum.h - where a frame's TCP or UDP header is, and its checksum: completes
 * what a guest left blank, for a receiver that does not take such frames.  Pure.
 */
#ifndef BACKEND_NET_CSUM_H
#define BACKEND_NET_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTO_TCP 6u
#define PROTO_UDP 17u

/* All are offsets in the frame. */
struct transport {
	size_t ip; /* IPv4 or IPv6 header */
	size_t from, to; /* TCP or UDP header; end of what it carries */
	size_t sum; /* its checksum */
	uint8_t proto;
	bool ipv6;
};

/* False: no TCP or UDP, a fragment, or cut. */
bool transport_find(const uint8_t *frame, size_t len, struct transport *t);

/*
 * The TCP or UDP checksum field holds the sum of the pseudo header; the
 * rest is added and put there.  False: no frame whose checksum we know.
 */
bool csum_fill(uint8_t *frame, size_t len);
/* The same at a place that is told; false: it is not in the frame. */
bool csum_fill_at(uint8_t *frame, size_t len, size_t from, size_t sum);
/* Puts the sum of the pseudo header there: blank, as guests leave it. */
void csum_blank(uint8_t *frame, const struct transport *t);
/* Guests say apart whether they take these. */
bool csum_is_ipv6(const uint8_t *frame, size_t len);

/* The sum of bytes, not folded; of many parts where all but the last are even. */
uint32_t csum_add(uint32_t sum, const uint8_t *p, size_t len);
unsigned int csum_fold(uint32_t sum);

static inline unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static inline void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

#endif
