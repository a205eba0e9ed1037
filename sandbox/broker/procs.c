/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes of a domain: its init and all descendants of it. An orphan goes
 * to init (a subreaper), so nothing leaves the tree but by dying.
 *
 * One pass over /proc/PID/stat: the per-thread file "children" would be cheaper,
 * but many kernels are built without it.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/broker/procs.h"

#define PROCS_MAX 32768

struct proc {
	pid_t pid, parent;
	bool zombie; /* or only its first thread is */
	bool taken;
};

static bool read_proc(int procfd, const char *name, struct proc *out)
{
	char path[32], buf[256], state, *p;
	ssize_t n;
	int fd, ppid;

	snprintf(path, sizeof(path), "%.16s/stat", name);
	fd = openat(procfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	p = strrchr(buf, ')'); /* the command may hold any byte */
	if (!p || sscanf(p + 1, " %c %d", &state, &ppid) != 2)
		return false;
	out->pid = (pid_t)strtol(name, NULL, 10);
	out->parent = ppid;
	out->zombie = state == 'Z' || state == 'X';
	out->taken = false;
	return true;
}

/* All live processes of the machine that we may see; n of them. */
static size_t look(struct proc *all, size_t max)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;
	size_t n = 0;

	if (!dir)
		return 0;
	while (n < max && (de = readdir(dir))) {
		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		if (read_proc(dirfd(dir), de->d_name, &all[n]))
			n++;
	}
	closedir(dir);
	return n;
}

/* *live counts those below root that are no zombies. */
static size_t tree(pid_t root, pid_t *pid, size_t max, size_t *live)
{
	static struct proc all[PROCS_MAX];
	size_t n, i, have = 0, next;

	*live = 0;
	if (root <= 0 || max == 0)
		return 0;
	n = look(all, PROCS_MAX);
	pid[have++] = root;
	for (next = 0; next < have && next < max; next++)
		for (i = 0; i < n; i++) {
			if (all[i].taken || all[i].parent != pid[next])
				continue;
			all[i].taken = true;
			if (have < max)
				pid[have] = all[i].pid;
			have++;
			*live += !all[i].zombie;
		}
	return have;
}

size_t procs_tree(pid_t root, pid_t *pid, size_t max)
{
	size_t live;

	return tree(root, pid, max, &live);
}

static size_t kill_below(pid_t root)
{
	static pid_t pid[PROCS_MAX];
	size_t live, n = tree(root, pid, PROCS_MAX, &live), i;

	for (i = 1; i < n && i < PROCS_MAX; i++)
		kill(pid[i], SIGKILL);
	return live;
}

void procs_kill_below(pid_t root)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int quiet = 0, tries;

	/*
	 * Two empty looks in a row: one could miss a child that was moved to
	 * its new parent while we walked. Bounded: a process in an
	 * uninterruptible sleep must not stop the broker.
	 */
	for (tries = 0; tries < 2000 && quiet < 2; tries++) {
		if (kill_below(root)) {
			quiet = 0;
			nanosleep(&ms, NULL);
		} else {
			quiet++;
		}
	}
}

size_t domain_pids(const struct domain *d, pid_t *pid, size_t max)
{
	return procs_tree(d->init, pid, max);
}

static bool is_init(pid_t pid)
{
	struct domain *d;

	TAILQ_FOREACH(d, &broker.domains, link)
		if (d->init == pid)
			return true;
	return false;
}

/* Children of ours that are no init: orphans of a domain whose init died. */
static void kill_orphans(void)
{
	static struct proc all[PROCS_MAX];
	size_t n = look(all, PROCS_MAX), i;

	for (i = 0; i < n; i++) {
		if (all[i].parent != getpid() || all[i].zombie || is_init(all[i].pid))
			continue;
		kill(all[i].pid, SIGSTOP);
		procs_kill_below(all[i].pid);
		kill(all[i].pid, SIGKILL);
	}
}

/*
 * Init is stopped first, so that it starts nothing meanwhile; stopped it is
 * still the subreaper of the others.
 */
void domain_kill_processes(struct domain *d)
{
	if (d->init <= 0)
		return;
	kill(d->init, SIGSTOP);
	procs_kill_below(d->init);
	domain_cpu_ns(d); /* the last words of the dead, not reaped yet */
	kill(d->init, SIGKILL);
	kill_orphans();
}
