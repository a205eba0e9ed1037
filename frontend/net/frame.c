/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/net/frame.h"

#include <string.h>

#define IP 14u
#define HEAD 24u /* of a UDP frame's data: magic, number, sum, length */
#define PORT 7777u
#define MAGIC 0x61635466u
#define UDP 17u
#define TCP 6u

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static void put64(uint8_t *p, uint64_t v)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v = 0;
	unsigned int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static uint32_t add(uint32_t sum, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (i < len)
		sum += (uint32_t)p[i] << 8;
	return sum;
}

static unsigned int fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static size_t transport(bool ipv6)
{
	return IP + (ipv6 ? 40 : 20);
}

static size_t body(bool ipv6, bool tcp)
{
	return transport(ipv6) + (tcp ? 20 : 8);
}

size_t frame_data(size_t len, const struct frame_how *how)
{
	return len - body(how->ipv6, how->tcp);
}

/* The sum of the pseudo header. */
static uint32_t pseudo(const uint8_t *f, bool ipv6, bool tcp, size_t len)
{
	uint32_t sum = (tcp ? TCP : UDP) + (uint32_t)len;

	return ipv6 ? add(sum, f + IP + 8, 32) : add(sum, f + IP + 12, 8);
}

/* ---- data ---- */

static uint64_t data_sum(const uint8_t *p, size_t len)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

static void fill(uint8_t *p, size_t len, uint64_t number)
{
	uint64_t x = number * 0x9e3779b97f4a7c15u + 1;
	size_t i;

	for (i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)x;
	}
}

static uint8_t stream_byte(uint32_t at)
{
	uint32_t x = (at >> 2) * 0x9e3779b1u;

	return (uint8_t)((x ^ x >> 15) >> 8 * (at & 3));
}

static void put_numbered(uint8_t *p, size_t len, uint64_t number)
{
	memset(p, 0, HEAD);
	put16(p, MAGIC >> 16);
	put16(p + 2, MAGIC & 0xffff);
	put64(p + 4, number);
	fill(p + HEAD, len - HEAD, number);
	put64(p + 12, data_sum(p + HEAD, len - HEAD));
}

static void put_stream(uint8_t *p, size_t len, uint32_t at)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = stream_byte(at + (uint32_t)i);
}

static bool is_stream(const uint8_t *p, size_t len, uint32_t at)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != stream_byte(at + (uint32_t)i))
			return false;
	return true;
}

/* ---- headers ---- */

static void build_ipv4(uint8_t *f, size_t len, bool tcp)
{
	uint8_t *ip = f + IP;

	put16(f + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned int)(len - IP));
	ip[8] = 64;
	ip[9] = tcp ? TCP : UDP;
	ip[12] = ip[16] = 10;
	memcpy(ip + 13, f + 9, 3); /* from */
	memcpy(ip + 17, f + 3, 3); /* to */
	put16(ip + 10, ~fold(add(0, ip, 20)) & 0xffff);
}

static void build_ipv6(uint8_t *f, size_t len, bool tcp)
{
	uint8_t *ip = f + IP;

	put16(f + 12, 0x86dd);
	ip[0] = 0x60;
	put16(ip + 4, (unsigned int)(len - IP - 40));
	ip[6] = tcp ? TCP : UDP;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	memcpy(ip + 18, f + 6, 6); /* from */
	memcpy(ip + 34, f, 6); /* to */
}

static void build_transport(uint8_t *t, size_t len, const struct frame_how *how, uint64_t number)
{
	put16(t, PORT + how->flow);
	put16(t + 2, PORT);
	if (!how->tcp) {
		put16(t + 4, (unsigned int)len);
		put_numbered(t + 8, len - 8, number);
		return;
	}
	put16(t + 4, (number >> 16) & 0xffff);
	put16(t + 6, number & 0xffff);
	t[12] = 5 << 4;
	t[13] = 0x18; /* ACK, PSH */
	put16(t + 14, 0xffff);
	put_stream(t + 20, len - 20, (uint32_t)number);
}

void frame_build(uint8_t *f, size_t len, const struct frame_how *how, uint64_t number)
{
	uint8_t *t = f + transport(how->ipv6), *at = t + (how->tcp ? 16 : 6);
	size_t left = len - transport(how->ipv6);
	unsigned int sum;

	memset(f, 0, body(how->ipv6, how->tcp));
	memcpy(f, how->dst, 6);
	memcpy(f + 6, how->src, 6);
	if (how->ipv6)
		build_ipv6(f, len, how->tcp);
	else
		build_ipv4(f, len, how->tcp);
	build_transport(t, left, how, number);
	sum = pseudo(f, how->ipv6, how->tcp, left);
	if (how->blank) {
		put16(at, fold(sum));
		return;
	}
	sum = ~fold(add(sum, t, left)) & 0xffff;
	put16(at, sum ? sum : 0xffff);
}

void frame_hello(uint8_t *f, const uint8_t src[6])
{
	memset(f, 0, FRAME_HELLO);
	memset(f, 0xff, 6);
	memcpy(f + 6, src, 6);
	put16(f + 12, 0x88b5); /* for local experiments */
}

/* ---- what came ---- */

static enum frame_kind check_numbered(const uint8_t *t, size_t len, struct frame_is *is)
{
	if (len < 8 + HEAD || get16(t + 4) != len)
		return FRAME_BAD;
	is->number = get64(t + 12);
	is->data = len - 8;
	return get64(t + 20) == data_sum(t + 8 + HEAD, len - 8 - HEAD) ? FRAME_TEST : FRAME_BAD;
}

static enum frame_kind check_stream(const uint8_t *t, size_t len, struct frame_is *is)
{
	if (len < 20 || t[12] != 5 << 4)
		return FRAME_BAD;
	is->number = get16(t + 4) << 16 | get16(t + 6);
	is->data = len - 20;
	return is_stream(t + 20, len - 20, (uint32_t)is->number) ? FRAME_STREAM : FRAME_BAD;
}

enum frame_kind frame_check(const uint8_t *f, size_t len, bool blank, struct frame_is *is)
{
	size_t left;
	const uint8_t *t;
	bool ipv6, tcp;

	if (len < IP + 20 + 20)
		return FRAME_OTHER;
	ipv6 = get16(f + 12) == 0x86dd;
	if (!ipv6 && get16(f + 12) != 0x0800)
		return FRAME_OTHER;
	if (len < transport(ipv6) + 20)
		return FRAME_OTHER;
	t = f + transport(ipv6);
	left = len - transport(ipv6);
	tcp = f[ipv6 ? IP + 6 : IP + 9] == TCP;
	if ((!tcp && f[ipv6 ? IP + 6 : IP + 9] != UDP) || get16(t + 2) != PORT)
		return FRAME_OTHER;
	if (ipv6 ? get16(f + IP + 4) != left
		 : (get16(f + IP + 2) != len - IP || fold(add(0, f + IP, 20)) != 0xffff))
		return FRAME_BAD;
	if (!blank && fold(add(pseudo(f, ipv6, tcp, left), t, left)) != 0xffff)
		return FRAME_BAD;
	memcpy(is->key, f, 12);
	memcpy(is->key + 12, t, 2);
	return tcp ? check_stream(t, left, is) : check_numbered(t, left, is);
}
