/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * busy.c - see busy.h.
 */
#include "accountant/busy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * proc(5), "stat": cpu user nice system idle iowait .., in ticks, then a line for each CPU that is
 * online.  The sum has the grain of one tick, which does not add up: it only grows.
 */
static bool read_idle(const char *proc, uint64_t *idle_ns, unsigned int *cpus)
{
	uint64_t idle, iowait, tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	char path[256], line[512];
	bool ok;
	FILE *f;

	snprintf(path, sizeof(path), "%s/stat", proc);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fgets(line, sizeof(line), f) &&
	     sscanf(line, "cpu %*u %*u %*u %" SCNu64 " %" SCNu64, &idle, &iowait) == 2 &&
	     idle < UINT64_MAX / 2 / tick && iowait < UINT64_MAX / 2 / tick;
	*cpus = 0;
	while (ok && fgets(line, sizeof(line), f) && strncmp(line, "cpu", 3) == 0)
		++*cpus;
	fclose(f);
	*idle_ns = ok ? (idle + iowait) * tick : 0;
	return ok && *cpus && *cpus <= BUSY_CPUS;
}

bool busy_grown(struct busy *b, const char *proc, uint64_t now_ns, uint64_t *ns)
{
	struct busy is = { .at_ns = now_ns };
	uint64_t all, idle;
	bool known;

	if (!read_idle(proc, &is.idle_ns, &is.cpus))
		return false;
	/* a CPU that comes or goes takes its idle time along */
	known = b->cpus == is.cpus && is.idle_ns >= b->idle_ns && now_ns >= b->at_ns;
	all = (now_ns - b->at_ns) * is.cpus;
	idle = is.idle_ns - b->idle_ns;
	*b = is;
	if (!known)
		return false;
	if (idle > all) { /* by less than the grain: kept for the next time */
		b->idle_ns -= idle - all;
		idle = all;
	}
	*ns = all - idle;
	return true;
}
