/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * option.c - see option.h.
 */
#include "common/option.h"

#include "common/kv.h"
#include "common/log.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

void die_option(char **argv)
{
	/* an option of one letter may stand among others in a word */
	char letter[3] = { '-', (char)optopt, '\0' };
	const char *word = optopt > 0 && optopt < 256 && argv[optind - 1][1] != '-'
				   ? letter
				   : argv[optind - 1];

	die(EXIT_USAGE,
	    "%s: unknown option, or its value is missing or not wanted, allowed: see "
	    "%s --help",
	    word, program_invocation_short_name);
}

uint64_t option_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	uint64_t n;

	if (!parse_u64(text, max, &n) || n < min)
		die(EXIT_USAGE, "--%s %s: no such number, allowed: %" PRIu64 "..%" PRIu64, name,
		    text, min, max);
	return n;
}
