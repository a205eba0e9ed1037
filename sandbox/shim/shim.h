/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the shims of one library share. */
#ifndef SANDBOX_SHIM_SHIM_H
#define SANDBOX_SHIM_SHIM_H

#include <errno.h>

#define SHIM_API __attribute__((visibility("default")))

/* 0 or -errno of the broker -> 0 or -1 and errno, as the real libraries give. */
static inline int shim_result(int rc)
{
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

#endif
