/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * frame.h - test frames: Ethernet, IPv4, UDP, then a number, a checksum and
 * data that the number determines.  Pure.
 */
#ifndef FRONTEND_NET_FRAME_H
#define FRONTEND_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MIN 66u
#define FRAME_MAX_BYTES 65535u
#define FRAME_HELLO 60u

/* `blank`: the UDP checksum is left to others. */
void frame_build(uint8_t *f, size_t len, const uint8_t dst[6], const uint8_t src[6],
		 uint64_t number, bool blank);
/* Tells the switch where we are; broadcast; not a test frame. */
void frame_hello(uint8_t *f, const uint8_t src[6]);

enum frame_kind { FRAME_TEST, FRAME_OTHER, FRAME_BAD };

/* A test frame's number.  `blank`: its UDP checksum says nothing. */
enum frame_kind frame_check(const uint8_t *f, size_t len, bool blank, uint64_t *number);

#endif
