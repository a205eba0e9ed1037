/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the small programs share. */
#ifndef XEN_PROG_H
#define XEN_PROG_H

#include "common/clock.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096

static inline void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* What a granter writes into the pages, and a mapper expects there. */
static inline uint32_t pattern(uint32_t page)
{
	return 0xacc70000u + page;
}
#endif
