/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/percent.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DECIMALS 4u

bool percent_parse(const char *text, uint64_t *ppm)
{
	uint64_t value = 0;
	unsigned int decimals = 0;
	bool digit = false, point = false;

	for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		digit = true;
		value = 10 * value + (uint64_t)(*text - '0');
		decimals += point;
		if (value > 10 * (uint64_t)PERCENT_MAX || decimals > DECIMALS)
			return false;
	}
	for (; decimals < DECIMALS; decimals++)
		value *= 10;
	if (!digit || (*text && strcmp(text, "%") != 0) || value < PERCENT_MIN ||
	    value > PERCENT_MAX)
		return false;
	*ppm = value;
	return true;
}

const char *percent_format(char text[PERCENT_TEXT], uint64_t ppm)
{
	size_t n;

	snprintf(text, PERCENT_TEXT, "%" PRIu64 ".%04" PRIu64, ppm / 10000, ppm % 10000);
	n = strlen(text);
	while (text[n - 1] == '0')
		n--;
	n -= text[n - 1] == '.';
	snprintf(text + n, PERCENT_TEXT - n, " %%");
	return text;
}
