/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pour.h - CPU time of many threads into lanes: a lane's clock may not run
 * faster than time, and its ring holds so many records.  Pure.
 */
#ifndef KERNEL_POUR_H
#define KERNEL_POUR_H

#include <stdbool.h>
#include <stdint.h>

#define POUR_LANES 256u

struct pour {
	unsigned int first; /* the caller's number of lane 0 */
	unsigned int lanes, at;
	uint64_t room, used; /* ns: of each lane in this period; of lane `at` */
	unsigned int cap, posts; /* records: the same */
	uint64_t clock[POUR_LANES]; /* all that ever went into a lane */
};

/* Lanes for so many CPUs: there is room for what they can burn. */
unsigned int pour_lanes(unsigned int cpus);
/* Ring pages of each: records are some a device, however many lanes there are. */
unsigned int pour_pages(unsigned int lanes);
/* Before each period, which lasted so long. */
void pour_begin(struct pour *p, uint64_t elapsed_ns, unsigned int cap);
/*
 * Room for a record: in which lane, and how much of ns it may say.  ns that
 * is not 0 gets at least 1.  false: all lanes are full.
 */
bool pour(struct pour *p, uint64_t ns, unsigned int *lane, uint64_t *part);

#endif
