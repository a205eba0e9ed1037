/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files.c - see files.h.
 */
#include "backend/process/files.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/major.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "backend/kernel/counter.h"

static bool loop_minor(int dir, const char *block, uint32_t *minor)
{
	char path[NAME_MAX + sizeof("/dev")], text[32];
	uint32_t major;

	snprintf(path, sizeof(path), "%s/dev", block);
	return read_text(dir, path, text, sizeof(text)) > 0 &&
	       sscanf(text, "%" SCNu32 ":%" SCNu32, &major, minor) == 2 && major == LOOP_MAJOR;
}

/* A file that was deleted has no name any more: its loop device is not found. */
static struct backing *take(int dir, const char *block)
{
	char path[NAME_MAX + sizeof("/loop/backing_file")], file[PATH_MAX];
	struct backing *b;
	uint32_t loop;
	struct stat st;
	int n;

	if (!loop_minor(dir, block, &loop))
		return NULL;
	snprintf(path, sizeof(path), "%s/loop/backing_file", block);
	n = read_text(dir, path, file, sizeof(file));
	if (n < 2)
		return NULL;
	file[strcspn(file, "\n")] = '\0';
	if (stat(file, &st) || !S_ISREG(st.st_mode))
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->major = major(st.st_dev);
	b->minor = minor(st.st_dev);
	b->inode = st.st_ino;
	b->loop = loop;
	return b;
}

struct backing *files_list(const char *sys)
{
	struct backing *list = NULL, *b;
	const struct dirent *e;
	char path[PATH_MAX];
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/class/block", sys) >= PATH_MAX)
		return NULL;
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		b = strncmp(e->d_name, "loop", 4) ? NULL : take(dirfd(dir), e->d_name);
		if (!b)
			continue;
		b->next = list;
		list = b;
	}
	if (dir)
		closedir(dir);
	return list;
}

void files_free(struct backing *list)
{
	struct backing *next;

	for (; list; list = next) {
		next = list->next;
		free(list);
	}
}

const struct backing *files_find(const struct backing *list, uint32_t major, uint32_t minor,
				 uint64_t inode)
{
	for (; list; list = list->next)
		if (list->major == major && list->minor == minor && list->inode == inode)
			return list;
	return NULL;
}
