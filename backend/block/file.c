/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/block/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/falloc.h>
#include <linux/fs.h>

#define PAGE 4096u

/*
 * Where a write may be sent again after it was answered, from pages that are
 * the guest's own by then.  The toolstack's direct-io-safe says otherwise.
 */
static const uint32_t remote_fs[] = {
	0x6969, /* NFS */
	0xff534d42, /* CIFS */
	0xfe534d42, /* SMB2 */
	0x00c36400, /* Ceph */
	0x01021997, /* 9P */
	0x65735546, /* FUSE */
};

static bool is_local(int fd)
{
	struct statfs fs;
	unsigned int i;

	if (fstatfs(fd, &fs))
		return false;
	for (i = 0; i < sizeof(remote_fs) / sizeof(remote_fs[0]); i++)
		if ((uint32_t)fs.f_type == remote_fs[i])
			return false;
	return true;
}

bool file_size(int fd, uint64_t *bytes)
{
	struct statx st;

	/* no question to another machine, which may be slow to answer */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, &st))
		return false;
	*bytes = st.stx_size;
	return S_ISREG(st.stx_mode) || !ioctl(fd, BLKGETSIZE64, bytes);
}

/* A number below /sys/dev/block/<device>; a partition's queue is its disk's. */
static uint64_t sys_number(dev_t dev, const char *name)
{
	static const char *const where[] = { "", "../" };
	char path[128], line[32];
	uint64_t n = 0;
	unsigned int i;
	bool ok = false;

	for (i = 0; !ok && i < 2; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s%s", major(dev), minor(dev),
			 where[i], name);
		f = fopen(path, "re");
		if (!f)
			continue;
		ok = fgets(line, sizeof(line), f);
		if (ok)
			n = strtoull(line, NULL, 10);
		fclose(f);
	}
	return n;
}

/* Does it take reads of so many bytes, to places in memory aligned so? */
static bool takes_direct(int fd, uint32_t sector)
{
	void *page;
	bool ok;

	if (posix_memalign(&page, PAGE, 2 * (size_t)PAGE))
		return false;
	ok = pread(fd, (char *)page + sector, sector, 0) >= 0;
	free(page);
	return ok;
}

/* f->direct, by the smallest sectors it takes: f->sector at least, a page at most. */
static void learn_direct(struct file *f)
{
	char self[32];
	uint32_t sector;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
	f->direct =
		open(self, (f->readonly ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC | O_NONBLOCK);
	for (sector = f->sector; f->direct >= 0 && sector <= PAGE; sector *= 2)
		if (takes_direct(f->direct, sector)) {
			f->sector = sector;
			return;
		}
	if (f->direct >= 0)
		close(f->direct);
	f->direct = -1;
}

static int learn_device(struct file *f, dev_t dev)
{
	unsigned int physical = 0;
	int logical = 0;

	f->block = true;
	if (ioctl(f->fd, BLKSSZGET, &logical) || ioctl(f->fd, BLKPBSZGET, &physical))
		return -errno;
	f->sector = (uint32_t)logical;
	f->physical = physical;
	learn_direct(f);
	if (!f->readonly && sys_number(dev, "queue/discard_max_bytes")) {
		f->discard_granularity = (uint32_t)sys_number(dev, "queue/discard_granularity");
		f->discard_alignment = (uint32_t)sys_number(dev, "discard_alignment");
		if (f->discard_granularity < f->sector)
			f->discard_granularity = f->sector;
	}
	return 0;
}

static void learn_regular(struct file *f, const struct stat *st, bool safe)
{
	/* behind the end, so that nothing is lost by trying */
	off_t behind = (st->st_size + PAGE - 1) / PAGE * PAGE;
	int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	f->sector = 512;
	if (safe || is_local(f->fd))
		learn_direct(f);
	f->physical = (uint32_t)st->st_blksize;
	if (f->physical > PAGE)
		f->physical = PAGE;
	if (!f->readonly && !fallocate(f->fd, hole, behind, PAGE))
		f->discard_granularity = (uint32_t)st->st_blksize;
}

static int learn(struct file *f, bool safe)
{
	struct stat st;
	int r = 0;

	if (fstat(f->fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode))
		learn_regular(f, &st, safe);
	else
		r = S_ISBLK(st.st_mode) ? learn_device(f, st.st_rdev) : -EINVAL;
	if (r)
		return r;
	if (!file_size(f->fd, &f->bytes))
		return -errno;
	if (f->physical < f->sector || f->physical % f->sector)
		f->physical = f->sector;
	return 0;
}

int file_open(struct file *f, const char *path, bool readonly, bool safe)
{
	int r;

	*f = (struct file){ .direct = -1, .readonly = readonly };
	/* O_NONBLOCK: not to hang at a FIFO that somebody put there */
	f->fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	r = f->fd < 0 ? -errno : learn(f, safe);
	if (r)
		file_close(f);
	return r;
}

void file_close(struct file *f)
{
	if (f->direct >= 0)
		close(f->direct);
	if (f->fd >= 0)
		close(f->fd);
	f->direct = f->fd = -1;
}

/* What file systems take for the time of a change; it stands still between ticks. */
static uint64_t tick(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool file_due(const struct file *f)
{
	return !f->block && __atomic_load_n(&f->touched, __ATOMIC_RELAXED) != tick();
}

void file_touch(struct file *f)
{
	static const struct timespec now[2] = { { .tv_nsec = UTIME_OMIT },
						{ .tv_nsec = UTIME_NOW } };
	uint64_t at = tick();
	int ignored = futimens(f->fd, now); /* then the write waits for it */

	(void)ignored;
	__atomic_store_n(&f->touched, at, __ATOMIC_RELAXED);
}

int file_discard(const struct file *f, uint64_t offset, uint64_t bytes)
{
	/* a device does whole sectors or nothing; to leave the ends is allowed */
	uint64_t unit = f->block ? f->sector : 1;
	uint64_t from = (offset + unit - 1) / unit * unit, to = (offset + bytes) / unit * unit;
	uint64_t range[2] = { from, to - from };
	int r;

	if (from >= to)
		return 0;

	do {
		r = f->block ? ioctl(f->fd, BLKDISCARD, range)
			     : fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					 (off_t)from, (off_t)(to - from));
	} while (r && errno == EINTR);
	return r ? -errno : 0;
}
