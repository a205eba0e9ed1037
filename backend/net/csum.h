/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * csum.h - completes the checksum that a guest left blank, for a receiver
 * that does not take such frames.  Pure.
 */
#ifndef BACKEND_NET_CSUM_H
#define BACKEND_NET_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The TCP or UDP checksum field holds the sum of the pseudo header; the
 * rest is added and put there.  False: no frame whose checksum we know.
 */
bool csum_fill(uint8_t *frame, size_t len);
/* Guests say apart whether they take these. */
bool csum_is_ipv6(const uint8_t *frame, size_t len);

#endif
