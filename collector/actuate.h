/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * actuate.h - the only writes into a scheduler: remembered before (keep.h),
 * read before and after (sched.h), logged.  Used by the collector, by its
 * watchdog, and by acctctl where no collector runs.
 */
#ifndef COLLECTOR_ACTUATE_H
#define COLLECTOR_ACTUATE_H

#include "collector/entitle.h"

struct hands {
	xc_interface *xc;
	int dir; /* keep.h */
};

/* Reads the knobs of the domain that has the UUID now; says what is not ours any more. */
int actuate_see(const struct hands *h, enum sched_kind kind, struct entitle *e, uint16_t domid);

/*
 * After actuate_see().  `why` is for the log.  0, -EAGAIN: an operator was faster, or -errno: it
 * may have been written, and actuate_see() must come first (-EBUSY: it did not).
 */
int actuate_write(const struct hands *h, enum sched_kind kind, struct entitle *e,
		  enum knob_name which, uint16_t value, const char *why);

/* Gives back what is of ours, after actuate_see(). */
int actuate_back(const struct hands *h, enum sched_kind kind, struct entitle *e, const char *why);

/*
 * Every VM that lives and carries a value of ours gets its own: where nobody
 * who knows more runs.  Returns how many could not be given back; < 0: -errno.
 */
int actuate_restore(const struct hands *h, const char *why);
/* The same with the directory's path; one that is not there: nobody took anything.  An exit status. */
int actuate_restore_from(const char *entitlements, const char *why);

#endif
