/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * devmap.c - see devmap.h.  What is used by a disk of a VM and by anything
 * else is not its own; where the tree cannot be read, nothing is.
 */
#include "backend/process/devmap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/kernel/counter.h"

#define DEPTH_MAX 12u /* devices on top of each other */
#define MINORBITS 20u

/* Who uses a device: one of map->use, or */
enum {
	UNUSED = -1, /* nobody has been seen yet */
	HOST = -2, /* somebody, but no VM */
	SHARED = -3, /* more than one, or it cannot be told */
};

static int join(const struct devmap *m, int a, int b)
{
	if (a == UNUSED || a == b)
		return b;
	if (b == UNUSED)
		return a;
	if (a >= 0 && b >= 0 && m->use[a].domid == m->use[b].domid)
		return a < b ? a : b;
	return SHARED;
}

/* It cannot be told, or it is the host: also whatever else is found. */
static int not_a_vm(const struct devmap *m, int who)
{
	if (m->seen)
		m->seen->host = true;
	return who;
}

/* ------------------------------------------------------------------ */
/* Numbers                                                             */

/* Digits to the base at *p; no sign, no blank, no "0x", as strtoul would take. */
static bool take_number(const char **p, unsigned int base, uint32_t max, uint32_t *out)
{
	static const char digits[] = "0123456789abcdef";
	const char *s = *p, *d;
	uint64_t n = 0;

	for (; *s && (d = strchr(digits, *s)) && d - digits < (int)base; s++) {
		n = n * base + (uint64_t)(d - digits);
		if (n > max)
			return false;
	}
	if (s == *p)
		return false;
	*p = s;
	*out = (uint32_t)n;
	return true;
}

static bool take_device(const char *text, unsigned int base, uint32_t *major, uint32_t *minor)
{
	const char *p = text;

	return take_number(&p, base, (1u << (32 - MINORBITS)) - 1, major) && *p++ == ':' &&
	       take_number(&p, base, (1u << MINORBITS) - 1, minor) && (!*p || !strcmp(p, "\n"));
}

bool parse_physical(const char *text, uint32_t *major, uint32_t *minor)
{
	return take_device(text, 16, major, minor);
}

/* ------------------------------------------------------------------ */
/* The tree                                                            */

static int owner(const struct devmap *m, const char *name, unsigned int depth);

static int open_block(const struct devmap *m, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s/%s", m->sys,
			 strchr(name, ':') ? "dev/block" : "class/block", name);

	return n < PATH_MAX ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

/* VMs whose disk it is itself. */
static int by_disks(const struct devmap *m, int dir)
{
	uint32_t major, minor;
	char text[32];
	unsigned int i;
	int who = UNUSED;

	if (read_text(dir, "dev", text, sizeof(text)) < 0 || !take_device(text, 10, &major, &minor))
		return not_a_vm(m, SHARED);
	for (i = 0; i < m->uses; i++) {
		if (m->use[i].major != major || m->use[i].minor != minor)
			continue;
		if (m->seen)
			m->seen->use[i] = true;
		who = join(m, who, (int)i);
	}
	return who;
}

/* The directory `name` below dir, or NULL and errno. */
static DIR *open_list(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (!list && fd >= 0) {
		err = errno;
		close(fd);
		errno = err;
	}
	return list;
}

static int by_holders(const struct devmap *m, int dir, unsigned int depth)
{
	DIR *list = open_list(dir, "holders");
	const struct dirent *e;
	int who = UNUSED;

	if (!list)
		return errno == ENOENT ? UNUSED : not_a_vm(m, SHARED);
	while ((e = readdir(list)))
		if (e->d_name[0] != '.')
			who = join(m, who, owner(m, e->d_name, depth + 1));
	closedir(list);
	return who;
}

static int by_partitions(const struct devmap *m, int dir, unsigned int depth)
{
	DIR *list = open_list(dir, ".");
	const struct dirent *e;
	char path[NAME_MAX + sizeof("/partition")];
	int who = UNUSED;

	if (!list)
		return not_a_vm(m, SHARED);
	while ((e = readdir(list))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/partition", e->d_name);
		if (!faccessat(dir, path, F_OK, 0))
			who = join(m, who, owner(m, e->d_name, depth + 1));
	}
	closedir(list);
	return who;
}

static int owner(const struct devmap *m, const char *name, unsigned int depth)
{
	int dir, who;

	if (depth > DEPTH_MAX)
		return not_a_vm(m, SHARED);
	dir = open_block(m, name);
	if (dir < 0)
		return not_a_vm(m, SHARED);
	who = by_disks(m, dir);
	who = join(m, who, by_holders(m, dir, depth));
	who = join(m, who, by_partitions(m, dir, depth));
	close(dir);
	return who == UNUSED ? not_a_vm(m, HOST) : who;
}

const struct devmap_use *devmap_owner(const struct devmap *m, const char *block)
{
	int who = owner(m, block, 0);

	return who >= 0 ? &m->use[who] : NULL;
}

bool devmap_is_host(const struct devmap *m, const char *block)
{
	return owner(m, block, 0) == HOST;
}
