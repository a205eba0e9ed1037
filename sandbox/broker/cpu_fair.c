/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Weights.  Linux shares the CPUs among processes and knows nothing of domains;
 * this holds back the domains that are ahead of their share.
 *
 * Each domain has a virtual time: its CPU time divided by its weight.  While
 * some domain waits for a CPU, one that is more than SLACK ahead of the last of
 * those is stopped, until it is no longer ahead of it, or CPUs stand idle.
 * The lead is bounded, so shares approach the weights.  Without waiting nothing
 * is stopped: weights matter only under contention.  Domain 0 is never stopped.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/broker/broker.h"
#include "sandbox/broker/cpu.h"

#define SLACK 10000000ull /* ns of virtual time */
#define RECENT 100000000ull /* who ran so lately may be waiting */
#define WAITS_ABOVE 20 /* a twentieth of the period */

/* Run delay of a thread: the second figure of schedstat. */
static uint64_t delay_of(int taskdir, const char *tid)
{
	unsigned long long ran, waited;
	char path[300], buf[96];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/schedstat", tid);
	fd = openat(taskdir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return sscanf(buf, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
}

static uint64_t proc_waited(const struct cpu_proc *p)
{
	struct dirent *de;
	uint64_t sum = 0;
	DIR *dir;
	int fd = openat(p->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return p->waited;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return p->waited;
	}
	while ((de = readdir(dir)))
		if (de->d_name[0] != '.')
			sum += delay_of(fd, de->d_name);
	closedir(dir);
	return sum;
}

/* How long the domain's threads waited for a CPU since the last call. */
static uint64_t waited(struct cpu_dom *c)
{
	uint64_t now = cpu_now(), sum = 0, w;
	struct cpu_proc *p;

	TAILQ_FOREACH(p, &c->tree.procs, link) {
		if (now - p->ran_at > RECENT)
			continue;
		w = proc_waited(p);
		/* threads that ended take their delay with them */
		if (p->waited && w > p->waited)
			sum += w - p->waited;
		p->waited = w;
	}
	return sum;
}

/*
 * Did CPUs stand idle of late, because of what was stopped or for want of work?
 * Other processes of the machine compete too, so this must come from Linux; it
 * counts in ticks of 10 ms, so it is asked for ten periods at a time.
 */
static bool idle_lately(void)
{
	static uint64_t at, before;
	static bool idle;
	uint64_t now = cpu_now(), ns[1024], sum = 0;
	size_t n;

	if (now - at < RECENT)
		return idle;
	for (n = cpu_idle_ns(ns, 1024); n > 0; n--)
		sum += ns[n - 1];
	/* not over a pause: what was idle then says nothing */
	if (now - at < 4 * RECENT)
		idle = sum - before > (now - at) * cpu_count() / 5;
	else
		idle = false;
	at = now;
	before = sum;
	return idle;
}

static void measure(struct cpu_dom *c, uint64_t elapsed)
{
	uint64_t ns = cpu_dom_ns(c), ran = ns - c->vcpu;

	c->vcpu = ns;
	c->waits = !c->stopped && waited(c) > elapsed / WAITS_ABOVE;
	c->active = c->stopped || c->waits || ran > elapsed / WAITS_ABOVE;
	c->vtime += ran * CPU_WEIGHT / c->weight;
}

/* Who slept has no claim on the time it did not use. */
static void level(const bool *was_active, size_t n)
{
	uint64_t least = UINT64_MAX;
	struct cpu_dom *c;
	struct domain *d;
	size_t i = 0;

	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (c && i < n && was_active[i] && c->active && c->vtime < least)
			least = c->vtime;
		i++;
	}
	i = 0;
	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (c && least != UINT64_MAX && i < n && !(was_active[i] && c->active) &&
		    c->vtime < least)
			c->vtime = least;
		i++;
	}
}

/* The least virtual time of a domain that is kept waiting, by us or others. */
static uint64_t last_of_waiting(const struct cpu_dom *but)
{
	uint64_t least = UINT64_MAX;
	struct cpu_dom *c;
	struct domain *d;

	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (c && c != but && c->active && !c->over && c->vtime < least)
			least = c->vtime;
	}
	return least;
}

static void judge(struct cpu_dom *c, bool contended, bool idle)
{
	uint64_t last = last_of_waiting(c);

	if (!c->d->domid || last == UINT64_MAX)
		c->unfair = false;
	else if (c->unfair)
		c->unfair = c->vtime > last && !idle;
	else
		c->unfair = contended && c->active && c->vtime > last + SLACK;
}

static void all_go_on(void)
{
	struct cpu_dom *c;
	struct domain *d;

	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (c)
			c->unfair = false;
	}
}

void cpu_fair_tick(uint64_t elapsed)
{
	static bool was_active[DOMID_MAX];
	bool contended = false, weighed = false, idle;
	struct cpu_dom *c;
	struct domain *d;
	size_t n = 0;

	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		weighed |= c && c->weight != CPU_WEIGHT;
	}
	if (!weighed) {
		all_go_on(); /* the last weight has just become as the others: caps keep the timer on */
		return;
	}
	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		was_active[n++] = c && c->active;
		if (!c || d->dying)
			continue;
		measure(c, elapsed);
		contended |= c->waits;
	}
	level(was_active, n);
	idle = idle_lately();
	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (c && !d->dying)
			judge(c, contended, idle);
	}
}
