/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sched.h - weight and cap of a domain, by the scheduler of its own cpupool.
 *
 * Another scheduler's call than the pool's is refused by Xen, and under null
 * and arinc653 it succeeds and does nothing: so the kind comes from the pool,
 * and what was written is read again.
 */
#ifndef COLLECTOR_SCHED_H
#define COLLECTOR_SCHED_H

#include "common/xenctrl.h"

#include <stdbool.h>
#include <stdint.h>

enum sched_kind {
	SCHED_NONE, /* null, arinc653, unknown ones: without debt */
	SCHED_CREDIT,
	SCHED_CREDIT2,
	SCHED_RTDS, /* in the simulator only */
};

const char *sched_name(enum sched_kind kind);
/* How often its caps may be written, in ms; 0: it has none. */
unsigned int sched_window_ms(enum sched_kind kind);

/* The scheduler of cpupool `pool`; 0 or -errno. */
int sched_of_pool(xc_interface *xc, uint32_t pool, enum sched_kind *kind);

enum knob_name { KNOB_WEIGHT, KNOB_CAP, KNOBS };

/* Both, as they are; 0 or -errno (-EOPNOTSUPP: the scheduler has none). */
int sched_get(xc_interface *xc, enum sched_kind kind, uint16_t domid, uint16_t is[KNOBS]);

/*
 * Writes one and leaves the other alone, if it still is `was`.  *is says what
 * it is then.  0; -EAGAIN: it was not `was`, nothing was written; -EIO: Xen
 * took it, and it has another value; or -errno: it may have been written, and
 * *is says nothing.
 */
int sched_set(xc_interface *xc, enum sched_kind kind, uint16_t domid, enum knob_name which,
	      uint16_t was, uint16_t value, uint16_t *is);

#endif
