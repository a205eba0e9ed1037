/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ring.h - a block ring of one or more pages, of either layout.  Everything
 * in the shared pages is the frontend's to change at any moment: an index is
 * loaded once and checked, an entry is copied once and the copy is used; our
 * own indices are here, never read back.
 */
#ifndef BACKEND_BLOCK_RING_H
#define BACKEND_BLOCK_RING_H

#include <stdbool.h>

#include "common/blkabi.h"

#define RING_MAX_ORDER 4u
#define RING_MAX_PAGES (1u << RING_MAX_ORDER)
#define RING_MAX 512u /* entries of that many pages, in both layouts */

struct ring {
	uint8_t *kpage; /* mapped, or NULL */
	uint32_t pages, size; /* entries */
	enum blk_abi abi;
	uint32_t seen; /* the frontend's index when we last looked */
	uint32_t cons; /* requests taken */
	uint32_t rsp; /* responses written */
	uint32_t pushed; /* of those, that the frontend has been shown */
	/* the counter when each request in the ring was first seen */
	uint64_t seen_at[RING_MAX];
};

/* kpage is mapped; a new connection begins at 0. */
void ring_init(struct ring *r, void *kpage, enum blk_abi abi, uint32_t pages);

/* Requests to take; -1: the index breaks the ring.  `at`: what new ones were seen at. */
int ring_look(struct ring *r, uint64_t at);
/* The same, after having asked for an event. */
int ring_look_last(struct ring *r, uint64_t at);

/* The next request, which ring_look() has announced.  Returns when it was first seen. */
uint64_t ring_take(struct ring *r, union blk_entry *copy);

/* For each taken request once, in any order. */
void ring_answer(struct ring *r, uint64_t id, uint8_t op, int16_t status);
/* Shows the answers; true: the frontend wants an event for them. */
bool ring_push(struct ring *r);

#endif
