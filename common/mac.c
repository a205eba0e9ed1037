/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/mac.h"

#include <stdio.h>

bool mac_parse(const char *text, uint8_t mac[6])
{
	unsigned int m[6], i;
	char end;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
		   &end) != 6)
		return false;
	for (i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	return true;
}
