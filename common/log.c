/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.c - one message is one line and one write, whatever text of a peer
 * stands in it: control characters come out as '?'.
 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

static struct {
	const char *name;
	bool to_syslog;
	bool verbose;
} settings;

void log_init(const char *name, bool to_syslog, bool verbose)
{
	settings.name = name;
	settings.verbose = verbose;
	if (to_syslog && !settings.to_syslog)
		openlog(name, LOG_PID, LOG_DAEMON);
	else if (!to_syslog && settings.to_syslog)
		closelog();
	settings.to_syslog = to_syslog;
}

static void make_printable(char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		/* bytes from 0x80 on may be UTF-8 of a file name */
		if (c < 0x20 || c == 0x7f)
			*text = '?';
	}
}

static void __attribute__((format(printf, 2, 0))) put(int priority, const char *fmt, va_list ap)
{
	const char *name = settings.name;
	int saved = errno;
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, ap);
	make_printable(text);
	if (settings.to_syslog)
		syslog(priority, "%s", text);
	else
		fprintf(stderr, "%s: %s\n", name ? name : program_invocation_short_name, text);
	errno = saved;
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_ERR, fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_WARNING, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!settings.verbose)
		return;
	va_start(ap, fmt);
	put(LOG_DEBUG, fmt, ap);
	va_end(ap);
}

void die(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_ERR, fmt, ap);
	va_end(ap);
	exit(code);
}
