/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * granter DOMID PAGES: shares pages read-only with DOMID, prints their grant
 * references, then counts up in word 1 of the first until it is killed.
 * Word 0 of each page is a pattern.
 */
#include <xengnttab.h>

#include "tests/xen/prog/prog.h"

int main(int argc, char **argv)
{
	xengntshr_handle *h = xengntshr_open(NULL, 0);
	int n = argc > 2 ? atoi(argv[2]) : 0;
	uint32_t *refs = calloc((size_t)n + 1, sizeof(*refs));
	volatile uint32_t *p;

	if (!h || n < 1 || !refs)
		die("usage: granter DOMID PAGES");
	p = xengntshr_share_pages(h, (uint32_t)atoi(argv[1]), n, refs, 0);
	if (!p)
		die("share");
	printf("refs");
	for (int i = 0; i < n; i++) {
		p[i * PAGE / 4] = pattern((uint32_t)i);
		printf(" %u", refs[i]);
	}
	printf("\n");
	fflush(stdout);
	for (;;) {
		p[1]++;
		nap_ms(10);
	}
}
