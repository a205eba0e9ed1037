/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * file.h - what a disk is kept in: a regular file or a block device, and
 * what that can do.
 */
#ifndef BACKEND_BLOCK_FILE_H
#define BACKEND_BLOCK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file {
	int fd; /* -1: none */
	bool block; /* a device */
	bool readonly;
	bool direct; /* past the page cache */
	bool may_direct; /* not on a file system where that is not safe */
	uint64_t bytes;
	uint32_t sector, physical; /* what it is read and written by, without loss */
	/* 0 granularity: it cannot forget */
	uint32_t discard_granularity, discard_alignment;
};

/* 0 or -errno. */
int file_open(struct file *f, const char *path, bool readonly);
void file_close(struct file *f);
/* Its size now; false: it cannot be told. */
bool file_size(int fd, uint64_t *bytes);

/* From now on by sectors of `sector` bytes; O_DIRECT where `safe` and it takes them. */
void file_use(struct file *f, uint32_t sector, bool safe);

/*
 * Most often a write to a file would have to wait only because the time of
 * its last change is due to be written, once a tick: does that.  False: that
 * is not it.
 */
bool file_touch(const struct file *f);
/* 0 or -errno. */
int file_discard(const struct file *f, uint64_t offset, uint64_t bytes);

#endif
