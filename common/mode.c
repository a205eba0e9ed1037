/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/mode.h"

#include <string.h>

static const char *const name[] = { "observe", "guard", "debt" };

const char *mode_name(enum mode mode)
{
	return name[mode];
}

bool mode_parse(const char *text, enum mode *mode)
{
	for (unsigned int i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		if (strcmp(name[i], text) != 0)
			continue;
		*mode = (enum mode)i;
		return true;
	}
	return false;
}
