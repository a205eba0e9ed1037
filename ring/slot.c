/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A slot of the domain's directory of links: a locked file, free again when
 * the process ends, however it ends.
 *
 * A record lock (F_SETLK), not flock() nor an open file description's: those
 * are inherited by every kind of fork, so a child that never runs our atfork
 * handler would keep the slot after its parent.  The price: the kernel does
 * not tell two links of one process apart, and closing any descriptor of a
 * file drops its lock; so what this process holds stands in `taken`, and of
 * those files none is opened again.
 */
#include "ring/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNDIR "/run/acctring"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool taken[ACCTRING_LINK_SLOTS]; /* by this process, whatever its domid was then */

/* Nobody but root and we may make files there, or any user could hold all slots. */
static int rundir_open(void)
{
	const char *path = secure_getenv("ACCTRING_RUNDIR");
	struct stat st;
	int fd;

	if (!path || !*path)
		path = RUNDIR;
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && (!st.st_uid || st.st_uid == geteuid()) && !(st.st_mode & 022))
		return fd;
	close(fd);
	return -EPERM;
}

static int slot_lock(int dir, unsigned int domid, unsigned int slot)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char name[32];
	int fd, ret;

	snprintf(name, sizeof(name), "slot.%u.%u", domid, slot);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	if (!fcntl(fd, F_SETLK, &all))
		return fd;
	ret = errno == EACCES || errno == EAGAIN ? -EUSERS : -errno;
	close(fd);
	return ret;
}

int slot_take(unsigned int domid, int *fd)
{
	return slot_take_from(domid, 0, fd);
}

int slot_take_from(unsigned int domid, unsigned int slot, int *fd)
{
	int dir = rundir_open(), ret = -EUSERS;

	*fd = -1;
	if (dir < 0)
		return dir;
	pthread_mutex_lock(&lock);
	for (; slot < ACCTRING_LINK_SLOTS; slot++) {
		if (taken[slot])
			continue;
		ret = slot_lock(dir, domid, slot);
		if (ret != -EUSERS)
			break;
	}
	if (ret >= 0) {
		taken[slot] = true;
		*fd = ret;
		ret = (int)slot;
	}
	pthread_mutex_unlock(&lock);
	close(dir);
	return ret;
}

void slot_drop(int slot, int fd)
{
	pthread_mutex_lock(&lock);
	close(fd);
	taken[slot] = false;
	pthread_mutex_unlock(&lock);
}

void slot_forget(void)
{
	memset(taken, 0, sizeof(taken));
}
