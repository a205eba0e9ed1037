/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files.h - whose a file is: loop devices say what they are made of.  Pure,
 * but for the tree it reads.
 */
#ifndef PROCESS_FILES_H
#define PROCESS_FILES_H

#include <stdint.h>

struct backing {
	struct backing *next;
	uint32_t major, minor; /* of its file system */
	uint64_t inode;
	uint32_t loop; /* the loop device's minor */
};

/* All loop devices' below sys ("/sys").  NULL: none. */
struct backing *files_list(const char *sys);
void files_free(struct backing *list);
const struct backing *files_find(const struct backing *list, uint32_t major, uint32_t minor,
				 uint64_t inode);

#endif
