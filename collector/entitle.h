/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * entitle.h - what a VM had in the scheduler before we changed it, and what
 * we put there, so that it gets its own back and nothing of an operator's is
 * overwritten.  Pure.
 *
 * libxl copies the live values into a VM's configuration when it reboots, is
 * saved or migrated.  So a VM is known by its UUID, and one that is born again
 * may carry what we wrote last, or in some minutes before its end, which is how
 * long that may take; or what it had at the end of an earlier life, in an image
 * that was saved then.  One that lives carries the last value, or the one before
 * where we died in between.  Anything else is an operator's.
 *
 * So two are mistaken where a VM is born again: an operator's number that is one
 * of those few, for ours; and ours in an image of a VM that went on after it was
 * saved, for an operator's.  Both are said, and `acctctl entitle` is for that.
 */
#ifndef COLLECTOR_ENTITLE_H
#define COLLECTOR_ENTITLE_H

#include "collector/sched.h"

#include <stddef.h>

/*
 * Time in turns: what we wrote is known for as long at least, while the VM lives,
 * and for twice that at most.  Then it is neither kept nor recognised.
 */
#define ENTITLE_TURN_S 300u
#define ENTITLE_ENDED 32

/* Of all values; but for `found`. */
struct knob_set {
	uint64_t bit[65536 / 64];
};

struct knob {
	bool known; /* was read at all */
	bool dirty; /* the kept line has another head only */
	uint16_t found; /* not of ours; to be given back */
	uint16_t is; /* as we left it, or found it */
	uint16_t next; /* being written; `is`: nothing */
	struct knob_set ours; /* was there in this turn, by us */
	struct knob_set older; /* in the turn before */
	uint16_t ended[ENTITLE_ENDED]; /* and at the end of a domain, latest first */
	unsigned int ends; /* so many */
};

struct entitle {
	uint8_t uuid[16];
	uint16_t domid; /* whom the knobs are of */
	bool met; /* that domain was there */
	uint32_t since; /* when the turn began, in seconds */
	struct knob knob[KNOBS];
	/* what the operator said; 0: nothing, what was found counts */
	uint16_t want[KNOBS];
};

/*
 * A domain is made with the scheduler's defaults, and gets what its VM has
 * while it is still paused: until then nothing can be learned from it.
 */
bool entitle_young(const struct entitle *e, uint16_t domid, bool paused);

/* The domain that has the UUID now. */
enum knob_seen {
	KNOB_FOUND, /* what it was, or first seen */
	KNOB_OURS, /* born with a value that we wrote lately */
	KNOB_THEIRS, /* somebody wrote it: that is what it has a right to now */
};

/*
 * Its knobs are read as `now`.  A domid other than e->domid: it is born again.
 * seen[] says what each is.
 */
void entitle_see(struct entitle *e, uint16_t domid, const uint16_t now[KNOBS],
		 enum knob_seen seen[KNOBS]);

/*
 * The domain lives at that time, before entitle_see().  true: a turn ended, and
 * what is kept is longer than it must be.
 */
bool entitle_turn(struct entitle *e, uint32_t now_s);

/* The VM's right: what the operator said, else what was found. */
uint16_t entitle_of(const struct entitle *e, enum knob_name which);

/*
 * `value` is about to be written.  true: the whole line must be kept before,
 * and durably (then entitle_kept()); else its head will do.
 */
bool entitle_plan(struct entitle *e, enum knob_name which, uint16_t value);
void entitle_kept(struct entitle *e);
/* Then it was read as `now`. */
void knob_done(struct knob *k, uint16_t now);
/* Something of ours is there, to be given back. */
bool knob_ours(const struct knob *k);
/* Nothing of ours can be there, and the operator said nothing. */
bool entitle_empty(const struct entitle *e);

/*
 * The line of a VM.  The head of it has a fixed length and says what changes
 * with each write, so that it can be written over in place.
 */
#define ENTITLE_HEAD 80
#define ENTITLE_LINE 1048576 /* the longest: every second number of all sets */
void entitle_head(const struct entitle *e, char head[ENTITLE_HEAD + 1]);
size_t entitle_line(const struct entitle *e, char *line, size_t size);
/* Reads such a line into *e, whose UUID stays; false: not one. */
bool entitle_parse(const char *line, struct entitle *e);

#endif
