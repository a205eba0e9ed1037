/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request's data: grants mapped, file read or written, grants unmapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/fs.h>

#include "backend/block/vbd.h"
#include "common/xs.h"

static int file_size(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return 0;
	}
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, size) ? -errno : 0;
	return -EINVAL;
}

int vbd_open_file(struct vbd *v, char *fail, size_t size)
{
	char *params = xs_readf(v->d->b->xsh, "%s/params", v->d->dir);
	char *mode = xs_readf(v->d->b->xsh, "%s/mode", v->d->dir);
	uint64_t bytes = 0;
	int r = -EINVAL;

	v->disk.readonly = !mode || mode[0] != 'w';
	if (!params || params[0] != '/') {
		snprintf(fail, size, "params: not the path of a file or block device");
	} else {
		v->file = open(params,
			       (v->disk.readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
		r = v->file < 0 ? -errno : file_size(v->file, &bytes);
		if (r)
			snprintf(fail, size, "params: %.100s: %s", params, strerror(-r));
	}
	v->disk.sectors = bytes / SECTOR;
	if (r && v->file >= 0) {
		close(v->file);
		v->file = -1;
	}
	free(params);
	free(mode);
	return r;
}

/* Skips what is done. */
static void advance(struct iovec **iov, int *n, size_t done)
{
	while (*n && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		++*iov;
		--*n;
	}
	if (*n) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

/* All of it, however often the kernel stops short.  True: done. */
static bool transfer(struct vbd *v, bool to_file, struct iovec *iov, int n, off_t at)
{
	ssize_t k;

	while (n) {
		k = to_file ? pwritev(v->file, iov, n, at) : preadv(v->file, iov, n, at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0) /* 0: somebody has cut the file short */
			return false;
		advance(&iov, &n, (size_t)k);
		at += k;
	}
	return true;
}

static bool move_data(struct vbd *v, const struct request *r, char *page)
{
	struct iovec iov[BLKIF_MAX_SEGMENTS_PER_REQUEST];
	unsigned int i;

	for (i = 0; i < r->segments; i++) {
		iov[i].iov_base = page + i * XENBUS_PAGE + r->part[i].offset;
		iov[i].iov_len = r->part[i].bytes;
	}
	return transfer(v, r->operation == BLKIF_OP_WRITE, iov, r->segments, (off_t)r->offset);
}

int16_t vbd_do_request(struct vbd *v, const struct request *r)
{
	uint32_t ref[BLKIF_MAX_SEGMENTS_PER_REQUEST];
	bool to_file = r->operation == BLKIF_OP_WRITE;
	char *page;
	bool ok;

	if (r->operation == BLKIF_OP_FLUSH_DISKCACHE)
		return fdatasync(v->file) ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
	memcpy(ref, r->ref, sizeof(ref)); /* the library's parameter is not const */
	/* the guest may have granted what is written to the disk read-only */
	page = xengnttab_map_domain_grant_refs(v->xgt, r->segments, v->d->domid, ref,
					       to_file ? PROT_READ : PROT_READ | PROT_WRITE);
	if (!page)
		return BLKIF_RSP_ERROR;
	ok = move_data(v, r, page);
	xengnttab_unmap(v->xgt, page, r->segments);
	return ok ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}
