/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A backend that posts one cost of its own domain every 2 ms, through whatever
 * happens to the domain.  SIGUSR1: a line of what it has posted and what its
 * link says.  SIGTERM: closes the link and says so once more.
 */
#include <acctring/acctring.h>

#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

static uint64_t posts;

static void say(struct acctring *r, const char *what)
{
	struct acctring_stats s = { .size = sizeof(s) };

	acctring_stats(r, &s);
	printf("%s posts=%" PRIu64 " epoch=%016" PRIx64 " state=%d recorded=%" PRIu64
	       " spilled=%" PRIu64 " pending=%" PRIu64 " left_behind=%" PRIu64 " moves=%" PRIu64
	       " error=%d\n",
	       what, posts, s.epoch, (int)s.state, s.recorded, s.spilled, s.pending, s.left_behind,
	       s.moves, s.error);
	fflush(stdout);
}

int main(void)
{
	const struct acctring_cost cost = {
		.ns = 1000, .units = 1, .payer = ACCTRING_PAYER_OWN, .klass = ACCTRING_CLASS_READ
	};
	const struct timespec often = { 0, 2000000 };
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct acctring_lane *l;
	struct acctring *r;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	o.program = "ticker";
	o.lanes = 1;
	r = acctring_open(&o);
	l = r ? acctring_lane_open(r) : NULL;
	if (!l)
		err(4, "acctring_open");
	while ((sig = sigtimedwait(&set, NULL, &often)) != SIGTERM) {
		if (sig == SIGUSR1)
			say(r, "now");
		if (acctring_post(l, &cost))
			errx(1, "acctring_post");
		posts++;
	}
	say(r, "end");
	acctring_lane_close(l);
	printf("closed, %d posts not committed\n", acctring_close(r, 10000));
	return 0;
}
