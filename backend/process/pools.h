/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pools.h - threads and processes that work for all, and softirqs.
 */
#ifndef PROCESS_POOLS_H
#define PROCESS_POOLS_H

/* Prints "pool name value unit" for each that procfs, at `path`, shows. */
void list_pools(const char *path);

#endif
