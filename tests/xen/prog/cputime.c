/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In dom0: cputime DOMID: now and the domain's CPU time by the hypervisor, both in ns,
 * and its cap.  xl takes a second for that, emulated.
 */
#include "tests/xen/prog/cpu_of.h"

#include <inttypes.h>

int main(int argc, char **argv)
{
	uint32_t domid = argc == 2 ? (uint32_t)atoi(argv[1]) : 0;
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);

	if (!xc)
		die("xenctrl");
	printf("%" PRIu64 " %" PRIu64 " %u\n", now_ns(), cpu_of(xc, domid), cap_of(xc, domid));
	return 0;
}
