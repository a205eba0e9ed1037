/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cgroup.c - see cgroup.h.
 *
 *	/sys/fs/cgroup/acctring-kernback/vm-<domid>	threads of a guest's devices
 *	/sys/fs/cgroup/acctring-kernback/cpu-was-off	cpu was off at the root: so it
 *							shall be again, by whomever of us
 */
#include "backend/kernel/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend/kernel/counter.h"
#include "backend/kernel/parse.h"
#include "backend/kernel/procfs.h"
#include "common/kv.h"

#define OURS "acctring-kernback"
#define WAS_OFF OURS "/cpu-was-off"
#define CONTROL "cgroup.subtree_control"
#define PATH 80
#define PERIOD_US 100000u
#define PERIOD_MOST_US 1000000u /* of Linux */
#define QUOTA_LEAST_US 1000u
#define TRIES 25u
#define ROUNDS 16u /* a thread may have begun in it meanwhile */

static int put(int dir, const char *path, const char *text)
{
	/* added, not in place of what is there: of no matter to the kernel */
	int fd = openat(dir, path, O_WRONLY | O_APPEND | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static void path_of(char path[PATH], unsigned int domid, const char *file)
{
	snprintf(path, PATH, OURS "/vm-%u%s", domid, file);
}

static bool has_cpu(int root, const char *file)
{
	char text[FILE_TEXT], *save, *word;

	if (read_text(root, file, text, sizeof(text)) < 0)
		return false;
	for (word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		if (!strcmp(word, "cpu"))
			return true;
	return false;
}

/* ------------------------------------------------------------------ */
/* A guest's                                                           */

static int make(int root, const char *path)
{
	return mkdirat(root, path, 0755) && errno != EEXIST ? -errno : 0;
}

/* cpu for those below the root, and below our own. */
static int turn_on(struct cgroups *c)
{
	int r = make(c->root, OURS);

	if (!r && !has_cpu(c->root, CONTROL)) {
		r = make(c->root, WAS_OFF);
		if (!r)
			r = put(c->root, CONTROL, "+cpu\n");
	}
	return r ? r : put(c->root, OURS "/" CONTROL, "+cpu\n");
}

int cgroup_make(struct cgroups *c, unsigned int domid)
{
	char path[PATH];
	int r = turn_on(c);

	path_of(path, domid, "");
	return r ? r : make(c->root, path);
}

/* The least quota is a ms; who gets less of it gets it more seldom. */
static void quota_text(char *text, unsigned int size, uint64_t quota)
{
	uint64_t period = PERIOD_US, us = quota / (1000000000u / PERIOD_US);

	if (quota == CGROUP_FREE) {
		snprintf(text, size, "max\n");
		return;
	}
	if (us < QUOTA_LEAST_US) {
		period = QUOTA_LEAST_US * UINT64_C(1000000000) / (quota ? quota : 1);
		if (period > PERIOD_MOST_US)
			period = PERIOD_MOST_US;
		us = QUOTA_LEAST_US;
	}
	snprintf(text, size, "%" PRIu64 " %" PRIu64 "\n", us, period);
}

int cgroup_quota(const struct cgroups *c, unsigned int domid, uint64_t quota)
{
	char path[PATH], text[64];

	path_of(path, domid, "/cpu.max");
	quota_text(text, sizeof(text), quota);
	return put(c->root, path, text);
}

int cgroup_add(const struct cgroups *c, unsigned int domid, pid_t pid)
{
	char path[PATH], text[32];

	path_of(path, domid, "/cgroup.procs");
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	return put(c->root, path, text);
}

/* ------------------------------------------------------------------ */
/* Back                                                                */

/* Those that are there now; *n: how many were. */
static int empty(int root, const char *procs, unsigned int *n)
{
	int fd = openat(root, procs, O_RDONLY | O_CLOEXEC), r = 0;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[32];

	*n = 0;
	if (!f) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (fgets(line, sizeof(line), f)) {
		++*n;
		r = put(root, "cgroup.procs", line);
		if (r && r != -ESRCH)
			break;
	}
	fclose(f);
	return r == -ESRCH ? 0 : r;
}

static int take_back(int root, const char *group)
{
	char procs[PATH + NAME_MAX];
	unsigned int i, n = 1;
	int r = 0;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", group);
	for (i = 0; n && !r && i < ROUNDS; i++)
		r = empty(root, procs, &n);
	if (r && r != -ENOENT)
		return r;
	return unlinkat(root, group, AT_REMOVEDIR) && errno != ENOENT ? -errno : 0;
}

/* Ours, when nothing is in it any more, and what it needed at the root. */
static int remove_ours(int root)
{
	bool was_off = !faccessat(root, WAS_OFF, F_OK, 0);
	int r;

	if (was_off)
		unlinkat(root, WAS_OFF, AT_REMOVEDIR);
	if (!unlinkat(root, OURS, AT_REMOVEDIR)) {
		/* EBUSY: others came to need it */
		r = was_off ? put(root, CONTROL, "-cpu\n") : 0;
		return r == -EBUSY ? 0 : r;
	}
	r = errno == ENOENT || errno == ENOTEMPTY || errno == EBUSY ? 0 : -errno;
	if (was_off && make(root, WAS_OFF))
		return -errno;
	return r;
}

int cgroup_remove(struct cgroups *c, unsigned int domid)
{
	char path[PATH];
	int r;

	path_of(path, domid, "");
	r = take_back(c->root, path);
	return r ? r : remove_ours(c->root);
}

static DIR *open_ours(int root)
{
	int fd = openat(root, OURS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static int remove_all(int root)
{
	char group[PATH + NAME_MAX];
	const struct dirent *e;
	DIR *dir = open_ours(root);
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!r && (e = readdir(dir))) {
		if (strncmp(e->d_name, "vm-", 3) != 0)
			continue;
		snprintf(group, sizeof(group), OURS "/%s", e->d_name);
		r = take_back(root, group);
	}
	closedir(dir);
	return r ? r : remove_ours(root);
}

/* A thread that just ends keeps its cgroup for a moment. */
static int tidy(int root)
{
	static const struct timespec pause = { .tv_nsec = 20000000 };
	unsigned int i;
	int r = 0;

	for (i = 0; i < TRIES; i++) {
		r = remove_all(root);
		if (!r && faccessat(root, OURS, F_OK, 0))
			return 0;
		nanosleep(&pause, NULL);
	}
	return r ? r : -EBUSY;
}

/* ------------------------------------------------------------------ */
/* All                                                                 */

int cgroups_look(struct cgroups *c, const char *sys)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/fs/cgroup", sys);
	c->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->root < 0)
		return -errno;
	if (has_cpu(c->root, "cgroup.controllers"))
		return 0;
	close(c->root);
	c->root = -1;
	return -EOPNOTSUPP;
}

int cgroups_open(struct cgroups *c, const char *sys)
{
	int r = cgroups_look(c, sys);

	if (r)
		return r;
	r = tidy(c->root);
	if (!r && faccessat(c->root, CONTROL, W_OK, AT_EACCESS))
		r = -errno;
	if (r) {
		close(c->root);
		c->root = -1;
	}
	return r;
}

void cgroups_close(struct cgroups *c)
{
	if (c->root < 0)
		return;
	tidy(c->root);
	close(c->root);
	c->root = -1;
}

static unsigned int count(int root, const char *procs)
{
	int fd = openat(root, procs, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	unsigned int n = 0;
	char line[32];

	while (f && fgets(line, sizeof(line), f))
		n++;
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
	return n;
}

void cgroups_list(const struct cgroups *c)
{
	DIR *dir = c->root < 0 ? NULL : open_ours(c->root);
	const struct dirent *e;
	char path[PATH], text[64];
	uint64_t domid;

	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, "vm-", 3) != 0 || !parse_u64(e->d_name + 3, 32767, &domid))
			continue;
		path_of(path, (unsigned int)domid, "/cpu.max");
		if (read_text(c->root, path, text, sizeof(text)) < 0)
			continue;
		text[strcspn(text, "\n")] = '\0';
		path_of(path, (unsigned int)domid, "/cgroup.procs");
		printf("quota\t%" PRIu64 "\t%s\t%u\n", domid, text, count(c->root, path));
	}
	if (dir)
		closedir(dir);
}
