/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Flushes of one file at once: the file system tells its error to one of
 * them only.  It is played here: fdatasync() returns when it is told to.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/block/flush.h"
#include "common/clock.h"

#define THREADS 3

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static enum { ASLEEP, GOOD, BAD } verdict[THREADS]; /* by the file's number */
static unsigned int inside;
static struct flushes flushes;
static struct flusher {
	pthread_t thread;
	unsigned int who;
	int result;
	bool done;
} flusher[THREADS];

/* In the place of the C library's. */
int fdatasync(int fd)
{
	int error;

	pthread_mutex_lock(&lock);
	inside++;
	pthread_cond_broadcast(&changed);
	while (verdict[fd] == ASLEEP)
		pthread_cond_wait(&changed, &lock);
	error = verdict[fd] == BAD;
	pthread_mutex_unlock(&lock);
	errno = EIO;
	return error ? -1 : 0;
}

static void *flush(void *arg)
{
	struct flusher *f = arg;

	f->result = flush_file(&flushes, f->who, (int)f->who);
	__atomic_store_n(&f->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void begin(unsigned int n)
{
	struct flusher *f = &flusher[n];
	unsigned int before;

	pthread_mutex_lock(&lock);
	before = inside;
	verdict[n] = ASLEEP;
	*f = (struct flusher){ .who = n };
	assert_int_equal(pthread_create(&f->thread, NULL, flush, f), 0);
	while (inside == before)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void say(unsigned int n, int what)
{
	pthread_mutex_lock(&lock);
	verdict[n] = what;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static int result(unsigned int n)
{
	pthread_join(flusher[n].thread, NULL);
	return flusher[n].result;
}

static bool is_done(unsigned int n)
{
	return __atomic_load_n(&flusher[n].done, __ATOMIC_ACQUIRE);
}

static bool is_under_way(unsigned int n)
{
	bool is;

	pthread_mutex_lock(&flushes.lock);
	is = flushes.under_way[n];
	pthread_mutex_unlock(&flushes.lock);
	return is;
}

/* The second returns first, and without the error that the first has got. */
static void both_hear_of_it(void **state)
{
	(void)state;
	flushes_init(&flushes);
	begin(0);
	begin(1);
	say(1, GOOD);
	while (is_under_way(1))
		nap_ms(1);
	nap_ms(50);
	assert_false(is_done(1)); /* it cannot know yet */
	say(0, BAD);
	assert_int_equal(result(0), -EIO);
	assert_int_equal(result(1), -EIO);
	/* and whoever comes later */
	begin(2);
	say(2, GOOD);
	assert_int_equal(result(2), -EIO);
	flushes_end(&flushes);
}

/* Who came after its return is not waited for. */
static void later_ones_are_not_waited_for(void **state)
{
	(void)state;
	flushes_init(&flushes);
	begin(0);
	begin(1);
	say(1, GOOD);
	while (is_under_way(1))
		nap_ms(1);
	begin(2);
	say(0, GOOD);
	assert_int_equal(result(1), 0);
	/* but the first had it beside it */
	assert_false(is_done(0));
	assert_false(is_done(2));
	say(2, GOOD);
	assert_int_equal(result(0), 0);
	assert_int_equal(result(2), 0);
	/* one alone waits for nobody */
	begin(0);
	say(0, GOOD);
	assert_int_equal(result(0), 0);
	flushes_end(&flushes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_hear_of_it),
		cmocka_unit_test(later_ones_are_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
