/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hypercall_post PAYER ACCOUNTANT ROUNDS MS - what does posting cost in
 * hypercalls?  One thread is busy all the time, in phases of MS milliseconds,
 * so that the kernel's own clock ticks are the same in each of them.  They
 * differ in the number of posts only; in the last kind each post is followed
 * by a system call, which in a PV guest ends in a hypercall.
 *
 * Prints the cycle counter at the beginning of each phase, for the reader of
 * the trace (hypercalls.c), and by kind the posts of all rounds.
 */
#include <acctring/acctring.h>
#include <err.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define KINDS 6
#define ROUNDS 64

static const struct kind {
	const char *name;
	unsigned int spin; /* turns between two posts */
	bool posts, spans, calls;
} kind[KINDS] = {
	{ "idle", 200, false, false, false },
	{ "posts", 20000, true, false, false },
	{ "posts-10", 2000, true, false, false },
	{ "posts-100", 100, true, false, false },
	{ "spans-and-posts", 2000, true, true, false },
	{ "posts-and-a-call", 20000, true, false, true },
};

static volatile sig_atomic_t over;

static void alarmed(int signal)
{
	(void)signal;
	over = 1;
}

static void spin(unsigned int turns)
{
	while (turns--)
		__asm__ volatile("");
}

static uint64_t run(const struct kind *k, struct acctring_lane *l, int payer, int ms)
{
	const struct itimerval t = { .it_value = { ms / 1000, ms % 1000 * 1000 } };
	struct acctring_cost c = {
		.ns = 100,
		.bytes = 4096,
		.units = 1,
		.payer = (uint16_t)payer,
		.klass = ACCTRING_CLASS_READ,
	};
	struct acctring_span s = { 0 };
	uint64_t n = 0;

	over = 0;
	setitimer(ITIMER_REAL, &t, NULL);
	while (!over) {
		if (k->spans)
			acctring_span_begin(l, &s);
		spin(k->spin);
		if (k->spans) {
			c.ns = acctring_span_end(l, &s);
			c.end = s.mark;
		}
		if (k->posts && acctring_post(l, &c))
			errx(1, "acctring_post");
		if (k->calls)
			sched_yield();
		n += k->posts;
	}
	return n;
}

static struct acctring *open_link(int accountant)
{
	const struct timespec nap = { 0, 20000000 };
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct acctring_stats s = { .size = sizeof(s) };
	struct acctring *r;
	int i;

	o.program = "hypercall_post";
	o.lanes = 1;
	o.accountant = accountant;
	r = acctring_open(&o);
	if (!r)
		err(1, "acctring_open");
	for (i = 0; i < 3000; i++) {
		if (acctring_stats(r, &s) || s.state == ACCTRING_ATTACHED)
			return r;
		nanosleep(&nap, NULL);
	}
	errx(1, "no accountant in a minute: state %d, error %d", s.state, s.error);
}

int main(int argc, char **argv)
{
	const struct sigaction sa = { .sa_handler = alarmed };
	static uint64_t began[ROUNDS * KINDS + 1];
	uint64_t posts[KINDS] = { 0 };
	int payer, phases, i;
	struct acctring_lane *l;
	struct acctring *r;

	if (argc != 5 || atoi(argv[3]) < 1 || atoi(argv[3]) > ROUNDS)
		errx(2, "usage: hypercall_post PAYER ACCOUNTANT ROUNDS MS");
	r = open_link(atoi(argv[2]));
	payer = acctring_payer_open(r, (unsigned int)atoi(argv[1]), ACCTRING_KIND_VBD, 1);
	l = acctring_lane_open(r);
	if (payer < 0 || !l)
		errx(1, "no payer or no lane");
	sigaction(SIGALRM, &sa, NULL);
	phases = atoi(argv[3]) * KINDS;
	for (i = 0; i < phases; i++) {
		began[i] = __builtin_ia32_rdtsc();
		posts[i % KINDS] += run(&kind[i % KINDS], l, payer, atoi(argv[4]));
	}
	began[phases] = __builtin_ia32_rdtsc();
	acctring_lane_close(l);
	if (acctring_close(r, 20000))
		errx(1, "acctring_close: posts not committed in 20 s");
	for (i = 0; i <= phases; i++)
		printf("at %d %" PRIu64 "\n", i % KINDS, began[i]);
	for (i = 0; i < KINDS; i++)
		printf("kind %d %s posts %" PRIu64 "\n", i, kind[i].name, posts[i]);
	return 0;
}
