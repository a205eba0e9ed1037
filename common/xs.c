/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xs.c - see xs.h.
 */
#include "common/xs.h"

#include "common/kv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE (XENSTORE_ABS_PATH_MAX + 1)

static bool __attribute__((format(printf, 2, 0)))
make_path(char path[PATH_SIZE], const char *fmt, va_list ap)
{
	int n = vsnprintf(path, PATH_SIZE, fmt, ap);

	if (n >= 0 && n < PATH_SIZE)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

static char *read_path(struct xs_handle *xsh, const char *path)
{
	unsigned int len;
	char *value = xs_read(xsh, XBT_NULL, path, &len);

	if (value && memchr(value, '\0', len)) {
		free(value);
		errno = EINVAL;
		return NULL;
	}
	return value;
}

char *xs_readf(struct xs_handle *xsh, const char *fmt, ...)
{
	char path[PATH_SIZE];
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = make_path(path, fmt, ap);
	va_end(ap);
	return ok ? read_path(xsh, path) : NULL;
}

bool xs_read_u64f(struct xs_handle *xsh, uint64_t max, uint64_t *out, const char *fmt, ...)
{
	char path[PATH_SIZE];
	char *value;
	va_list ap;
	bool ok;

	va_start(ap, fmt);
	ok = make_path(path, fmt, ap);
	va_end(ap);
	value = ok ? read_path(xsh, path) : NULL;
	if (!value)
		return false;
	ok = parse_u64(value, max, out);
	free(value);
	if (!ok)
		errno = EINVAL;
	return ok;
}

bool xs_writef(struct xs_handle *xsh, const char *path, const char *fmt, ...)
{
	char value[2049]; /* a node of an unprivileged domain holds 2048 */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(value)) {
		errno = E2BIG;
		return false;
	}
	return xs_write(xsh, XBT_NULL, path, value, (unsigned int)n);
}

bool xs_share(struct xs_handle *xsh, const char *path, int owner, int reader)
{
	struct xs_permissions perms[2] = {
		{ .id = (unsigned int)owner, .perms = XS_PERM_NONE },
		{ .id = (unsigned int)reader, .perms = XS_PERM_READ },
	};

	/* the owner has all rights: it needs no entry as reader */
	return xs_set_permissions(xsh, XBT_NULL, path, perms,
				  reader < 0 || reader == owner ? 1 : 2);
}

char **xs_listf(struct xs_handle *xsh, unsigned int *n, const char *fmt, ...)
{
	char path[PATH_SIZE];
	char **names;
	va_list ap;
	bool ok;

	*n = 0;
	va_start(ap, fmt);
	ok = make_path(path, fmt, ap);
	va_end(ap);
	names = ok ? xs_directory(xsh, XBT_NULL, path, n) : NULL;
	if (names && !*n) {
		free(names);
		names = NULL;
	}
	if (!names)
		*n = 0;
	return names;
}

bool xs_reopen(struct xs_handle **xsh)
{
	struct xs_handle *fresh = xs_open(0);

	if (!fresh)
		return false;
	xs_close(*xsh);
	*xsh = fresh;
	return true;
}

int xs_own_domid(struct xs_handle *xsh)
{
	uint64_t domid;

	if (!xs_read_u64f(xsh, DOMID_LAST, &domid, "domid"))
		return -1;
	return (int)domid;
}
