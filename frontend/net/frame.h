/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frame.h - test frames: Ethernet, IPv4 or IPv6, and then
 *	UDP: a number, a checksum and data that the number determines;
 *	TCP: a piece of a stream whose bytes their position determines, so that
 *	it can be checked however others have cut it.
 * Pure.
 */
#ifndef FRONTEND_NET_FRAME_H
#define FRONTEND_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MIN 66u /* of a UDP one; with IPv6 and for TCP FRAME_MIN6 do */
#define FRAME_MIN6 86u
#define FRAME_MAX_BYTES 65535u
#define FRAME_HELLO 60u
#define FRAME_KEY 14u /* what tells flows apart */

struct frame_how {
	const uint8_t *dst, *src; /* addresses */
	bool tcp, ipv6;
	bool blank; /* the checksum is left to others */
	unsigned int flow; /* makes the source port */
};

/* `number`: of the frame; of a TCP one where in the stream its data begins. */
void frame_build(uint8_t *f, size_t len, const struct frame_how *how, uint64_t number);
/* Bytes of its data. */
size_t frame_data(size_t len, const struct frame_how *how);
/* Tells the switch where we are; broadcast; not a test frame. */
void frame_hello(uint8_t *f, const uint8_t src[6]);

enum frame_kind { FRAME_TEST, FRAME_STREAM, FRAME_OTHER, FRAME_BAD };

struct frame_is {
	uint64_t number; /* or where in the stream */
	size_t data; /* bytes */
	uint8_t key[FRAME_KEY];
};

/* `blank`: its UDP or TCP checksum says nothing. */
enum frame_kind frame_check(const uint8_t *f, size_t len, bool blank, struct frame_is *is);

#endif
