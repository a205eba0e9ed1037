/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock.h - one collector at a time: two would write each other's bills.
 */
#ifndef COLLECTOR_LOCK_H
#define COLLECTOR_LOCK_H

#include <stddef.h>

/*
 * Locks collector.lock in the environment's ACCTRING_RUNDIR, else in
 * /run/acctring; the directory is made.  The lock lasts as long as the
 * process.  0, or -errno and a line in `why`; -EWOULDBLOCK: another has it.
 */
int lock_take(char *why, size_t size);

#endif
