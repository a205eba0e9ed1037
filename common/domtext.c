/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/domtext.h"

#include "common/kv.h"
#include "common/xs.h"

#include <ctype.h>
#include <string.h>

bool domtext_ok(char *text)
{
	size_t i, len = strlen(text);
	char lower[UUID_TEXT];
	uint8_t uuid[16];
	uint64_t domid;

	if (!len || len >= DOMTEXT)
		return false;
	if (strspn(text, "0123456789") == len)
		return parse_u64(text, DOMID_LAST, &domid);
	for (i = 0; i < len; i++)
		if (!isgraph((unsigned char)text[i]) || text[i] == '/')
			return false;
	if (len == UUID_TEXT - 1) {
		for (i = 0; i <= len; i++)
			lower[i] = (char)tolower((unsigned char)text[i]);
		if (uuid_parse(lower, uuid))
			memcpy(text, lower, len);
	}
	return true;
}

bool domtext_is(const char *text, const uint8_t uuid[16], unsigned int domid, const char *name)
{
	uint8_t wanted[16];
	uint64_t number;

	if (parse_u64(text, DOMID_LAST, &number))
		return number == domid;
	if (uuid_parse(text, wanted))
		return uuid_equal(wanted, uuid);
	return !strcmp(text, name);
}
