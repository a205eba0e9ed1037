/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.h - names of threads and processes that do not tell a VM: which
 * block device a worker of the kernel is for, or which pool of all's work
 * it belongs to.  Pure.  A name is believed only together with
 * proc_stat.kernel.  docs/processes.md has the names.
 */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include <stdbool.h>
#include <stddef.h>

#define WORKER_BLOCK 32 /* DISK_NAME_LEN of the kernel */

/*
 * A thread that works for one block device only: that device, as "253:0"
 * or "md0".  false: it is none.
 */
bool parse_worker_name(const char *name, char block[WORKER_BLOCK]);

/* NULL: of none. */
const char *pool_of(const char *name, bool kernel);

/*
 * What /proc/<pid>/cmdline holds: words that end with a NUL.
 * qemu_serves: among them are -xen-domid and then domid.
 */
bool qemu_serves(const char *words, size_t size, unsigned int domid);
/* It is a backend only, of a guest that has no other device model. */
bool qemu_attaches(const char *words, size_t size);
bool is_tapdisk(const char *words, size_t size);
/* Holder or worker: the latter's name is that of the link by which it was started. */
bool is_acctringd(const char *words, size_t size);

#endif
