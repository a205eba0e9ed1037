/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Caps, as credit2 has them: a budget refilled every 10 ms; a domain that has
 * used it up is stopped, and goes on at the refill that makes it positive, so
 * an overrun is repaid exactly.  Stopped means SIGSTOP for all its processes
 * but init, which only reaps.
 *
 * The timer runs while a domain has a cap or a weight that is not the default.
 * The next look is when the domain nearest to the end of its budget could
 * reach it, if all CPUs worked for it, but not below 1 ms (credit2's rate
 * limit).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sandbox/broker/broker.h"
#include "sandbox/broker/cpu.h"

#define LOOK_MIN 1000000ull
#define HOLD_ROUNDS 4

static struct {
	int fd;
	struct event *ev;
	bool on;
	uint64_t refilled; /* the last refill */
	uint64_t next; /* the next one */
} timer = { .fd = -1 };

/* -- stopping and going on ---------------------------------------------- */

static bool stopped_by_others(const struct cpu_proc *p)
{
	uint64_t state;

	return !cpu_proc_stat(p, 3, &state) && (state == 'T' || state == 't');
}

/* A process that forks while we walk leaves a child: look again. */
static void hold(struct cpu_dom *c)
{
	struct cpu_proc *init, *p;
	int rounds, fresh = 1;

	for (rounds = 0; fresh && rounds < HOLD_ROUNDS; rounds++) {
		fresh = 0;
		cpu_tree_scan(&c->tree);
		init = TAILQ_FIRST(&c->tree.procs);
		TAILQ_FOREACH(p, &c->tree.procs, link) {
			if (p == init || p->held || stopped_by_others(p))
				continue;
			p->held = !kill(p->pid, SIGSTOP);
			fresh += p->held;
		}
	}
}

static void stop(struct cpu_dom *c)
{
	if (!c->stopped) {
		c->stopped = true;
		c->stopped_at = cpu_now();
	}
	hold(c);
}

static void go_on(struct cpu_dom *c)
{
	struct cpu_proc *p;

	if (!c->stopped)
		return;
	c->stopped = false;
	c->offline += cpu_now() - c->stopped_at;
	cpu_tree_scan(&c->tree); /* drops the dead: see cpu_sched_forget() */
	TAILQ_FOREACH(p, &c->tree.procs, link) {
		if (p->held)
			kill(p->pid, SIGCONT);
		p->held = false;
	}
}

uint64_t cpu_offline_ns(const struct cpu_dom *c)
{
	return c->offline + (c->stopped ? cpu_now() - c->stopped_at : 0);
}

/* -- budgets ------------------------------------------------------------ */

/* Take what it ran off its budget; @refill: the time this refill is for. */
static void settle(struct cpu_dom *c, uint64_t refill)
{
	int64_t most = (int64_t)(CPU_PERIOD * c->cap / 100);
	uint64_t ns = cpu_dom_ns(c);

	c->budget -= (int64_t)(ns - c->charged);
	c->charged = ns;
	c->budget += (int64_t)(refill * c->cap / 100);
	if (c->budget > most)
		c->budget = most;
	/* only a refill lets it go on */
	if (c->budget <= 0)
		c->over = true;
	else if (refill)
		c->over = false;
}

static uint64_t decide(struct cpu_dom *c)
{
	uint64_t look;

	if (c->over || c->unfair) {
		stop(c);
		return CPU_PERIOD;
	}
	go_on(c);
	if (!c->cap)
		return CPU_PERIOD;
	look = (uint64_t)c->budget / cpu_count();
	return look < LOOK_MIN ? LOOK_MIN : look;
}

static void arm(uint64_t at)
{
	struct itimerspec it = {
		.it_value = {
			.tv_sec = (time_t)(at / 1000000000ull),
			.tv_nsec = (long)(at % 1000000000ull),
		},
	};

	timerfd_settime(timer.fd, TFD_TIMER_ABSTIME, &it, NULL);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = cpu_now(), refill = 0, soonest = CPU_PERIOD, look, n;
	struct cpu_dom *c;
	struct domain *d;

	(void)what, (void)arg;
	if (read(fd, &n, sizeof(n)) < 0 || !timer.on)
		return;
	if (now >= timer.next) {
		refill = now - timer.refilled;
		timer.refilled = now;
		timer.next += CPU_PERIOD * (1 + (now - timer.next) / CPU_PERIOD);
		cpu_fair_tick(refill);
	}
	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (!c || d->dying)
			continue;
		if (c->cap)
			settle(c, refill);
		look = decide(c);
		if (look < soonest)
			soonest = look;
	}
	now = cpu_now();
	arm(now + soonest < timer.next ? now + soonest : timer.next);
}

/* -- on and off --------------------------------------------------------- */

static bool needed(void)
{
	struct cpu_dom *c;
	struct domain *d;

	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (c && !d->dying && (c->cap || c->weight != CPU_WEIGHT))
			return true;
	}
	return false;
}

static int turn_on(void)
{
	struct cpu_dom *c;
	struct domain *d;

	if (timer.fd < 0) {
		timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (timer.fd < 0)
			return -errno;
		timer.ev = event_new(broker.base, timer.fd, EV_READ | EV_PERSIST, on_timer, NULL);
	}
	if (!timer.ev || event_add(timer.ev, NULL))
		return -ENOMEM;
	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (c)
			c->vtime = 0;
	}
	timer.on = true;
	timer.refilled = cpu_now();
	timer.next = timer.refilled + CPU_PERIOD;
	arm(timer.refilled + LOOK_MIN);
	return 0;
}

static void turn_off(void)
{
	struct cpu_dom *c;
	struct domain *d;

	timer.on = false;
	event_del(timer.ev);
	TAILQ_FOREACH(d, &broker.domains, link) {
		c = cpu_of(d);
		if (!c || d->dying)
			continue;
		c->over = c->unfair = false;
		go_on(c);
	}
}

int cpu_sched_update(void)
{
	bool need = needed();

	if (need && !timer.on)
		return turn_on();
	if (!need && timer.on)
		turn_off();
	return 0;
}

/* Its processes are dead: nobody to continue, and their pids may be others'. */
void cpu_sched_forget(struct cpu_dom *c)
{
	c->offline = cpu_offline_ns(c);
	c->stopped = c->over = c->unfair = false;
	c->cap = 0;
	c->weight = CPU_WEIGHT;
	cpu_sched_update();
}

void cpu_sched_stop(void)
{
	if (timer.ev)
		event_free(timer.ev);
	if (timer.fd >= 0)
		close(timer.fd);
	timer.ev = NULL;
	timer.fd = -1;
	timer.on = false;
}
