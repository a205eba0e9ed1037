/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * keep.h - the lines of entitle.h on disk, a file for each VM, named by its
 * UUID.  Files, since each is written and read alone, by a collector that is
 * not the one that wrote it, by its watchdog and by acctctl, without a
 * database that can be damaged as a whole; and people can read and mend them.
 *
 * A value that was never written before is durable before it is written: the
 * VM may be saved with it, and restored after the host has lost its power.
 * What changes with each write is written in place and survives our end, not
 * the host's, whose end it does not outlive either.
 *
 * Functions return 0 or -errno.
 */
#ifndef COLLECTOR_KEEP_H
#define COLLECTOR_KEEP_H

#include "collector/entitle.h"

#include <limits.h>

#define KEEP_DIR "/var/lib/acctring/entitlement"

/* The directory where debt began last on this host; else the default one. */
void keep_find(char path[PATH_MAX]);
/* A descriptor of the directory; make: with its parent, where they are missing. */
int keep_open(const char *path, bool make);
/* Durable, whole. */
int keep_write(int dir, const struct entitle *e);
/* In place: the head of the line only. */
int keep_mark(int dir, const struct entitle *e);
/* The time by which they are kept: the host's, in seconds; it counts on when that starts anew. */
uint32_t keep_now(void);
int keep_remove(int dir, const struct entitle *e);

/*
 * The VM's, zeroed but for its UUID where there is none; -EBADMSG: there is one
 * that cannot be read.
 */
int keep_read(int dir, const uint8_t uuid[16], struct entitle *e);
/* For each file; what cannot be read is left out, and counted in *bad. */
int keep_each(int dir, void (*take)(void *ctx, const struct entitle *e), void *ctx,
	      unsigned int *bad);

#endif
