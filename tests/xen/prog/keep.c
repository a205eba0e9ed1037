/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * keep DOMID REF FILE: maps a page, and for each line of its standard input
 * writes a copy of it into FILE and says so.  At the end of input it unmaps.
 */
#include <fcntl.h>
#include <xengnttab.h>

#include "tests/xen/prog/prog.h"

static void save(const char *file, const void *page)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, page, PAGE) != PAGE || close(fd))
		die(file);
	printf("saved\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	xengnttab_handle *h = xengnttab_open(NULL, 0);
	char line[80];
	void *page;

	if (!h || argc != 4)
		die("usage: keep DOMID REF FILE");
	page = xengnttab_map_grant_ref(h, (uint32_t)atoi(argv[1]), (uint32_t)atoi(argv[2]),
				       1 /* PROT_READ */);
	if (!page)
		die("map");
	printf("mapped\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		save(argv[3], page);
	if (xengnttab_unmap(h, page, 1))
		die("unmap");
	return 0;
}
