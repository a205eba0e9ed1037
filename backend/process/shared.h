/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared.h - workers of the kernel that work for several VMs, billed as pools: --pools shared, at
 * level 1.  A pool is all workers of a kind; its payers are the disks that lie on devices of that kind, by
 * what they read and wrote in the period.  docs/processes.md, "Shared workers as pools".
 */
#ifndef PROCESS_SHARED_H
#define PROCESS_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/process/devmap.h"
#include "common/model.h"

#define SHARED_PERIODS 4u /* so long time waits for a disk that did something */

enum { SHARED_LOOP, SHARED_CRYPT, SHARED_MD, SHARED_POOLS };

struct kernel;

struct shared_pool {
	struct model model; /* what a request of each kind, and a KiB, costs there */
	uint64_t ns; /* burned, and nobody's yet */
	unsigned int waits; /* periods that it has waited */
	bool host; /* the host has a device of that kind, too: whose it is cannot be told */
	bool said; /* that */
};

struct shared {
	struct shared_pool pool[SHARED_POOLS];
};

void shared_begin(struct shared *s);
/* Which of them a thread of the kernel of that name works for; -1: none. */
int shared_of(const char *name);
/* Which disks lie on what: after the map was made. */
void shared_map(struct kernel *k, const struct devmap *map);
/* A worker burned ns. */
void shared_burned(struct shared *s, int pool, uint64_t ns);
/* After the disks' counts were read: to whom it goes. */
void shared_settle(struct kernel *k);

#endif
