/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * procfs.c - see procfs.h.
 */
#include "backend/kernel/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/kernel/counter.h"

#define PID_TEXT 16

static void name_of(char name[PID_TEXT], pid_t pid)
{
	snprintf(name, PID_TEXT, "%d", (int)pid);
}

int procfs_open(int proc, pid_t pid, struct proc_stat *stat)
{
	char name[PID_TEXT], text[FILE_TEXT];
	int dir, r;

	name_of(name, pid);
	dir = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	r = read_text(dir, "stat", text, sizeof(text));
	if (r >= 0 && parse_proc_stat(text, stat))
		return dir;
	close(dir);
	return r < 0 ? r : -EINVAL;
}

bool procfs_has_ended(int proc, pid_t pid)
{
	char name[PID_TEXT];

	name_of(name, pid);
	return faccessat(proc, name, F_OK, 0) && errno == ENOENT;
}
