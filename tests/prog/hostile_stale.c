/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hostile_stale - takes grant numbers that a dead backend left in xenstore,
 * for pages of its own, writable by the accountant, and watches that nobody
 * writes there.
 *
 *	hostile_stale REF
 *
 * Prints "ready" once it has REF; checks its pages at SIGTERM.
 */
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xengnttab.h>

#define PAGE 4096u
#define MAX_PAGES 128u

int main(int argc, char **argv)
{
	static uint8_t *page[MAX_PAGES], pattern[PAGE];
	xengntshr_handle *share = xengntshr_open(NULL, 0);
	unsigned int n = 0, written = 0;
	uint32_t wanted, ref = UINT32_MAX;
	sigset_t set;
	int sig;

	if (argc != 2 || !share)
		errx(2, "usage: hostile_stale REF");
	wanted = (uint32_t)strtoul(argv[1], NULL, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (unsigned int i = 0; i < PAGE; i++)
		pattern[i] = (uint8_t)(i * 7 + 1);
	/* some more than the one: the dead link's other pages, too */
	while (n < MAX_PAGES && (ref != wanted || n < 64)) {
		uint32_t got;

		page[n] = xengntshr_share_pages(share, 1, 1, &got, 1);
		if (!page[n])
			err(1, "xengntshr_share_pages");
		memcpy(page[n++], pattern, PAGE);
		if (got == wanted)
			ref = got;
	}
	if (ref != wanted)
		errx(1, "grant number %u did not come back in %u", wanted, n);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
	for (unsigned int i = 0; i < n; i++)
		written += memcmp(page[i], pattern, PAGE) != 0;
	printf("%u pages, %u written\n", n, written);
	return written != 0;
}
