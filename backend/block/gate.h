/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.h - the threads of all queues take turns by what they cost their
 * guests: not more of them are in a turn than there are processors, and who
 * is next is by fair.h.  A turn is bounded work that does not wait; what may
 * wait is done outside, so a slow file holds up nobody.
 *
 * A turn that does wait nevertheless, for memory or in a driver that does not
 * keep to RWF_NOWAIT, is given up for lost after GATE_LATE_MS: others go on.
 */
#ifndef BACKEND_BLOCK_GATE_H
#define BACKEND_BLOCK_GATE_H

#include <pthread.h>
#include <stdbool.h>

#include "backend/block/fair.h"

#define GATE_LATE_MS 200

struct gate_guest;

/* A thread's. */
struct gate_turn {
	TAILQ_ENTRY(gate_turn) link; /* of its guest's that wait, or of all that serve */
	struct gate_guest *guest;
	pthread_cond_t granted;
	bool serving, late;
	uint64_t since; /* ms */
	uint64_t others; /* requests of other guests, by the time it got in line */
	uint64_t most; /* that others were served while it stood there */
};

TAILQ_HEAD(gate_turns, gate_turn);

struct gate_guest {
	LIST_ENTRY(gate_guest) link;
	struct fair_guest fair;
	struct gate_turns waiting;
	unsigned int domid, uses;
	uint64_t requests;
};

struct gate {
	pthread_mutex_t lock;
	struct fair fair;
	LIST_HEAD(, gate_guest) guests;
	struct gate_turns serving;
	unsigned int places, taken;
	uint64_t requests; /* of all guests */
};

void gate_init(struct gate *g);
/* As many places as there are processors for us now. */
void gate_measure(struct gate *g);

/* The guest, once for each use; NULL: no memory. */
struct gate_guest *gate_guest_get(struct gate *g, unsigned int domid);
void gate_guest_put(struct gate *g, struct gate_guest *guest);

void gate_turn_init(struct gate_turn *t, struct gate_guest *guest);
void gate_turn_end(struct gate_turn *t);
/* Waits for its turn. */
void gate_enter(struct gate *g, struct gate_turn *t);
/* The turn is over: so many requests, for so many ns. */
void gate_leave(struct gate *g, struct gate_turn *t, unsigned int requests, uint64_t ns);
/* Both, without having been away: there is more to do. */
void gate_again(struct gate *g, struct gate_turn *t, unsigned int requests, uint64_t ns);

#endif
