/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * keep.c - see keep.h.
 */
#include "collector/keep.h"

#include "collector/lock.h"
#include "common/kv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TMP ".new"

void keep_find(char path[PATH_MAX])
{
	char link[PATH_MAX];
	ssize_t n = -1;

	if (lock_dir_path(link, sizeof(link), ENTITLEMENTS_LINK))
		n = readlink(link, path, PATH_MAX - 1);
	if (n > 0)
		path[n] = '\0';
	else
		snprintf(path, PATH_MAX, KEEP_DIR);
}

int keep_open(const char *path, bool make)
{
	char parent[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(parent, sizeof(parent), "%s", path);
	if (make && strrchr(parent, '/') > parent) {
		*strrchr(parent, '/') = '\0';
		mkdir(parent, 0755);
	}
	if (make && mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* who can write here decides what VMs get */
	if (fstat(fd, &st) || st.st_mode & 022 || (st.st_uid && st.st_uid != geteuid())) {
		close(fd);
		return -EPERM;
	}
	return fd;
}

static int put_all(int fd, const char *text, size_t size)
{
	ssize_t n;

	for (; size; text += n, size -= (size_t)n) {
		n = write(fd, text, size);
		if (n <= 0)
			return n ? -errno : -EIO;
	}
	return fsync(fd) ? -errno : 0;
}

static int put_file(int dir, const char *name, const char *line, size_t size)
{
	char tmp[UUID_TEXT + sizeof(TMP)];
	int fd, err;

	snprintf(tmp, sizeof(tmp), "%s" TMP, name);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = put_all(fd, line, size);
	if (close(fd) && !err)
		err = -errno;
	if (!err && renameat(dir, tmp, dir, name))
		err = -errno;
	if (!err && fsync(dir))
		err = -errno;
	return err;
}

int keep_write(int dir, const struct entitle *e)
{
	char *line = malloc(ENTITLE_LINE), name[UUID_TEXT];
	size_t size;
	int err;

	if (!line)
		return -ENOMEM;
	uuid_format(e->uuid, name);
	size = entitle_line(e, line, ENTITLE_LINE - 1);
	line[size++] = '\n';
	err = put_file(dir, name, line, size);
	free(line);
	return err;
}

int keep_mark(int dir, const struct entitle *e)
{
	char head[ENTITLE_HEAD + 1], name[UUID_TEXT];
	int fd, err = 0;

	uuid_format(e->uuid, name);
	entitle_head(e, head);
	fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, head, ENTITLE_HEAD, 0) != ENTITLE_HEAD)
		err = -EIO;
	close(fd);
	return err;
}

uint32_t keep_now(void)
{
	return (uint32_t)time(NULL);
}

int keep_remove(int dir, const struct entitle *e)
{
	char name[UUID_TEXT];

	uuid_format(e->uuid, name);
	return unlinkat(dir, name, 0) && errno != ENOENT ? -errno : 0;
}

static int read_file(int dir, const char *name, char *line, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (have < size - 1 && (n = read(fd, line + have, size - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	line[have] = '\0';
	if (!have || line[have - 1] != '\n')
		return -EBADMSG;
	line[have - 1] = '\0';
	return 0;
}

int keep_read(int dir, const uint8_t uuid[16], struct entitle *e)
{
	char *line = malloc(ENTITLE_LINE), name[UUID_TEXT];
	int err;

	memset(e, 0, sizeof(*e));
	memcpy(e->uuid, uuid, 16);
	if (!line)
		return -ENOMEM;
	uuid_format(uuid, name);
	err = read_file(dir, name, line, ENTITLE_LINE);
	if (!err && !entitle_parse(line, e))
		err = -EBADMSG;
	free(line);
	return err == -ENOENT ? 0 : err;
}

int keep_each(int dir, void (*take)(void *ctx, const struct entitle *e), void *ctx,
	      unsigned int *bad)
{
	struct entitle *e = malloc(sizeof(*e));
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	uint8_t uuid[16];
	int err = 0;

	*bad = 0;
	if (!e || !d)
		err = -ENOMEM;
	while (!err && (de = readdir(d))) {
		if (!uuid_parse(de->d_name, uuid))
			continue;
		if (keep_read(dir, uuid, e))
			++*bad;
		else
			take(ctx, e);
	}
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	free(e);
	return err;
}
