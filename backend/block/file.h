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
	int fd; /* through the page cache; -1: none */
	int direct; /* past it; -1: it does not take that, or it is not safe */
	bool block; /* a device */
	bool readonly;
	uint64_t touched; /* the tick of file_touch(), of whichever thread */
	uint64_t bytes;
	uint32_t sector; /* what a device, or `direct`, is read and written by */
	uint32_t physical; /* a multiple of it, what it is written by without loss */
	/* 0 granularity: it cannot forget */
	uint32_t discard_granularity, discard_alignment;
};

/* `safe`: past the page cache whatever file system it is on.  0 or -errno. */
int file_open(struct file *f, const char *path, bool readonly, bool safe);
void file_close(struct file *f);
/* Its size now; false: it cannot be told. */
bool file_size(int fd, uint64_t *bytes);

/*
 * The descriptor for a transfer whose places and lengths, in the file and in
 * memory, are `places` when or-ed together: what does not fit the sectors
 * goes through the page cache, and the kernel keeps the two consistent.
 */
static inline int file_way(const struct file *f, uint64_t places)
{
	return f->direct >= 0 && !(places & (f->sector - 1)) ? f->direct : f->fd;
}

/*
 * Most often a write to a file would have to wait only because the time of
 * its last change is due to be written, once a tick of the kernel's clock: is it?
 */
bool file_due(const struct file *f);
/* Does that, which may wait; once a tick, also where it fails. */
void file_touch(struct file *f);
/* 0 or -errno. */
int file_discard(const struct file *f, uint64_t offset, uint64_t bytes);

#endif
