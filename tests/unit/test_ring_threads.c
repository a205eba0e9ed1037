/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A poster and an accountant at the same time, on threads of one process,
 * so that ThreadSanitizer sees both; and a lane that is moved meanwhile.
 */
#include "tests/unit/test_ring.h"

#include "ring/link.h"

#include <pthread.h>
#include <time.h>

#ifdef RING_TSAN
#define POSTS 300000u
#else
#define POSTS 3000000u
#endif

static struct fix *both(unsigned int slots, unsigned int rows)
{
	struct fix *f = fix_new(slots, rows, 0xfffff000u);

	f->page.spilled = 0;
	return f;
}

static int over;

static void *poster(void *arg)
{
	struct fix *f = arg;
	unsigned int i;

	for (i = 0; i < POSTS; i++) {
		struct acctring_cost c = fix_cost(f, 20);

		fix_post(f, &c);
	}
	st_release(&over, 1);
	return NULL;
}

static void race(unsigned int slots, unsigned int rows)
{
	struct fix *f = both(slots, rows);
	pthread_t t;
	unsigned int n = 0;

	st_release(&over, 0);
	assert_int_equal(pthread_create(&t, NULL, poster, f), 0);
	while (!ld_acquire(&over)) {
		fix_drain(f, 0);
		if (n++ % 3)
			fix_commit(f);
		if (!(n & 255))
			nanosleep(&(struct timespec){ 0, 100000 }, NULL);
	}
	pthread_join(t, NULL);
	fix_drain(f, ACCTRING_DRAIN_LAST);
	fix_equal(f);
	fix_free(f);
}

static void ring_and_rows(void **state)
{
	(void)state;
	race(FIX_SLOTS, ACCTRING_ROW_OVERFLOW);
}

static void rekeyed(void **state)
{
	(void)state;
	race(4, 10);
	race(0, 10);
}

/* ------------------------------------------------------------------ */
/* A whole link: control thread, posting threads, stats, payers, moves  */

struct user {
	struct acctring *r;
	uint64_t ns;
};

static void *user(void *arg)
{
	struct user *u = arg;
	struct acctring_span s;
	unsigned int i, j;

	for (i = 0; i < 20; i++) {
		struct acctring_lane *l = acctring_lane_open(u->r);
		int payer = acctring_payer_open(u->r, 1, ACCTRING_KIND_VIF, i);

		if (!l || payer < 0)
			abort();
		for (j = 0; j < POSTS / 200; j++) {
			struct acctring_cost c = { .units = 1,
						   .payer = (uint16_t)payer,
						   .klass = ACCTRING_CLASS_RX };

			acctring_span_begin(l, &s);
			c.ns = acctring_span_end(l, &s);
			c.end = s.mark;
			if (!acctring_admit(l, c.payer) || acctring_post(l, &c))
				abort();
			u->ns += c.ns;
		}
		acctring_lane_close(l);
		acctring_payer_close(u->r, payer);
	}
	return NULL;
}

static void add(void *ctx, const struct acctring_item *it, unsigned int n)
{
	uint64_t *ns = ctx;

	for (; n; n--, it++)
		*ns += it->ns;
}

static void whole_link(void **state)
{
	struct acctring *r = acctring_open(NULL);
	struct acctring_stats st = { .size = sizeof(st) };
	struct user u[3];
	struct drain d;
	pthread_t t[3];
	uint64_t ns = 0;
	unsigned int i;

	(void)state;
	assert_non_null(r);
	for (i = 0; i < 3; i++) {
		u[i] = (struct user){ r, 0 };
		assert_int_equal(pthread_create(&t[i], NULL, user, &u[i]), 0);
	}
	for (i = 0; i < 10; i++) {
		struct pages *p = pages_local(&r->geo);

		pthread_mutex_lock(&r->lock);
		assert_int_equal(link_install(r, p), 0);
		pthread_mutex_unlock(&r->lock);
		assert_int_equal(acctring_stats(r, &st), 0);
		nanosleep(&(struct timespec){ 0, 15000000 }, NULL);
	}
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	nanosleep(&(struct timespec){ 0, 300000000 }, NULL);
	assert_int_equal(acctring_stats(r, &st), 0);
	assert_int_equal(st.lanes_open, 0);
	assert_int_equal(st.recorded + st.spilled, 3 * 20 * (POSTS / 200));
	assert_int_equal(st.pending, st.recorded + st.spilled);
	assert_null(r->sets->next); /* all old pages were given back */
	for (i = 0; i < r->geo.lanes; i++) {
		drain_init(&d, r->sets->lane[i].page, r->sets->lane[i].ring, 1024, 256, i);
		assert_true(drain_lane(&d, add, &ns, ACCTRING_DRAIN_LAST) >= 0);
	}
	assert_true(ns == u[0].ns + u[1].ns + u[2].ns);
	acctring_close(r, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_and_rows),
		cmocka_unit_test(rekeyed),
		cmocka_unit_test(whole_link),
	};

	return cmocka_run_group_tests_name("ring_threads", tests, NULL, NULL);
}
