/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * option.h - a command line that is wrong, told in one line.
 */
#ifndef COMMON_OPTION_H
#define COMMON_OPTION_H

#include <stdint.h>

/* For '?' from getopt_long, which was told to be silent (opterr = 0). */
__attribute__((noreturn)) void die_option(char **argv);

/* The value of --name, a number from min to max; else it dies, and says so. */
uint64_t option_number(const char *name, const char *text, uint64_t min, uint64_t max);

#endif
