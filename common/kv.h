/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kv.h - lines of words "v=1 key=value ..." as they stand in xenstore
 * (docs/protocol.md, section 2), and the values in them.  Pure.
 */
#ifndef COMMON_KV_H
#define COMMON_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The line begins with the word v=1. */
bool kv_is_v1(const char *line);
/* Value of `key` copied into buf; false: absent or longer than size - 1. */
bool kv_get(const char *line, const char *key, char *buf, size_t size);
/* Decimal value, whole word, no sign; false: absent or not a number <= max. */
bool kv_u64(const char *line, const char *key, uint64_t max, uint64_t *out);
/* A whole decimal string; the same rules. */
bool parse_u64(const char *text, uint64_t max, uint64_t *out);
/* 16 hex digits. */
bool parse_hex64(const char *text, uint64_t *out);

#define UUID_TEXT 37
/* Canonical text form, lower case. */
bool uuid_parse(const char *text, uint8_t uuid[16]);
bool uuid_equal(const uint8_t a[16], const uint8_t b[16]);
void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT]);

#endif
