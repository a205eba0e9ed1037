/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What xenstore says to this domain, errors by name.
 *   xsask read PATH | list PATH | write PATH VALUE | watch PATH SECONDS
 */
#include <poll.h>
#include <xenstore.h>

#include "tests/xen/prog/prog.h"

/* A line for each event, as it comes; the first says only that the watch is there. */
static int watch(struct xs_handle *xs, const char *path, int seconds)
{
	struct pollfd p = { .fd = xs_fileno(xs), .events = POLLIN };
	uint64_t end = now_ns() + (uint64_t)seconds * 1000000000;

	if (!xs_watch(xs, path, "t"))
		die("watch");
	printf("watched\n");
	while (now_ns() < end) {
		char **ev;

		fflush(stdout);
		poll(&p, 1, 100);
		while ((ev = xs_check_watch(xs))) {
			printf("event %s\n", ev[XS_WATCH_PATH]);
			free(ev);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct xs_handle *xs = xs_open(0);
	unsigned int n;
	char **names, *s;

	if (!xs || argc < 3)
		die("usage: xsask read|list|write|watch PATH [VALUE|SECONDS]");
	if (!strcmp(argv[1], "watch"))
		return watch(xs, argv[2], argc > 3 ? atoi(argv[3]) : 1);
	if (!strcmp(argv[1], "write")) {
		if (argc < 4 ||
		    !xs_write(xs, XBT_NULL, argv[2], argv[3], (unsigned int)strlen(argv[3])))
			die("write");
		printf("written\n");
		return 0;
	}
	if (!strcmp(argv[1], "list")) {
		names = xs_directory(xs, XBT_NULL, argv[2], &n);
		if (!names)
			die("list");
		printf("%u entries\n", n);
		return 0;
	}
	s = xs_read(xs, XBT_NULL, argv[2], &n);
	if (!s)
		die("read");
	printf("%s\n", s);
	return 0;
}
