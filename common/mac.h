/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mac.h - Ethernet addresses as text.  Pure.
 */
#ifndef COMMON_MAC_H
#define COMMON_MAC_H

#include <stdbool.h>
#include <stdint.h>

/* 00:16:3e:00:00:01 and nothing behind it; false: mac is as it was. */
bool mac_parse(const char *text, uint8_t mac[6]);

#endif
