/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock.h - one collector at a time: two would write each other's bills.
 */
#ifndef COLLECTOR_LOCK_H
#define COLLECTOR_LOCK_H

#include <stdbool.h>
#include <stddef.h>

#define CONTROL_SOCKET "collector.sock" /* beside the lock: control.c */
#define ENTITLEMENTS_LINK "entitlements" /* to the directory of keep.h, since debt began */

/*
 * Locks collector.lock in the environment's ACCTRING_RUNDIR, else in
 * /run/acctring; the directory is made.  The lock lasts as long as the
 * process, and its watchdog, which inherits it: until that has given back what
 * a collector took that was killed, no other one begins.  0, or -errno and a
 * line in `why`; -EWOULDBLOCK: another has it.
 */
int lock_take(char *why, size_t size);
/* The same; for some seconds another may have it, as long as a watchdog needs. */
int lock_wait(char *why, size_t size);
/* The descriptor by which it is held, for who inherits it; -1: it is not. */
int lock_fd(void);
/* The path of a file in that directory; false: too long. */
bool lock_dir_path(char *path, size_t size, const char *name);

#endif
