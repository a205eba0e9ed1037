/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/block/load.h"

#include "frontend/block/pattern.h"

static uint32_t pick_sectors(struct load *l)
{
	uint32_t min = l->min / PATTERN_SECTOR, max = l->max / PATTERN_SECTOR;

	if (min != max)
		min += (uint32_t)(pattern_random(&l->random) % (max - min + 1));
	return min;
}

/* A run of sectors from the next one; at the end of the disk it is cut. */
static void take_run(struct load *l, uint32_t sectors, struct load_request *out)
{
	if (sectors > l->sectors - l->next)
		sectors = (uint32_t)(l->sectors - l->next);
	out->sector = l->next;
	out->bytes = sectors * PATTERN_SECTOR;
	l->next += sectors;
}

static bool next_verify(struct load *l, bool idle, struct load_request *out)
{
	if (l->next == l->sectors) {
		if (l->reading || !idle)
			return false;
		if (!l->flushed) {
			l->flushed = true;
			out->op = LOAD_OP_FLUSH;
			return true;
		}
		l->reading = true;
		l->next = 0;
	}
	out->op = l->reading ? LOAD_OP_READ : LOAD_OP_WRITE;
	take_run(l, pick_sectors(l), out);
	return true;
}

/* Reads, writes or discards, in order or anywhere. */
static bool next_data(struct load *l, struct load_request *out)
{
	bool random = l->mode == LOAD_RANDREAD || l->mode == LOAD_RANDWRITE ||
		      l->mode == LOAD_RANDRW || l->mode == LOAD_RANDTRIM;
	bool writes = l->mode == LOAD_WRITE || l->mode == LOAD_RANDWRITE;
	uint32_t n;

	if (l->count && l->issued == l->count)
		return false;
	if (l->mode == LOAD_RW || l->mode == LOAD_RANDRW)
		writes = pattern_random(&l->random) % 100 >= l->mixread;
	out->op = writes ? LOAD_OP_WRITE : LOAD_OP_READ;
	if (l->mode == LOAD_TRIM || l->mode == LOAD_RANDTRIM)
		out->op = LOAD_OP_DISCARD;
	n = pick_sectors(l);
	if (random)
		/* aligned to the largest size, as fio does */
		l->next = pattern_random(&l->random) % l->sectors / (l->max / PATTERN_SECTOR) *
			  (l->max / PATTERN_SECTOR);
	else if (l->next == l->sectors)
		l->next = 0;
	take_run(l, n, out);
	return true;
}

bool load_next(struct load *l, bool idle, struct load_request *out)
{
	out->op = LOAD_OP_NONE;
	out->sector = 0;
	out->bytes = 0;
	if (l->flush && l->unflushed >= l->flush) {
		l->unflushed = 0;
		out->op = LOAD_OP_FLUSH;
		return true;
	}
	if (!(l->mode == LOAD_VERIFY ? next_verify(l, idle, out) : next_data(l, out)))
		return false;
	l->issued++;
	l->unflushed += out->op == LOAD_OP_WRITE;
	return true;
}
