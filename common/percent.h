/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * percent.h - parts of a CPU as people write them: 5%, 0.5%, 150%.  Pure.
 */
#ifndef COMMON_PERCENT_H
#define COMMON_PERCENT_H

#include <stdbool.h>
#include <stdint.h>

#define PERCENT_MIN 1000u /* 0.1 % */
#define PERCENT_MAX 1000000000u
#define PERCENT_ALLOWED "0.1%..100000% of a CPU"

/* In parts of 1000000; the sign may be left out, four decimals at most. */
bool percent_parse(const char *text, uint64_t *ppm);
#define PERCENT_TEXT 24
const char *percent_format(char text[PERCENT_TEXT], uint64_t ppm);

#endif
