/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * linkpages LANES RING_PAGES: opens a link of that geometry and says what it
 * became, or why not; holds it until its standard input ends.
 */
#include <acctring/acctring.h>

#include "tests/xen/prog/prog.h"

int main(int argc, char **argv)
{
	struct acctring_stats s = { .size = sizeof(s) };
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct acctring *r;

	if (argc != 3)
		die("usage: linkpages LANES RING_PAGES");
	o.program = "linkpages";
	o.lanes = (unsigned int)atoi(argv[1]);
	o.ring_pages = atoi(argv[2]);
	r = acctring_open(&o);
	if (!r) {
		printf("%s: %d pages needed\n", strerror(errno), acctring_pages(&o, true));
		return 1;
	}
	for (int i = 0; i < 100 && s.state == ACCTRING_LOCAL && !s.error; i++) {
		acctring_stats(r, &s);
		nap_ms(20);
	}
	o.ring_pages = (int)s.ring_pages;
	printf("%s lanes %u ring_pages %u of %s, %d pages, error %d\n",
	       s.state == ACCTRING_LOCAL ? "not granted:" : "granted:", s.lanes, s.ring_pages,
	       argv[2], acctring_pages(&o, false), s.error);
	fflush(stdout);
	while (getchar() != EOF)
		;
	acctring_close(r, 0);
	return 0;
}
