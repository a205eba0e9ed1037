/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The CPU time of a process tree: init and all its descendants, dead or alive.
 *
 *   live processes       their CPU clocks, ns
 *   reaped by init       counted by init itself when it reaps (cpu_reap.c)
 *   reaped by another    that one's cutime + cstime, in whole ticks (10 ms),
 *                        or what we saw of them if that is more; made exact
 *                        when init reaps the reaper
 *
 * A process that did not run since the last look cannot have forked or reaped,
 * so its clock is all that is read of it: one system call.  Whatever a process
 * reads of its own clocks is in the kernel's sums from then on, so it is never
 * more than what is found here afterwards.  A thread that runs right now and
 * has not looked is late by at most one scheduler tick.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/broker/cpu.h"
#include "sandbox/broker/procs.h"

#define NS_PER_S 1000000000ull
#define STAT_EVERY 10000000ull /* ticks do not move faster */
#define FULL_EVERY 100000000ull

uint64_t cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* -- one process -------------------------------------------------------- */

static bool read_clock(const struct cpu_proc *p, uint64_t *ns)
{
	struct timespec ts;

	if (clock_gettime(p->clock, &ts))
		return false;
	*ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return true;
}

/* A small file of the process, as text; false when it is gone. */
static bool read_file(const struct cpu_proc *p, const char *name, char *buf, size_t size)
{
	int fd = openat(p->dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n >= 0;
}

int cpu_proc_stat(const struct cpu_proc *p, int field, uint64_t *v)
{
	char buf[1024], *at;

	if (!read_file(p, "stat", buf, sizeof(buf)))
		return -ESRCH;
	at = strrchr(buf, ')'); /* the command may hold any byte */
	for (field -= 2; at && field > 0; field--)
		at = strchr(at + 1, ' ');
	if (!at)
		return -ESRCH;
	*v = at[2] == ' ' || !at[2] ? (unsigned char)at[1] : strtoull(at + 1, NULL, 10);
	return 0;
}

/* cutime and cstime: what it has reaped, in whole ticks. */
static void read_reaped(struct cpu_proc *p, uint64_t now)
{
	static long hz;
	unsigned long long user, sys;
	char buf[1024], *at;

	if (!hz)
		hz = sysconf(_SC_CLK_TCK);
	p->stat_at = now;
	p->kid_died = false;
	if (!read_file(p, "stat", buf, sizeof(buf)))
		return;
	at = strrchr(buf, ')');
	if (at && sscanf(at + 1,
			 " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
			 " %*s %*s %llu %llu",
			 &user, &sys) == 2)
		p->reaped = (user + sys) * (NS_PER_S / (uint64_t)hz);
}

static uint64_t exited(const struct cpu_proc *p)
{
	return p->known > p->reaped ? p->known : p->reaped;
}

static struct cpu_proc *proc_find(struct cpu_tree *t, pid_t pid)
{
	struct cpu_proc *p;

	TAILQ_FOREACH(p, &t->procs, link)
		if (p->pid == pid && !p->dead)
			return p;
	return NULL;
}

static void proc_free(struct cpu_tree *t, struct cpu_proc *p)
{
	TAILQ_REMOVE(&t->procs, p, link);
	close(p->dir);
	free(p);
}

static struct cpu_proc *proc_add(struct cpu_tree *t, pid_t pid, struct cpu_proc *parent)
{
	struct cpu_proc *p = calloc(1, sizeof(*p));
	char path[32];

	if (!p)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	p->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	p->pid = pid;
	p->parent = parent;
	p->threads = 1;
	p->ran = true;
	if (p->dir < 0 || clock_getcpuclockid(pid, &p->clock) || !read_clock(p, &p->ns)) {
		if (p->dir >= 0)
			close(p->dir);
		free(p);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&t->procs, p, link);
	return p;
}

/* Its clock; when that moved or is gone: is this still the same process? */
static void proc_look(struct cpu_proc *p, uint64_t now)
{
	struct stat st;
	uint64_t ns;

	if (read_clock(p, &ns) && ns == p->ns) {
		p->ran = false;
		return;
	}
	if (fstatat(p->dir, "task", &st, 0) || st.st_nlink < 3 || !read_clock(p, &ns)) {
		p->dead = true;
		return;
	}
	p->threads = (unsigned int)st.st_nlink - 2;
	if (ns > p->ns)
		p->ns = ns;
	p->ran = true;
	p->ran_at = now;
}

/* -- children ----------------------------------------------------------- */

static void kids_of_thread(struct cpu_tree *t, struct cpu_proc *p, pid_t tid)
{
	char name[48], buf[65536], *at = buf, *end;
	long pid;

	snprintf(name, sizeof(name), "task/%d/children", (int)tid);
	if (!read_file(p, name, buf, sizeof(buf)))
		return;
	for (;; at = end) {
		struct cpu_proc *kid;

		pid = strtol(at, &end, 10);
		if (end == at)
			return;
		kid = proc_find(t, (pid_t)pid);
		if (kid)
			kid->parent = p; /* an orphan moves up to init */
		else
			proc_add(t, (pid_t)pid, p);
	}
}

static void kids(struct cpu_tree *t, struct cpu_proc *p)
{
	struct dirent *de;
	DIR *dir;
	int fd;

	if (p->threads == 1) {
		kids_of_thread(t, p, p->pid);
		return;
	}
	fd = openat(p->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(dir)))
		if (de->d_name[0] != '.')
			kids_of_thread(t, p, (pid_t)strtol(de->d_name, NULL, 10));
	closedir(dir);
}

/* New ones are added at the end and so looked at as well. */
static void all_kids(struct cpu_tree *t, bool full)
{
	struct cpu_proc *init = TAILQ_FIRST(&t->procs), *p;

	TAILQ_FOREACH(p, &t->procs, link)
		if (!p->dead && (p->ran || full || p == init))
			kids(t, p);
}

/*
 * A kernel without CONFIG_PROC_CHILDREN: all of /proc, each time.  Who is whose
 * child is not known then, so all are init's: see exited().
 */
static void kids_by_table(struct cpu_tree *t)
{
	static pid_t pid[8192];
	struct cpu_proc *init = TAILQ_FIRST(&t->procs);
	size_t max = sizeof(pid) / sizeof(pid[0]);
	size_t n = procs_tree(init->pid, pid, max), i;

	for (i = 1; i < n && i < max; i++)
		if (!proc_find(t, pid[i]))
			proc_add(t, pid[i], init);
}

static bool have_children_files(void)
{
	static int have = -1;
	char path[64];

	if (have < 0) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
		have = !access(path, R_OK);
	}
	return have;
}

/* -- the tree ----------------------------------------------------------- */

/*
 * Give what a dead process had to whoever reaped it.  Init counts for itself.
 * When the parent is dead too, its own reaper has both or init has: dropped.
 */
static void bury(struct cpu_tree *t)
{
	struct cpu_proc *init = TAILQ_FIRST(&t->procs), *p, *next, *kid;

	TAILQ_FOREACH(p, &t->procs, link) {
		if (!p->dead || !p->parent || p->parent->dead || p->parent == init)
			continue;
		p->parent->known += p->ns + exited(p);
		p->parent->kid_died = true;
	}
	for (p = init; p; p = next) {
		next = TAILQ_NEXT(p, link);
		if (!p->dead || p == init)
			continue;
		TAILQ_FOREACH(kid, &t->procs, link)
			if (kid->parent == p)
				kid->parent = init;
		proc_free(t, p);
	}
}

static uint64_t look_once(struct cpu_tree *t)
{
	struct cpu_proc *init = TAILQ_FIRST(&t->procs), *p;
	uint64_t now = cpu_now(), sum = 0;
	bool full = now - t->full_at >= FULL_EVERY;

	TAILQ_FOREACH(p, &t->procs, link)
		proc_look(p, now);
	if (have_children_files())
		all_kids(t, full);
	else
		kids_by_table(t);
	bury(t);
	TAILQ_FOREACH(p, &t->procs, link) {
		if (p != init && (p->kid_died || (p->ran && now - p->stat_at >= STAT_EVERY)))
			read_reaped(p, now);
		sum += p->ns + (p == init ? 0 : exited(p));
	}
	if (full)
		t->full_at = now;
	return sum;
}

/*
 * Init may be reaping meanwhile: then a process is in neither sum, or in both.
 * Look again; if it keeps reaping, take the sum that cannot be too high.
 */
uint64_t cpu_tree_scan(struct cpu_tree *t)
{
	const struct cpu_reaped *r = t->reaped;
	uint64_t sum = 0, ns;
	uint32_t seq, again;
	int tries;

	if (TAILQ_EMPTY(&t->procs))
		return t->total;
	for (tries = 0; tries < 4; tries++) {
		seq = __atomic_load_n(&r->seq, __ATOMIC_ACQUIRE);
		ns = __atomic_load_n(&r->ns, __ATOMIC_RELAXED);
		sum = ns + look_once(t);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		again = __atomic_load_n(&r->seq, __ATOMIC_RELAXED);
		if (seq == again && !(seq & 1))
			break;
	}
	if (sum > t->total)
		t->total = sum;
	return t->total;
}

void cpu_tree_open(struct cpu_tree *t, pid_t init, const struct cpu_reaped *r)
{
	TAILQ_INIT(&t->procs);
	t->reaped = r;
	t->full_at = t->total = 0;
	proc_add(t, init, NULL);
}

void cpu_tree_close(struct cpu_tree *t)
{
	struct cpu_proc *p, *next;

	for (p = TAILQ_FIRST(&t->procs); p; p = next) {
		next = TAILQ_NEXT(p, link);
		close(p->dir);
		free(p);
	}
	TAILQ_INIT(&t->procs);
}
