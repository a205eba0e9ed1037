/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose turn it is: shares by cost, exactly; and the threads that wait for
 * their turns.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend/block/gate.h"
#include "common/clock.h"
#include "frontend/block/pattern.h"

#define GUESTS 5
#define TURN 1000u /* what a turn costs at most */

static uint64_t seed = 1;

static uint64_t below(uint64_t n)
{
	return pattern_random(&seed) % n;
}

/* Of two that are always in line, neither has more than the other by more than a turn. */
static void equal_by_cost(void **state)
{
	/* one cheap, one dear, with one thread and with many */
	static const uint64_t cost[GUESTS] = { TURN / 7, TURN / 5, TURN / 3, TURN / 2, TURN };
	struct fair_guest g[GUESTS] = { { .spent = 0 } };
	unsigned int i, j, turn;
	struct fair f;

	(void)state;
	fair_init(&f);
	for (i = 0; i < GUESTS; i++)
		for (j = 0; j < 1 + 4 * i; j++)
			fair_enter(&f, &g[i]);
	/* far from what is not waited for: FAIR_TURNS */
	for (turn = 0; turn < 100000; turn++) {
		struct fair_guest *next = fair_next(&f);

		fair_enter(&f, next);
		fair_leave(next, cost[next - g]);
		for (i = 0; i < GUESTS; i++)
			for (j = 0; j < GUESTS; j++)
				assert_true(g[i].spent <= g[j].spent + TURN);
	}
	assert_in_range(g[0].spent, g[4].spent - TURN, g[4].spent + TURN);
}

/* Several are served at a time: the same, by what is under way. */
static void side_by_side(void **state)
{
	struct fair_guest g[GUESTS] = { { .spent = 0 } }, *served[3];
	unsigned int i, j, turn;
	struct fair f;

	(void)state;
	fair_init(&f);
	for (i = 0; i < GUESTS; i++)
		for (j = 0; j < 4; j++)
			fair_enter(&f, &g[i]);
	for (i = 0; i < 3; i++)
		served[i] = fair_next(&f);
	for (turn = 0; turn < 100000; turn++) {
		unsigned int k = (unsigned int)below(3);

		fair_enter(&f, served[k]);
		fair_leave(served[k], TURN / 4 + below(TURN));
		served[k] = fair_next(&f);
		for (i = 0; i < GUESTS; i++)
			for (j = 0; j < GUESTS; j++)
				assert_true(g[i].spent <= g[j].spent + 4 * TURN);
	}
}

/* Who was away has saved nothing, and is next; who is ahead still is. */
static void who_comes_back(void **state)
{
	struct fair_guest a = { .spent = 0 }, b = { .spent = 0 }, c = { .spent = 0 };
	struct fair f;
	unsigned int i;

	(void)state;
	fair_init(&f);
	fair_enter(&f, &b);
	for (i = 0; i < 1000; i++) {
		assert_ptr_equal(fair_next(&f), &b);
		fair_enter(&f, &b);
		fair_leave(&b, TURN);
	}
	fair_enter(&f, &a);
	assert_ptr_equal(fair_next(&f), &a);
	fair_leave(&a, TURN / 2);
	/* not for all of the 1000 turns */
	assert_ptr_equal(fair_next(&f), &b);
	fair_enter(&f, &b);
	fair_leave(&b, TURN);
	/* c runs far ahead, and goes; it does not begin anew when it comes back */
	fair_enter(&f, &c);
	assert_ptr_equal(fair_next(&f), &c);
	fair_leave(&c, 10 * TURN);
	fair_enter(&f, &c);
	for (i = 0; i < 7; i++) {
		assert_ptr_equal(fair_next(&f), &b);
		fair_enter(&f, &b);
		fair_leave(&b, TURN);
	}
}

/* However dear its turns: it waits for so many of the others, and no more. */
static void waits_are_bounded(void **state)
{
	struct fair_guest g[GUESTS] = { { .spent = 0 } }, *next;
	unsigned int i, turn, waited = 0, most = 0;
	struct fair f;

	(void)state;
	fair_init(&f);
	for (i = 0; i < GUESTS; i++)
		fair_enter(&f, &g[i]);
	for (turn = 0; turn < 10000; turn++) {
		next = fair_next(&f);
		waited = next == &g[0] ? 0 : waited + 1;
		if (waited > most)
			most = waited;
		fair_enter(&f, next);
		fair_leave(next, next == &g[0] ? 1000000000 : 1 + below(TURN));
	}
	assert_int_equal(most, FAIR_TURNS * (GUESTS - 1));
}

/* ---- threads ---- */

#define THREADS 9 /* one of the first guest, eight of the second */
#define TURNS 3000

static struct gate gate;
static atomic_int inside, most_inside;
static atomic_bool enough;
static uint64_t costs[2];
static struct worker {
	pthread_t thread;
	struct gate_turn turn;
	unsigned int guest;
} worker[THREADS];

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int i;

	gate_enter(&gate, &w->turn);
	for (i = 0; !enough && (w->guest || i < TURNS); i++) {
		int n = ++inside;

		if (n > most_inside)
			most_inside = n;
		costs[w->guest] += 100 + 300 * w->guest;
		inside--;
		gate_again(&gate, &w->turn, 32, 100 + 300 * w->guest);
	}
	enough = true;
	gate_leave(&gate, &w->turn, 0, 0);
	return NULL;
}

static void one_processor(void)
{
	cpu_set_t set;
	int i;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (i = 0; !CPU_ISSET(i, &set); i++)
		;
	CPU_ZERO(&set);
	CPU_SET(i, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

static void threads_take_turns(void **state)
{
	struct gate_guest *guest[2];
	unsigned int i;

	(void)state;
	gate_init(&gate);
	guest[0] = gate_guest_get(&gate, 7);
	guest[1] = gate_guest_get(&gate, 8);
	assert_non_null(guest[0]);
	assert_non_null(guest[1]);
	assert_ptr_not_equal(guest[0], guest[1]);
	for (i = 0; i < THREADS; i++) {
		worker[i].guest = i > 0;
		gate_turn_init(&worker[i].turn, guest[i > 0]);
	}
	/* all are in line before the first has its turn */
	gate.places = 0;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&worker[i].thread, NULL, work, &worker[i]), 0);
	for (;;) {
		unsigned int n;

		pthread_mutex_lock(&gate.lock);
		n = guest[0]->fair.waiting + guest[1]->fair.waiting;
		pthread_mutex_unlock(&gate.lock);
		if (n == THREADS)
			break;
		nap_ms(1);
	}
	one_processor();
	gate_measure(&gate);
	for (i = 0; i < THREADS; i++)
		pthread_join(worker[i].thread, NULL);
	assert_int_equal(most_inside, 1);
	/* the first was always in line: it has had as much, by cost */
	assert_in_range(costs[1], costs[0] * 9 / 10, costs[0] * 11 / 10);
	/* a turn of the first is a fourth of what one of the other costs */
	assert_in_range(worker[0].turn.most, 1, 64);
	for (i = 0; i < THREADS; i++)
		gate_turn_end(&worker[i].turn);
	gate_guest_put(&gate, guest[0]);
	gate_guest_put(&gate, guest[1]);
	assert_true(LIST_EMPTY(&gate.guests));
}

/* A turn that sleeps holds up the others for a while, and then no more. */
static void late_turns_are_given_up(void **state)
{
	struct gate_guest *guest[2];
	struct gate_turn a, b;
	uint64_t began;

	(void)state;
	gate_init(&gate);
	gate.places = 1;
	guest[0] = gate_guest_get(&gate, 7);
	guest[1] = gate_guest_get(&gate, 8);
	gate_turn_init(&a, guest[0]);
	gate_turn_init(&b, guest[1]);
	gate_enter(&gate, &a); /* and sleeps */
	began = now_ms();
	gate_enter(&gate, &b);
	assert_in_range(now_ms() - began, GATE_LATE_MS - 20, 100000);
	assert_true(a.late);
	gate_leave(&gate, &b, 1, 1);
	assert_int_equal(gate.taken, 0);
	gate_leave(&gate, &a, 1, 1);
	assert_int_equal(gate.taken, 0);
	gate_turn_end(&a);
	gate_turn_end(&b);
	gate_guest_put(&gate, guest[0]);
	gate_guest_put(&gate, guest[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_by_cost),      cmocka_unit_test(side_by_side),
		cmocka_unit_test(who_comes_back),     cmocka_unit_test(waits_are_bounded),
		cmocka_unit_test(threads_take_turns), cmocka_unit_test(late_turns_are_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
