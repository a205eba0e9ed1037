/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * counter.h - a file of /proc or /sys that holds a number which grows.  It
 * stays open: it then names the same thread or device for ever, and reading it is
 * one system call.
 */
#ifndef KERNEL_COUNTER_H
#define KERNEL_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

struct counter {
	int fd; /* -1: none */
	uint64_t last; /* when it was last read */
};

#define COUNTER_NONE     \
	(struct counter) \
	{                \
		-1, 0    \
	}

/* Below the directory dir (AT_FDCWD: none). 0 or -errno. */
int counter_open(struct counter *c, int dir, const char *path);
void counter_close(struct counter *c);

/*
 * What the file says; c->last stays.  0 or -errno.  Gone for ever is only what
 * says so: a thread ESRCH, a device ENODEV.
 */
int counter_count(const struct counter *c, uint64_t *now);
int counter_schedstat(const struct counter *c, uint64_t *now);
/* The stat of a process: all its threads' ns, cut to ticks. */
int counter_process(const struct counter *c, uint64_t *now);

/* The file's beginning as a string. Its length or -errno. */
int counter_text(const struct counter *c, char *buf, unsigned int size);

typedef int clock_read(const struct counter *c, uint64_t *now);
/*
 * Opens a clock that is read so.  What it shows now is not ours to bill,
 * unless it is `young`: began after us.  0 or -errno.
 */
int clock_open(struct counter *c, int dir, const char *path, clock_read *read, bool young);

/*
 * Growth of a count: one that runs backwards was begun anew, and what it
 * shows came since.
 */
uint64_t count_since(struct counter *c, uint64_t now);
/* Growth of a clock: one that runs backwards has told nothing. */
uint64_t clock_since(struct counter *c, uint64_t now);

#define FILE_TEXT 512
/* The beginning of a file as a string. Its length or -errno. */
int read_text(int dir, const char *path, char *buf, unsigned int size);

#endif
