/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * release.h - mode observe, where no collector runs: what an earlier one said
 * stays in the store, and accountants go by it (docs/configuration.md, "Modes").
 */
#ifndef COLLECTOR_RELEASE_H
#define COLLECTOR_RELEASE_H

#include "common/mode.h"

#include <xenstore.h>

#define MODE_NODE "/tool/acctring/mode"

/*
 * The next collector is to observe, and accountants are told so, in one
 * transaction.  *was: the mode that was said.  How many nodes said it, or
 * -errno.  To be called with the collector's lock (lock.h).
 */
int mode_release(struct xs_handle *xsh, enum mode *was);

#endif
