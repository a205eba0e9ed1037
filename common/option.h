/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * option.h - a command line that is wrong, told in one line.
 */
#ifndef COMMON_OPTION_H
#define COMMON_OPTION_H

/* For '?' from getopt_long, which was told to be silent (opterr = 0). */
__attribute__((noreturn)) void die_option(char **argv);

#endif
