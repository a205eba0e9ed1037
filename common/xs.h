/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * xs.h - short forms over libxenstore, outside transactions.
 * Paths are printf formats.  Strings that are returned are malloc'ed.
 */
#ifndef COMMON_XS_H
#define COMMON_XS_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xenstore.h>

#define DOMID_LAST (DOMID_FIRST_RESERVED - 1u) /* of a domain, not of Xen's own */

/* NULL and errno (ENOENT, EACCES, ..). Values with a NUL inside: EINVAL. */
char *xs_readf(struct xs_handle *xsh, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Decimal number up to max; false and errno (EINVAL: not such a number). */
bool xs_read_u64f(struct xs_handle *xsh, uint64_t max, uint64_t *out, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
bool xs_writef(struct xs_handle *xsh, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Owner `owner` (default permission none), `reader` may read; reader < 0: nobody. */
bool xs_share(struct xs_handle *xsh, const char *path, int owner, int reader);
/* free() with one call; NULL and *n = 0 when empty or absent. */
char **xs_listf(struct xs_handle *xsh, unsigned int *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * Another handle in place of one that the store has closed, as libxenstore does
 * with one that is refused a watch (Linux fails the write of that request).  It
 * has no watch.  false and errno: the old one stays.
 */
bool xs_reopen(struct xs_handle **xsh);
/* Own domid from the store's relative key "domid"; -1 and errno. */
int xs_own_domid(struct xs_handle *xsh);

#endif
