/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz.h - what the hostile frontends have in common: chance, a thread that
 * changes what the backend may be reading, lives until enough was asked.
 * To be included once, by a program.
 */
#ifndef TESTS_PROG_FUZZ_H
#define TESTS_PROG_FUZZ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"
#include "frontend/block/pattern.h"
#include "frontend/front.h"

#define LIFE 2000u /* requests until it connects anew */
#define PATIENCE_NS 20000000000u

static uint64_t seed;
static uint64_t asked, answered, lives, wild_lives, ended, refused;

static uint32_t chance(uint32_t n)
{
	return (uint32_t)(pattern_random(&seed) % n);
}

/* ---- the other thread ---- */

static atomic_bool enough;

/* `scribble`: changes something, as fast as it can: a race, and meant to be one. */
static void *scribble_on(void *scribble)
{
	static const struct timespec pause = { .tv_nsec = 20000 };
	uint64_t x = 99;
	unsigned int n;

	for (n = 1; !enough; n++) {
		(*(void (**)(uint64_t))scribble)(pattern_random(&x));
		if (!(n & 127))
			nanosleep(&pause, NULL); /* others want the processor, too */
	}
	return NULL;
}

/* ---- a life ---- */

struct fuzz {
	struct front *f;
	bool (*begin)(bool wild); /* connects */
	void (*put_many)(bool wild);
	bool (*take_answers)(bool wild); /* false: more than were asked for */
	bool (*all_answered)(void);
	void (*jump)(void); /* an index that nothing explains */
	void (*scribble)(uint64_t r);
};

/* Until all is answered, or the backend lets go.  false: neither came. */
static bool wait_for_end(const struct fuzz *z, bool wild, bool *lost)
{
	uint64_t until = now_ns() + PATIENCE_NS;
	struct front_events e;

	while (now_ns() < until) {
		if (!z->take_answers(wild)) {
			log_error("more answers than requests");
			return false;
		}
		if (!wild && z->all_answered())
			return true;
		if (!front_sleep(z->f, 10000000, &e))
			return false;
		*lost = e.lost;
		if (e.lost)
			return true;
	}
	log_error(wild ? "a ring out of its rules is still served" : "no answer");
	return false;
}

static bool live_until(const struct fuzz *z, uint64_t until, bool wild, bool *lost)
{
	struct front_events e;

	while (!*lost && asked < until) {
		z->put_many(wild);
		if (!front_sleep(z->f, 200000, &e))
			return false;
		*lost = e.lost;
		if (!z->take_answers(wild)) {
			log_error("more answers than requests");
			return false;
		}
	}
	return true;
}

static bool live(const struct fuzz *z, uint64_t until)
{
	bool wild = !chance(3), lost = false;
	char *why;

	if (!z->begin(wild))
		return false;
	lives++;
	wild_lives += wild;
	if (!live_until(z, until, wild, &lost))
		return false;
	if (wild && !lost)
		z->jump();
	if (!lost && !wait_for_end(z, wild, &lost))
		return false;
	ended += lost;
	if (!lost || wild)
		return true;
	why = xs_readf(z->f->xsh, "%s/error", z->f->back);
	log_error("disconnected for nothing: %s", why ? why : "no reason");
	free(why);
	return false;
}

/* A node that is wrong was written: it must be refused. */
static bool must_refuse(struct front *f, const char *leaf)
{
	enum xenbus_state s;
	bool ok;

	xenbus_write_state(f->xsh, f->dir, XenbusStateInitialised);
	ok = xenbus_wait(f->xsh, f->back,
			 XENBUS_MASK(XenbusStateClosing) | XENBUS_MASK(XenbusStateConnected), 10000,
			 -1, &s) &&
	     s == XenbusStateClosing;
	refused += ok;
	if (!ok)
		log_error("a wrong %s was not refused", leaf);
	return ok;
}

/* ---- the program: NAME REQUESTS [SEED] ---- */

static uint64_t fuzz_begin(const char *name, int argc, char **argv)
{
	uint64_t requests = 0;

	log_init(name, false, false);
	if (argc < 2 || argc > 3 || !parse_u64(argv[1], UINT64_MAX, &requests) ||
	    (argc == 3 && !parse_u64(argv[2], UINT64_MAX, &seed)))
		die(EXIT_USAGE, "%s REQUESTS [SEED]", name);
	return requests;
}

/* False when something was not as it must be. */
static bool fuzz_on(const struct fuzz *z, uint64_t requests)
{
	void (*scribble)(uint64_t r) = z->scribble;
	pthread_t t;
	bool ok = true;

	pthread_create(&t, NULL, scribble_on, &scribble);
	while (ok && asked < requests)
		ok = live(z, requests - asked < LIFE ? requests : asked + LIFE);
	enough = true;
	pthread_join(t, NULL);
	return ok;
}

#endif
