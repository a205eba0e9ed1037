/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mapper DOMID REF...: maps the pages read-only; then, for each line of its
 * standard input, says what it reads there.  At the end of input it unmaps.
 * "ok N": all patterns are right, word 1 of the first page is N.
 */
#include <xengnttab.h>

#include "tests/xen/prog/prog.h"

int main(int argc, char **argv)
{
	xengnttab_handle *h = xengnttab_open(NULL, 0);
	uint32_t n = (uint32_t)argc - 2, refs[64];
	volatile uint32_t *p;
	char line[80];

	if (!h || argc < 3 || n > 64)
		die("usage: mapper DOMID REF...");
	for (uint32_t i = 0; i < n; i++)
		refs[i] = (uint32_t)atoi(argv[i + 2]);
	p = xengnttab_map_domain_grant_refs(h, n, (uint32_t)atoi(argv[1]), refs, 1 /* PROT_READ */);
	if (!p)
		die("map");
	do {
		uint32_t bad = 0;

		for (uint32_t i = 0; i < n; i++)
			bad += p[i * PAGE / 4] != pattern(i);
		printf("%s %u\n", bad ? "wrong" : "ok", p[1]);
		fflush(stdout);
	} while (fgets(line, sizeof(line), stdin));
	if (xengnttab_unmap(h, (void *)(uintptr_t)p, n)) /* NOLINT(performance-no-int-to-ptr) */
		die("unmap");
	printf("unmapped\n");
	return 0;
}
