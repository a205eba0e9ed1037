/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a driver domain may make its accountant do: attempts, lines, questions to dom0. */
#include "accountant/budget.h"

#include "accountant/limits.h"
#include "accountant/loopback.h"
#include "accountant/worker.h"
#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS 256u

static struct worker w;
static struct domain d;
static struct link k[4];
static struct payer payer[4][ROWS];
static unsigned int asked, asked_of[65536];

/* In place of scan.c: dom0 confirms nobody, or all. */
static bool confirmed;

struct served *scan_served(struct worker *who, unsigned int backend, unsigned int domid)
{
	struct served_entry e = { .backend = (uint16_t)backend, .domid = (uint16_t)domid };

	asked++;
	asked_of[domid]++;
	return confirmed ? served_set(&who->served, &e, false, now_ms()) : NULL;
}

struct domain *scan_domain(struct worker *who, unsigned int domid)
{
	(void)who;
	(void)domid;
	return &d;
}

static int setup(void **ctx)
{
	struct account_key own = { .backend = 1, .kind = ACCTRING_KIND_OWN };

	(void)ctx;
	memset(&w, 0, sizeof(w));
	memset(&d, 0, sizeof(d));
	memset(k, 0, sizeof(k));
	memset(payer, 0, sizeof(payer));
	memset(asked_of, 0, sizeof(asked_of));
	asked = 0;
	confirmed = false;
	w.conf.unresolved_ms = 3600000;
	d.domid = 1;
	if (!accounts_init(&w.accounts) || !served_init(&w.served))
		return -1;
	d.refused = accounts_get(&w.accounts, &own);
	for (unsigned int i = 0; i < 4; i++) {
		k[i].domain = &d;
		k[i].npayers = ROWS;
		k[i].payer = payer[i];
	}
	return 0;
}

static void wait_for(unsigned int link, unsigned int row, uint16_t domid)
{
	payer[link][row] = (struct payer){ .state = PAYER_UNRESOLVED,
					   .is = { .domid = domid, .kind = ACCTRING_KIND_VBD },
					   .since_ms = now_ms() };
	payer[link][row].held = calloc(1, sizeof(struct book));
	assert_true(resolve_later(&k[link], row));
}

static int teardown(void **ctx)
{
	(void)ctx;
	for (unsigned int i = 0; i < 4; i++) {
		resolve_never(&k[i]);
		for (unsigned int j = 0; j < ROWS; j++)
			free(payer[i][j].held);
	}
	accounts_free(&w.accounts);
	served_free(&w.served);
	return d.waiting || d.held ? -1 : 0;
}

static void bucket(void **ctx)
{
	struct bucket b = { 0 };
	unsigned int n = 0;

	(void)ctx;
	while (bucket_take(&b, 10, 100, 5)) /* full when time begins */
		n++;
	assert_int_equal(n, 10);
	assert_false(bucket_take(&b, 10, 100, 104));
	assert_true(bucket_take(&b, 10, 100, 105));
	assert_false(bucket_take(&b, 10, 100, 105));
	for (n = 0; bucket_take(&b, 10, 100, 1000000000); n++)
		;
	assert_int_equal(n, 10); /* what was not spent for long is no more than that */
}

static void lines(void **ctx)
{
	char text[8192] = "", *at = text;
	int keep = dup(2), p[2];
	unsigned int n = 0;

	(void)ctx;
	assert_int_equal(pipe(p), 0);
	dup2(p[1], 2);
	for (unsigned int i = 0; i < 1000; i++)
		domain_warn(&d, "line %u", i);
	d.budget.lines.spent_ms = 0; /* a while later */
	domain_warn(&d, "later");
	fflush(stderr);
	dup2(keep, 2);
	close(p[1]);
	assert_true(read(p[0], text, sizeof(text) - 1) > 0);
	while ((at = strchr(at, '\n'))) {
		at++;
		n++;
	}
	assert_int_equal(n, LINE_BURST + 1);
	assert_non_null(strstr(text, "later (domain 1: 992 lines like this were left out)"));
	close(p[0]);
	close(keep);
}

/* All rows of a domid, in whatever link, by one question. */
static void one_question(void **ctx)
{
	(void)ctx;
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int j = 8; j < ROWS; j++)
			wait_for(i, j, 7);
	resolve_rows(&w, &d);
	assert_int_equal(asked, 1);
	resolve_rows(&w, &d); /* too soon to ask again */
	assert_int_equal(asked, 1);
	confirmed = true;
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int j = 8; j < ROWS; j++)
			payer[i][j].asked_ms -= 250;
	resolve_rows(&w, &d);
	assert_int_equal(asked, 2);
	assert_int_equal(d.held, 0);
	assert_int_equal(payer[3][ROWS - 1].state, PAYER_RESOLVED);
}

/* Thousands of names: a few questions in a tick, and each name in its turn. */
static void many_names(void **ctx)
{
	uint16_t domid = 100;
	unsigned int ticks = 0;

	(void)ctx;
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int j = 8; j < ROWS; j++)
			wait_for(i, j, domid++);
	while (!asked_of[domid - 1]) {
		unsigned int before = asked;

		resolve_rows(&w, &d);
		ticks++;
		assert_true(asked - before <= ASKS_A_TICK);
		for (unsigned int i = 0; i < 4; i++) /* 250 ms pass */
			for (unsigned int j = 8; j < ROWS; j++)
				if (payer[i][j].asked_ms)
					payer[i][j].asked_ms -= 250;
	}
	assert_int_equal(ticks, (4 * (ROWS - 8) + ASKS_A_TICK - 1) / ASKS_A_TICK);
	for (unsigned int i = 100; i < domid; i++)
		assert_int_equal(asked_of[i], 1);
}

/* A link ends with rows that wait, between others'. */
static void link_ends(void **ctx)
{
	(void)ctx;
	for (unsigned int j = 8; j < 20; j++) {
		wait_for(0, j, 7);
		wait_for(1, j, 8);
	}
	resolve_never(&k[0]);
	assert_int_equal(k[0].unresolved, 0);
	assert_int_equal(d.held, 12);
	resolve_rows(&w, &d);
	assert_int_equal(asked, 1);
	assert_int_equal(asked_of[8], 1);
}

static void own_grants(void **ctx)
{
	char path[] = "/tmp/guest_type.XXXXXX";
	int fd = mkstemp(path);

	(void)ctx;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "PVH\n", 4), 4);
	assert_true(own_grants_vanish(path));
	assert_int_equal(pwrite(fd, "HVM\n", 4, 0), 4);
	assert_true(own_grants_vanish(path));
	assert_int_equal(pwrite(fd, "PV\n\n", 4, 0), 4);
	assert_false(own_grants_vanish(path));
	close(fd);
	unlink(path);
	assert_false(own_grants_vanish(path));
}

#define with(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with(bucket),	  with(lines),	   with(one_question),
		with(many_names), with(link_ends), with(own_grants),
	};

	return cmocka_run_group_tests_name("acct_budget", tests, NULL, NULL);
}
