/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * claim.c - see claim.h.
 */
#include "backend/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNDIR "/run/acctring"

/* Nobody but root and we may make files there, or any user could hold the lock. */
static int open_rundir(const char *dir)
{
	struct stat st;
	int fd;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (!fstat(fd, &st) && (!st.st_uid || st.st_uid == geteuid()) && !(st.st_mode & 022))
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

/* A record lock: the kernel drops it however we end, and tells who holds it. */
static bool lock_file(int fd, char *why, size_t size, const char *kind)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int err;

	if (!fcntl(fd, F_SETLK, &all))
		return true;
	err = errno;
	if ((err == EACCES || err == EAGAIN) && !fcntl(fd, F_GETLK, &all) && all.l_type != F_UNLCK)
		snprintf(why, size,
			 "backend/%s of this domain is served by process %ld, allowed: one for "
			 "each --kind",
			 kind, (long)all.l_pid);
	else
		snprintf(why, size, "cannot lock backend/%s: %s", kind, strerror(err));
	return false;
}

bool claim_kind(unsigned int domid, const char *kind, char *why, size_t size)
{
	const char *dir = secure_getenv("ACCTRING_RUNDIR");
	int at, fd = -1;
	char name[80];

	if (!dir || !*dir)
		dir = RUNDIR;
	at = open_rundir(dir);
	snprintf(name, sizeof(name), "backend.%u.%s", domid, kind);
	if (at >= 0)
		fd = openat(at, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		snprintf(why, size,
			 "%s: cannot keep a lock there: %s, allowed: a directory of our own, that "
			 "others cannot write (environment: ACCTRING_RUNDIR)",
			 dir, strerror(errno));
	if (at >= 0)
		close(at);
	if (fd < 0)
		return false;
	if (lock_file(fd, why, size, kind))
		return true; /* it stays open, and so locked */
	close(fd);
	return false;
}

static bool there(const char *where)
{
	struct stat st;

	return !lstat(where, &st);
}

bool claim_kernel_kind(const char *sysfs, const char *kind, char *where, size_t size)
{
	return snprintf(where, size, "%s/bus/xen-backend/drivers/%s", sysfs, kind) < (int)size &&
	       there(where);
}

bool claim_kernel_device(const char *sysfs, const char *kind, unsigned int domid, unsigned int id,
			 char *where, size_t size)
{
	if (claim_kernel_kind(sysfs, kind, where, size))
		return true;
	return snprintf(where, size, "%s/bus/xen-backend/devices/%s-%u-%u/driver", sysfs, kind,
			domid, id) < (int)size &&
	       there(where);
}
