/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domcpu MS DOMID...: what each domain burns in MS, by the hypervisor: "ns=<elapsed>
 * <domid>=<ns> ...".
 */
#include "tests/xen/prog/cpu_of.h"

#define DOMAINS 16

int main(int argc, char **argv)
{
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	uint64_t cpu[DOMAINS], from;
	int i, n = argc - 2;

	if (!xch)
		die("xenctrl");
	if (n < 1 || n > DOMAINS)
		return 2;
	from = now_ns();
	for (i = 0; i < n; i++)
		cpu[i] = cpu_of(xch, (uint32_t)atoi(argv[i + 2]));
	nap_ms((uint64_t)atoi(argv[1]));
	for (i = 0; i < n; i++)
		cpu[i] = cpu_of(xch, (uint32_t)atoi(argv[i + 2])) - cpu[i];
	printf("ns=%llu", (unsigned long long)(now_ns() - from));
	for (i = 0; i < n; i++)
		printf(" %s=%llu", argv[i + 2], (unsigned long long)cpu[i]);
	putchar('\n');
	return 0;
}
