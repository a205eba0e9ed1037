/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * procfs.h - a process or thread by its number, which may be another's at any
 * time: what is read below one open directory is of one process.
 */
#ifndef KERNEL_PROCFS_H
#define KERNEL_PROCFS_H

#include <stdbool.h>
#include <sys/types.h>

#include "backend/kernel/parse.h"

#define PID_LAST 4194304u /* of Linux */

/*
 * Its directory below `proc`, to be closed, and what its stat says. -errno:
 * ENOENT or ESRCH when there is none (any more).
 */
int procfs_open(int proc, pid_t pid, struct proc_stat *stat);
/* Not merely out of reach, as when files cannot be opened. */
bool procfs_has_ended(int proc, pid_t pid);

#endif
