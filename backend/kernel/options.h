/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.h - the command line of acctring-kernback.
 */
#ifndef KERNEL_OPTIONS_H
#define KERNEL_OPTIONS_H

#include <acctring/acctring.h>
#include <stdbool.h>

#define PROGRAM "acctring-kernback"
#define PERIOD_MOST 1000u /* ms */

extern struct kernel_options {
	struct acctring_options link;
	unsigned int period, level;
	bool list, threaded, guard, pools, syslog, verbose;
	const char *totals;
	const char *proc, *sys; /* "/proc", "/sys" */
} opt;

/* Fills it, and begins the log; ends the program where something is wrong. */
void kernel_options(int argc, char **argv);

#endif
