/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * index.h - the frontend's index of a ring, checked.  Pure.
 *
 * It only ever goes forward, and never further ahead of our answers than
 * the ring is long.  What bounds our loops is what we have seen ourselves:
 * a frontend that takes back what it has published breaks the ring, even
 * where we have not yet taken it.
 */
#ifndef BACKEND_INDEX_H
#define BACKEND_INDEX_H

#include <stdint.h>

/*
 * Entries to take, 0..size, when the frontend's index is `prod` and was
 * `seen` when we last looked, we took up to `cons` and answered up to `rsp`;
 * -1: the index breaks the ring.
 */
static inline int ring_available(uint32_t prod, uint32_t seen, uint32_t cons, uint32_t rsp,
				 uint32_t size)
{
	/* all differences are modulo 2^32; rsp <= cons <= seen <= rsp + size are ours */
	if (prod - rsp > size || prod - rsp < seen - rsp)
		return -1;
	return (int)(prod - cons);
}

#endif
