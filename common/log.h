/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.h - messages of the programs: to stderr ("name: text") or syslog.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>

enum {
	EXIT_RUNTIME = 1, /* failed while running */
	EXIT_USAGE = 2, /* command line */
	EXIT_CONFIG = 3, /* configuration file */
	EXIT_ENV = 4, /* no Xen, no store, no device, no database */
};

/* name is kept.  verbose: log_debug is shown too. */
void log_init(const char *name, bool to_syslog, bool verbose);
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* log_error, then exit(code). */
__attribute__((noreturn)) void die(int code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
