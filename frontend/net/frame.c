/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/net/frame.h"

#include <string.h>

#define IP 14u
#define UDP 34u
#define BODY 42u
#define DATA 66u /* after magic, number, sum, length */
#define PORT 7777u
#define MAGIC 0x61635466u

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
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

/* The sum of the UDP pseudo header. */
static uint32_t pseudo(const uint8_t *f, size_t udp_len)
{
	return add(17u + (uint32_t)udp_len, f + IP + 12, 8);
}

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

static void build_ip(uint8_t *f, size_t len)
{
	uint8_t *ip = f + IP;

	ip[0] = 0x45;
	put16(ip + 2, (unsigned int)(len - IP));
	ip[8] = 64;
	ip[9] = 17;
	ip[12] = ip[16] = 10;
	memcpy(ip + 13, f + 9, 3); /* from */
	memcpy(ip + 17, f + 3, 3); /* to */
	put16(ip + 10, ~fold(add(0, ip, 20)) & 0xffff);
}

void frame_build(uint8_t *f, size_t len, const uint8_t dst[6], const uint8_t src[6],
		 uint64_t number, bool blank)
{
	size_t udp_len = len - UDP;
	unsigned int sum;

	memset(f, 0, DATA);
	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	put16(f + 12, 0x0800);
	build_ip(f, len);
	put16(f + UDP, PORT);
	put16(f + UDP + 2, PORT);
	put16(f + UDP + 4, (unsigned int)udp_len);
	put16(f + BODY, MAGIC >> 16);
	put16(f + BODY + 2, MAGIC & 0xffff);
	put64(f + BODY + 4, number);
	fill(f + DATA, len - DATA, number);
	put64(f + BODY + 12, data_sum(f + DATA, len - DATA));
	if (blank) {
		put16(f + UDP + 6, fold(pseudo(f, udp_len)));
		return;
	}
	sum = ~fold(add(pseudo(f, udp_len), f + UDP, udp_len)) & 0xffff;
	put16(f + UDP + 6, sum ? sum : 0xffff);
}

void frame_hello(uint8_t *f, const uint8_t src[6])
{
	memset(f, 0, FRAME_HELLO);
	memset(f, 0xff, 6);
	memcpy(f + 6, src, 6);
	put16(f + 12, 0x88b5); /* for local experiments */
}

enum frame_kind frame_check(const uint8_t *f, size_t len, bool blank, uint64_t *number)
{
	size_t udp_len;

	if (len < FRAME_MIN || f[12] != 8 || f[13] || f[IP + 9] != 17 || f[UDP + 2] != PORT >> 8 ||
	    f[UDP + 3] != (PORT & 255))
		return FRAME_OTHER;
	udp_len = (size_t)f[UDP + 4] << 8 | f[UDP + 5];
	if (udp_len + UDP != len || fold(add(0, f + IP, 20)) != 0xffff)
		return FRAME_BAD;
	if (!blank && fold(add(pseudo(f, udp_len), f + UDP, udp_len)) != 0xffff)
		return FRAME_BAD;
	*number = get64(f + BODY + 4);
	if (get64(f + BODY + 12) != data_sum(f + DATA, len - DATA))
		return FRAME_BAD;
	return FRAME_TEST;
}
