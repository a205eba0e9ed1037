/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In dom0: asks a guest's agent (agent.c), and waits without polling.
 *
 *   ask GUEST                    its domid; GUEST: a name or a domid
 *   ask GUEST SECONDS            until the agent is there
 *   ask GUEST SECONDS COMMAND    what it prints, its exit code
 *
 * Exit codes of its own: 124 no answer in time, 125 there is no such domain.
 */
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenstore.h>

static struct xs_handle *xs;
static unsigned int domid;

static bool find(const char *guest)
{
	unsigned int i, n = 0;
	char **list = xs_directory(xs, XBT_NULL, "/local/domain", &n);
	bool found = false;

	for (i = 0; i < n && !found; i++) {
		char path[80], *name;

		snprintf(path, sizeof(path), "/local/domain/%.10s/name", list[i]);
		name = xs_read(xs, XBT_NULL, path, NULL);
		found = !strcmp(list[i], guest) || (name && !strcmp(name, guest));
		if (found)
			domid = (unsigned int)strtoul(list[i], NULL, 10);
		free(name);
	}
	free(list);
	return found;
}

static int64_t now_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static char *bed(const char *name, unsigned int *len)
{
	char path[80];

	snprintf(path, sizeof(path), "/local/domain/%u/data/bed/%s", domid, name);
	return xs_read(xs, XBT_NULL, path, len);
}

/* xl makes the name before the domain is introduced, and removes it at once. */
static bool exists(void)
{
	char path[80], *name;
	bool there;

	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	name = xs_read(xs, XBT_NULL, path, NULL);
	there = name != NULL;
	free(name);
	return there;
}

/* "<n> <exit code> <pieces of output>" */
static bool answered(long long n, int *rc, unsigned int *pieces)
{
	char *s = bed("done", NULL);
	long long got = -1;
	bool ok;

	*rc = 0;
	*pieces = 0;
	ok = s && sscanf(s, "%lld %d %u", &got, rc, pieces) >= 1 && (n < 0 || got == n);
	free(s);
	return ok;
}

static void print(unsigned int pieces)
{
	unsigned int i, len;

	for (i = 0; i < pieces; i++) {
		char name[32], *s;

		snprintf(name, sizeof(name), "out/%u", i);
		s = bed(name, &len);
		if (s)
			fwrite(s, 1, len, stdout);
		free(s);
	}
}

static int wait_for(long long n, int64_t end)
{
	struct pollfd p = { .fd = xs_fileno(xs), .events = POLLIN };
	unsigned int pieces;
	int rc;

	for (;;) {
		int64_t left = end - now_ms(CLOCK_MONOTONIC);
		char **ev;

		while ((ev = xs_check_watch(xs)))
			free(ev);
		if (answered(n, &rc, &pieces)) {
			print(pieces);
			return rc;
		}
		if (!exists()) {
			fprintf(stderr, "ask: domain %u is gone\n", domid);
			return 125;
		}
		if (left <= 0)
			return 124;
		poll(&p, 1, (int)left);
	}
}

int main(int argc, char **argv)
{
	long long n = -1;
	char path[80], *line;
	int64_t end;

	if (argc < 2 || argc > 4)
		errx(2, "usage: ask GUEST [SECONDS [COMMAND]]");
	xs = xs_open(0);
	if (!xs)
		err(1, "xenstore");
	if (!find(argv[1]))
		errx(125, "no domain %s", argv[1]);
	if (argc == 2)
		return printf("%u\n", domid) < 0;
	end = now_ms(CLOCK_MONOTONIC) + atoi(argv[2]) * 1000ll;
	snprintf(path, sizeof(path), "/local/domain/%u/data/bed/done", domid);
	if (!xs_watch(xs, path, "done") || !xs_watch(xs, "@releaseDomain", "gone"))
		err(1, "xenstore");
	if (argc == 4) {
		/* numbers grow from one command to the next */
		n = now_ms(CLOCK_REALTIME);
		if (asprintf(&line, "%lld %s", n, argv[3]) < 0)
			err(1, "asprintf");
		snprintf(path, sizeof(path), "/local/domain/%u/data/bed/cmd", domid);
		if (!xs_write(xs, XBT_NULL, path, line, (unsigned int)strlen(line)))
			err(1, "%s", path);
		free(line);
	}
	return wait_for(n, end);
}
