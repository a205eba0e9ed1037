/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * --threaded: what guests send is polled by threads, which have clocks, and
 * not in softirqs, which have none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/kernel/kernel.h"
#include "common/log.h"

static int write_flag(const struct kdev *d, bool on)
{
	char path[THREAD_BASE + sizeof("net//threaded")];
	int fd, r = 0;

	snprintf(path, sizeof(path), "net/%s/threaded", d->base[1]);
	fd = openat(d->dir, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, on ? "1\n" : "0\n", 2) != 2)
		r = -errno;
	close(fd);
	return r;
}

bool kernel_thread_polls(struct kernel *k, bool on)
{
	bool changed = false;
	struct kdev *d;
	int r;

	LIST_FOREACH(d, &k->devices, link) {
		if (d->gone || d->kind != ACCTRING_KIND_VIF || !d->base[1][0] ||
		    d->threaded == on || !kdev_connected(d))
			continue;
		r = write_flag(d, on);
		if (!r) {
			d->threaded = on;
			changed = true;
		} else if (r != -EOPNOTSUPP && r != -ENODEV && !k->unthreaded) {
			/* those two: it connects or goes in this moment */
			k->unthreaded = true;
			log_warn("%s/threaded: %s: what guests send is not billed", d->base[1],
				 strerror(-r));
		}
	}
	return changed;
}
