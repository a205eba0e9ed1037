/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * billwatch FIRST COUNT WRITES SECONDS: in dom0, when the bills of COUNT domains
 * from FIRST on are written: how many changed, how often, the longest time that
 * one stood still.  Ends when each was written WRITES times, after SECONDS at most.
 */
#include <poll.h>
#include <stdbool.h>
#include <xenstore.h>

#include "tests/xen/prog/prog.h"

struct bill {
	uint64_t last, longest;
	unsigned int writes;
};

static void note(struct bill *b, uint64_t now)
{
	if (now - b->last > b->longest)
		b->longest = now - b->last;
	b->last = now;
}

/* The first event of a watch says only that it is there. */
static void take(struct xs_handle *xs, struct bill *b, bool count)
{
	char **ev;

	while ((ev = xs_check_watch(xs))) {
		struct bill *x = &b[atoi(ev[XS_WATCH_TOKEN])];

		if (count) {
			note(x, now_ns());
			x->writes++;
		}
		free(ev);
	}
}

static unsigned int least(const struct bill *b, unsigned int n)
{
	unsigned int min = ~0u;

	for (unsigned int i = 0; i < n; i++)
		if (b[i].writes < min)
			min = b[i].writes;
	return min;
}

/* For so long, or until each of n was written so often. */
static void wait_events(struct xs_handle *xs, struct bill *b, unsigned int n, unsigned int writes,
			unsigned int ms, bool count)
{
	uint64_t end = now_ns() + ms * 1000000ull;
	struct pollfd p = { .fd = xs_fileno(xs), .events = POLLIN };

	while (now_ns() < end && (!count || least(b, n) < writes)) {
		poll(&p, 1, 50);
		take(xs, b, count);
	}
}

int main(int argc, char **argv)
{
	unsigned int first, n, writes, seconds, changed = 0;
	struct xs_handle *xs = xs_open(0);
	uint64_t longest = 0;
	struct bill *b;

	if (!xs || argc != 5)
		die("usage: billwatch FIRST COUNT WRITES SECONDS");
	first = (unsigned int)atoi(argv[1]);
	n = (unsigned int)atoi(argv[2]);
	writes = (unsigned int)atoi(argv[3]);
	seconds = (unsigned int)atoi(argv[4]);
	b = calloc(n, sizeof(*b));
	for (unsigned int i = 0; b && i < n; i++) {
		char path[64], token[12];

		snprintf(path, sizeof(path), "/local/domain/%u/acctring/bill", first + i);
		snprintf(token, sizeof(token), "%u", i);
		if (!xs_watch(xs, path, token))
			die(path);
	}
	if (!b)
		die("memory");
	wait_events(xs, b, n, writes, 500, false);
	for (unsigned int i = 0; i < n; i++)
		b[i].last = now_ns();
	wait_events(xs, b, n, writes, seconds * 1000, true);
	for (unsigned int i = 0; i < n; i++) {
		note(&b[i], now_ns());
		changed += b[i].writes != 0;
		if (b[i].longest > longest)
			longest = b[i].longest;
	}
	printf("changed=%u of=%u least_writes=%u longest_ms=%llu\n", changed, n, least(b, n),
	       (unsigned long long)longest / 1000000);
	free(b);
	return 0;
}
