/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * counter.c - see counter.h.
 */
#include "backend/kernel/counter.h"

#include "backend/kernel/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int counter_open(struct counter *c, int dir, const char *path)
{
	c->fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	c->last = 0;
	return c->fd < 0 ? -errno : 0;
}

void counter_close(struct counter *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static int text_of(int fd, char *buf, unsigned int size)
{
	ssize_t n;

	do
		n = pread(fd, buf, size - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return (int)n;
}

int counter_count(const struct counter *c, uint64_t *now)
{
	char text[32];
	int n = text_of(c->fd, text, sizeof(text));

	if (n < 0)
		return n;
	return parse_count(text, now) ? 0 : -EINVAL;
}

int counter_schedstat(const struct counter *c, uint64_t *now)
{
	char text[80];
	int n = text_of(c->fd, text, sizeof(text));

	if (n < 0)
		return n;
	return parse_schedstat(text, now) ? 0 : -EINVAL;
}

int counter_text(const struct counter *c, char *buf, unsigned int size)
{
	return text_of(c->fd, buf, size);
}

int counter_process(const struct counter *c, uint64_t *now)
{
	uint64_t tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	char text[FILE_TEXT];
	struct proc_stat stat;
	int n = text_of(c->fd, text, sizeof(text));

	if (n < 0)
		return n;
	if (!parse_proc_stat(text, &stat))
		return -EINVAL;
	*now = stat.ticks * tick;
	return 0;
}

int clock_open(struct counter *c, int dir, const char *path, clock_read *read, bool young)
{
	uint64_t now = 0;
	int r = counter_open(c, dir, path);

	if (!r)
		r = read(c, &now);
	if (r)
		counter_close(c);
	else
		c->last = young ? 0 : now;
	return r;
}

uint64_t count_since(struct counter *c, uint64_t now)
{
	uint64_t delta = now >= c->last ? now - c->last : now;

	c->last = now;
	return delta;
}

uint64_t clock_since(struct counter *c, uint64_t now)
{
	uint64_t delta = now >= c->last ? now - c->last : 0;

	c->last = now;
	return delta;
}

int read_text(int dir, const char *path, char *buf, unsigned int size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), n;

	if (fd < 0)
		return -errno;
	n = text_of(fd, buf, size);
	close(fd);
	return n;
}
