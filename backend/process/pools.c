/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pools.c - what works for all VMs at once.  For --list: it is billed to
 * nobody.
 */
#include "backend/process/pools.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/kernel/counter.h"
#include "backend/kernel/procfs.h"
#include "backend/process/worker.h"
#include "common/kv.h"

#define POOLS 24u

struct pool_sum {
	const char *name; /* pool_of()'s */
	uint64_t ns;
};

static void add(struct pool_sum sum[POOLS], const char *name, uint64_t ns)
{
	unsigned int i;

	for (i = 0; i < POOLS && sum[i].name && strcmp(sum[i].name, name) != 0; i++)
		;
	if (i == POOLS)
		return;
	sum[i].name = name;
	sum[i].ns += ns;
}

/* A process's threads are all in its stat; a thread of the kernel has ns. */
static void take(int dir, const struct proc_stat *stat, struct pool_sum sum[POOLS])
{
	const char *pool = pool_of(stat->name, stat->kernel);
	const char *file = stat->kernel ? "schedstat" : "stat";
	clock_read *read = stat->kernel ? counter_schedstat : counter_process;
	struct counter c;

	if (!pool || clock_open(&c, dir, file, read, false))
		return;
	add(sum, pool, c.last);
	counter_close(&c);
}

static void look(int proc, pid_t pid, struct pool_sum sum[POOLS])
{
	struct proc_stat stat;
	int dir = procfs_open(proc, pid, &stat);

	if (dir < 0)
		return;
	take(dir, &stat, sum);
	close(dir);
}

/* The kernel does not measure it but samples (docs/kernel-backends.md). */
static void list_softirq(int proc)
{
	long hz = sysconf(_SC_CLK_TCK);
	char text[FILE_TEXT];
	uint64_t ticks;

	if (hz > 0 && read_text(proc, "stat", text, sizeof(text)) > 0 &&
	    parse_softirq(text, &ticks))
		printf("pool\tsoftirq\t%" PRIu64 "\tms, sampled\n", ticks * 1000 / (uint64_t)hz);
}

void list_pools(const char *path)
{
	struct pool_sum sum[POOLS] = { { NULL, 0 } };
	const struct dirent *e;
	DIR *proc = opendir(path);
	unsigned int i;
	uint64_t pid;

	if (!proc)
		return;
	while ((e = readdir(proc)))
		if (parse_u64(e->d_name, PID_LAST, &pid))
			look(dirfd(proc), (pid_t)pid, sum);
	for (i = 0; i < POOLS && sum[i].name; i++)
		printf("pool\t%s\t%" PRIu64 "\tns\n", sum[i].name, sum[i].ns);
	list_softirq(dirfd(proc));
	closedir(proc);
}
