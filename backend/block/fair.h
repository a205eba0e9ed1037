/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fair.h - whose turn is next, when what a turn costs is known only at its
 * end and some are served side by side.  Pure.
 *
 * Deficit round robin without the rounds: each guest has the sum of what its
 * turns have cost, and of those in line the one that has cost least is next.
 * Who comes back from idling begins at the sum of the one served last: it has
 * saved nothing, but what it was ahead by it still is.  So of two guests that
 * are always in line neither gets more than the other by more than what the
 * turns cost that are under way; and one that comes waits for one turn of each
 * other guest at most, unless it is ahead.
 *
 * However far ahead: who stands in line while FAIR_TURNS for each other guest
 * there are given is next.
 */
#ifndef BACKEND_BLOCK_FAIR_H
#define BACKEND_BLOCK_FAIR_H

#include <stdint.h>
#include <sys/queue.h>

#define FAIR_TURNS 8u

struct fair_guest {
	TAILQ_ENTRY(fair_guest) link; /* of those in line */
	uint64_t spent;
	uint64_t since; /* turns given, when it got in line */
	unsigned int waiting, serving; /* its threads */
};

struct fair {
	TAILQ_HEAD(, fair_guest) line;
	uint64_t floor; /* what the guest that was served last had spent */
	uint64_t turns; /* given */
};

void fair_init(struct fair *f);
/* A thread of the guest gets in line. */
void fair_enter(struct fair *f, struct fair_guest *g);
/* The guest of whom a thread is served now; NULL: nobody is in line. */
struct fair_guest *fair_next(struct fair *f);
/* A thread's turn ended, and has cost so much. */
void fair_leave(struct fair_guest *g, uint64_t cost);

#endif
