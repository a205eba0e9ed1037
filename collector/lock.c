/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock.c - see lock.h.
 */
#include "collector/lock.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNDIR "/run/acctring"
#define NAME "collector.lock"
#define WAIT_MS 5000u

static int held = -1;

static int fail(char *why, size_t size, const char *path, const char *what)
{
	int err = -errno;

	snprintf(why, size,
		 "%s: cannot %s: %s, allowed: a directory of our own, that others cannot write "
		 "(environment: ACCTRING_RUNDIR)",
		 path, what, strerror(-err));
	return err;
}

static int taken(int fd, char *why, size_t size, const char *path)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	snprintf(why, size, "%s: another collector runs (pid %s), allowed: one at a time", path,
		 pid[0] ? pid : "unknown");
	return -EWOULDBLOCK;
}

/* Nobody but root and we may make files there, or any user could hold the lock. */
static int open_dir(const char *dir)
{
	struct stat st;
	int fd, err;

	if (mkdir(dir, 0755) && errno != EEXIST)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	err = fstat(fd, &st) ? errno : 0;
	if (!err && (st.st_mode & 022 || (st.st_uid && st.st_uid != geteuid())))
		err = EPERM;
	if (!err)
		return fd;
	close(fd);
	errno = err;
	return -1;
}

static const char *run_dir(void)
{
	const char *dir = secure_getenv("ACCTRING_RUNDIR");

	return dir && *dir ? dir : RUNDIR;
}

bool lock_dir_path(char *path, size_t size, const char *name)
{
	return snprintf(path, size, "%s/%s", run_dir(), name) < (int)size;
}

int lock_take(char *why, size_t size)
{
	const char *dir = run_dir();
	char path[PATH_MAX], pid[16];
	int fd, at, err, len;

	at = open_dir(dir);
	if (at < 0)
		return fail(why, size, dir, "use");
	snprintf(path, sizeof(path), "%s/" NAME, dir);
	/* stays open, and so locked, until the process ends; 0600: no other user can lock it */
	fd = openat(at, NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	err = errno;
	close(at);
	errno = err;
	if (fd < 0)
		return fail(why, size, path, "open");
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		len = errno == EWOULDBLOCK ? taken(fd, why, size, path)
					   : fail(why, size, path, "lock");
		close(fd);
		return len;
	}
	/* for people only */
	len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)len, 0) != len)
		return fail(why, size, path, "write");
	held = fd;
	return 0;
}

int lock_wait(char *why, size_t size)
{
	uint64_t until = now_ms() + WAIT_MS;
	int err;

	while ((err = lock_take(why, size)) == -EWOULDBLOCK && now_ms() < until)
		nap_ms(20);
	return err;
}

int lock_fd(void)
{
	return held;
}
