/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into xenstored: /proc/xen/xsd_port and /proc/xen/xsd_kva are the
 * files of the same names in $XSANDBOX_XSD.  Nothing else is touched.
 *
 * openat() is asked for by syscall(): the C library's open functions are the
 * very ones that are replaced here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROC_XSD "/proc/xen/xsd_"
#define EXPORT __attribute__((visibility("default")))

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	const char *ours = getenv("XSANDBOX_XSD");
	char buf[512];

	if (ours && !strncmp(path, PROC_XSD, strlen(PROC_XSD))) {
		snprintf(buf, sizeof(buf), "%s/%s", ours, path + strlen("/proc/xen/"));
		path = buf;
	}
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

static bool has_mode(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

EXPORT int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags)) /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (has_mode(flags)) /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_at(dir, path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...) __attribute__((alias("open")));
EXPORT int openat64(int dir, const char *path, int flags, ...) __attribute__((alias("openat")));

/* What a build with _FORTIFY_SOURCE calls where no mode is given. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

EXPORT int __open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

EXPORT int __open64_2(const char *path, int flags) __attribute__((alias("__open_2")));
