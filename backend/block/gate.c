/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/block/gate.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

/* For each turn, so a clock that is cheap; it goes by ticks. */
static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void gate_init(struct gate *g)
{
	pthread_mutex_init(&g->lock, NULL);
	fair_init(&g->fair);
	LIST_INIT(&g->guests);
	TAILQ_INIT(&g->serving);
	g->places = 1;
	g->taken = 0;
	g->requests = 0;
	gate_measure(g);
}

/* ---- guests ---- */

static struct gate_guest *find_guest(struct gate *g, unsigned int domid)
{
	struct gate_guest *guest;

	LIST_FOREACH(guest, &g->guests, link)
		if (guest->domid == domid)
			return guest;
	guest = calloc(1, sizeof(*guest));
	if (!guest)
		return NULL;
	guest->domid = domid;
	TAILQ_INIT(&guest->waiting);
	LIST_INSERT_HEAD(&g->guests, guest, link);
	return guest;
}

struct gate_guest *gate_guest_get(struct gate *g, unsigned int domid)
{
	struct gate_guest *guest;

	pthread_mutex_lock(&g->lock);
	guest = find_guest(g, domid);
	if (guest)
		guest->uses++;
	pthread_mutex_unlock(&g->lock);
	return guest;
}

void gate_guest_put(struct gate *g, struct gate_guest *guest)
{
	if (!guest)
		return;
	pthread_mutex_lock(&g->lock);
	if (!--guest->uses) {
		LIST_REMOVE(guest, link);
		free(guest);
	}
	pthread_mutex_unlock(&g->lock);
}

void gate_turn_init(struct gate_turn *t, struct gate_guest *guest)
{
	pthread_condattr_t attr;

	*t = (struct gate_turn){ .guest = guest };
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->granted, &attr);
	pthread_condattr_destroy(&attr);
}

void gate_turn_end(struct gate_turn *t)
{
	pthread_cond_destroy(&t->granted);
}

/* ---- turns; the lock is held ---- */

static void grant(struct gate *g, struct gate_guest *guest)
{
	struct gate_turn *t = TAILQ_FIRST(&guest->waiting);
	uint64_t others = g->requests - guest->requests - t->others;

	TAILQ_REMOVE(&guest->waiting, t, link);
	TAILQ_INSERT_TAIL(&g->serving, t, link);
	t->serving = true;
	t->since = now_ms();
	if (others > t->most)
		t->most = others;
	g->taken++;
	pthread_cond_signal(&t->granted);
}

static void fill_places(struct gate *g)
{
	struct fair_guest *f;

	while (g->taken < g->places && (f = fair_next(&g->fair)))
		grant(g, (struct gate_guest *)((char *)f - offsetof(struct gate_guest, fair)));
}

/* Places of turns that wait for something: theirs no more. */
static void give_up_late(struct gate *g)
{
	uint64_t now = now_ms();
	struct gate_turn *t;

	TAILQ_FOREACH(t, &g->serving, link) {
		if (now - t->since < GATE_LATE_MS)
			break; /* those behind it began later */
		if (t->late)
			continue;
		t->late = true;
		g->taken--;
	}
	fill_places(g);
}

static void get_in_line(struct gate *g, struct gate_turn *t)
{
	TAILQ_INSERT_TAIL(&t->guest->waiting, t, link);
	t->others = g->requests - t->guest->requests;
	fill_places(g);
}

static void end_turn(struct gate *g, struct gate_turn *t, unsigned int requests, uint64_t ns)
{
	fair_leave(&t->guest->fair, ns);
	t->guest->requests += requests;
	g->requests += requests;
	TAILQ_REMOVE(&g->serving, t, link);
	if (!t->late)
		g->taken--;
	t->serving = t->late = false;
}

static void wait_for_turn(struct gate *g, struct gate_turn *t)
{
	struct timespec until;

	while (!t->serving) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += (GATE_LATE_MS + 10) * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&t->granted, &g->lock, &until) == ETIMEDOUT)
			give_up_late(g);
	}
}

/* ---- for the threads ---- */

void gate_measure(struct gate *g)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set))
		return; /* more than fit a set: as before */
	n = CPU_COUNT(&set);
	pthread_mutex_lock(&g->lock);
	g->places = n > 0 ? (unsigned int)n : 1;
	fill_places(g);
	pthread_mutex_unlock(&g->lock);
}

void gate_enter(struct gate *g, struct gate_turn *t)
{
	pthread_mutex_lock(&g->lock);
	fair_enter(&g->fair, &t->guest->fair);
	get_in_line(g, t);
	wait_for_turn(g, t);
	pthread_mutex_unlock(&g->lock);
}

void gate_leave(struct gate *g, struct gate_turn *t, unsigned int requests, uint64_t ns)
{
	pthread_mutex_lock(&g->lock);
	end_turn(g, t, requests, ns);
	fill_places(g);
	pthread_mutex_unlock(&g->lock);
}

void gate_again(struct gate *g, struct gate_turn *t, unsigned int requests, uint64_t ns)
{
	pthread_mutex_lock(&g->lock);
	/* in line first: who leaves and comes back has saved nothing */
	fair_enter(&g->fair, &t->guest->fair);
	end_turn(g, t, requests, ns);
	get_in_line(g, t);
	wait_for_turn(g, t);
	pthread_mutex_unlock(&g->lock);
}
