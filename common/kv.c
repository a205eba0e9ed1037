/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kv.c - see kv.h.  What is read here may have been written by a guest:
 * one spelling for each value (no sign, no blank, no leading zero), so that
 * no two texts name the same domain.
 */
#include "common/kv.h"

#include <stdio.h>
#include <string.h>

bool kv_is_v1(const char *line)
{
	return !strncmp(line, "v=1", 3) && (line[3] == ' ' || line[3] == '\0');
}

bool kv_get(const char *line, const char *key, char *buf, size_t size)
{
	size_t klen = strlen(key);

	while (*line) {
		size_t len = strcspn(line, " ");

		if (len > klen && line[klen] == '=' && !memcmp(line, key, klen)) {
			size_t vlen = len - klen - 1;

			if (vlen >= size)
				return false;
			memcpy(buf, line + klen + 1, vlen);
			buf[vlen] = '\0';
			return true;
		}
		line += len;
		if (*line)
			line++;
	}
	return false;
}

bool parse_u64(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (; *text; text++) {
		unsigned int digit = (unsigned int)(unsigned char)*text - '0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (value > max)
		return false;
	*out = value;
	return true;
}

bool kv_u64(const char *line, const char *key, uint64_t max, uint64_t *out)
{
	char text[24];

	return kv_get(line, key, text, sizeof(text)) && parse_u64(text, max, out);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool parse_hex64(const char *text, uint64_t *out)
{
	uint64_t value = 0;
	int i;

	for (i = 0; i < 16; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return false;
		value = value << 4 | (unsigned int)digit;
	}
	if (text[16])
		return false;
	*out = value;
	return true;
}

bool uuid_parse(const char *text, uint8_t uuid[16])
{
	uint8_t value[16];
	int i, n = 0;

	for (i = 0; i < UUID_TEXT - 1; i++) {
		int digit;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
			continue;
		}
		digit = hex_digit(text[i]);
		if (digit < 0)
			return false;
		if (n % 2)
			value[n / 2] = (uint8_t)(value[n / 2] | digit);
		else
			value[n / 2] = (uint8_t)(digit << 4);
		n++;
	}
	if (text[UUID_TEXT - 1])
		return false;
	memcpy(uuid, value, sizeof(value));
	return true;
}

bool uuid_equal(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0;
}

void uuid_format(const uint8_t u[16], char text[UUID_TEXT])
{
	snprintf(text, UUID_TEXT,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
		 u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
		 u[15]);
}
