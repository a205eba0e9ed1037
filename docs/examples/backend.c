/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A complete backend: cc backend.c $(pkg-config --cflags --libs acctring) */
#include <acctring/acctring.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct acctring *r = acctring_open(NULL);
	struct acctring_lane *lane = r ? acctring_lane_open(r) : NULL;
	int fd = open(argc > 1 ? argv[1] : argv[0], O_RDONLY);
	struct acctring_stats stats = { .size = sizeof(stats) };
	struct acctring_cost cost = { .units = 1, .klass = ACCTRING_CLASS_READ };
	struct acctring_span span;
	static char buf[4096];
	uint64_t posted = 0;
	ssize_t n;

	if (!lane || fd < 0)
		return 1;
	/* xvda of domain 7 */
	cost.payer = (uint16_t)acctring_payer_open(r, 7, ACCTRING_KIND_VBD, 51712);
	for (int i = 0; i < 4000; i++) {
		acctring_span_begin(lane, &span);
		n = pread(fd, buf, sizeof(buf), i % 4 * 4096);
		cost.ns = acctring_span_end(lane, &span);
		cost.end = span.mark;
		cost.bytes = n > 0 ? (uint64_t)n : 0;
		if (!acctring_post(lane, &cost))
			posted += cost.ns;
	}
	acctring_stats(r, &stats);
	printf("posted_ns=%" PRIu64 " records=%" PRIu64 " spilled=%" PRIu64 " pending=%d\n", posted,
	       stats.recorded, stats.spilled, acctring_close(r, 100));
	return 0;
}
