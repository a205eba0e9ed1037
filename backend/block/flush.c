/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/block/flush.h"

#include <errno.h>
#include <unistd.h>

void flushes_init(struct flushes *f)
{
	*f = (struct flushes){ .begun = 0 };
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->returned, NULL);
}

void flushes_end(struct flushes *f)
{
	pthread_cond_destroy(&f->returned);
	pthread_mutex_destroy(&f->lock);
}

static bool any_of_first(const struct flushes *f, uint64_t n)
{
	unsigned int i;

	for (i = 0; i < FLUSHERS; i++)
		if (f->under_way[i] && f->under_way[i] <= n)
			return true;
	return false;
}

int flush_file(struct flushes *f, unsigned int who, int fd)
{
	uint64_t until_now;
	int r;

	pthread_mutex_lock(&f->lock);
	f->under_way[who] = ++f->begun;
	pthread_mutex_unlock(&f->lock);

	r = fdatasync(fd) ? -errno : 0;

	pthread_mutex_lock(&f->lock);
	until_now = f->begun;
	f->under_way[who] = 0;
	f->failed |= r;
	pthread_cond_broadcast(&f->returned);
	while (!f->failed && any_of_first(f, until_now))
		pthread_cond_wait(&f->returned, &f->lock);
	if (!r && f->failed)
		r = -EIO;
	pthread_mutex_unlock(&f->lock);
	return r;
}
