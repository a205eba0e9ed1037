/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flush.h - one file, flushed by several threads at once.
 *
 * That something could not be written back is told to one of those that ask,
 * and once: another fdatasync that was under way returns 0, though what it
 * was asked for may be lost, too.  So who got 0 waits until all that were
 * under way have returned, and believes it only when none of them has failed.
 */
#ifndef BACKEND_BLOCK_FLUSH_H
#define BACKEND_BLOCK_FLUSH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define FLUSHERS 16u /* threads */

struct flushes {
	pthread_mutex_t lock;
	pthread_cond_t returned;
	uint64_t begun; /* how many */
	uint64_t under_way[FLUSHERS]; /* which of them a thread is in, or 0 */
	bool failed; /* one has, at any time */
};

void flushes_init(struct flushes *f);
void flushes_end(struct flushes *f);
/* By thread `who`, below FLUSHERS.  Waits; 0 or -errno. */
int flush_file(struct flushes *f, unsigned int who, int fd);

#endif
