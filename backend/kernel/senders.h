/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * senders.h - who sent what an interface gave to its guest: frames that were
 * counted by sender, and by them the time that giving took.
 */
#ifndef KERNEL_SENDERS_H
#define KERNEL_SENDERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "backend/kernel/cost.h"

struct kdev;

#define PAIRS_MOST 16384u

/* Frames that one sent, and another received. */
struct pair {
	LIST_ENTRY(pair) link; /* of the receiver's */
	TAILQ_ENTRY(pair) turn; /* of all */
	struct kdev *from, *to;
	struct kcost told; /* units and bytes: by the kernel, in this period; */
	struct kcost due; /* and not in the receiver's own counts yet */
	struct kcost part; /* of what is divided: units are its weight */
	struct kcost cost; /* not yet posted */
};

LIST_HEAD(pair_list, pair);

struct pairs {
	TAILQ_HEAD(pair_turns, pair) turns; /* who has posted stands last */
	unsigned int n;
};

/* Frames of `from` were given to the guest of `to`.  Beyond PAIRS_MOST: not said of whom. */
void pairs_tell(struct pairs *all, struct kdev *from, struct kdev *to, uint64_t units,
		uint64_t bytes);
/*
 * Divides to->received, of this period: to its senders, and what is left to
 * its costs.  Forgets those that have sent nothing and owe nothing.
 */
void pairs_settle(struct pairs *all, struct kdev *to);
/* What it sent is nobody's that is known; what was sent to it is gone. */
void pairs_remove(struct pairs *all, struct kdev *d);
/* Some of what it received is not posted. */
bool pairs_wait(const struct kdev *to);

#endif
