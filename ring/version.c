/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring/link.h"

#include <xentoollog.h>

const char *acctring_version(void)
{
	return ACCTRING_VERSION;
}

static void say_nothing(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
			const char *context, const char *format, va_list al)
{
	(void)logger;
	(void)level;
	(void)errnoval;
	(void)context;
	(void)format;
	(void)al;
}

struct xentoollog_logger ring_null_logger = { .vmessage = say_nothing };
