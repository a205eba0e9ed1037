/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domcpu MS DOMID...: what each domain burns in MS, by the hypervisor: "ns=<elapsed>
 * <domid>=<ns> ...".
 *
 * domcpu -s STEP_MS MS DOMID...: their sums each STEP_MS, as lines "<now> <cap of the first>
 * <ns> ...", tabs between.  All of a line are read in one call, which took less than a
 * millisecond, or was the third try.
 */
#include "tests/xen/prog/cpu_of.h"

#include <inttypes.h>
#include <stdbool.h>

#define DOMAINS 16
#define ALL 64
#define QUICK_NS 1000000u

struct sample {
	uint64_t now, cpu[DOMAINS];
	unsigned int cap;
};

static int once(xc_interface *xch, uint64_t ms, int n, char **domid)
{
	uint64_t cpu[DOMAINS], from = now_ns();
	int i;

	for (i = 0; i < n; i++)
		cpu[i] = cpu_of(xch, (uint32_t)atoi(domid[i]));
	nap_ms(ms);
	for (i = 0; i < n; i++)
		cpu[i] = cpu_of(xch, (uint32_t)atoi(domid[i])) - cpu[i];
	printf("ns=%llu", (unsigned long long)(now_ns() - from));
	for (i = 0; i < n; i++)
		printf(" %s=%llu", domid[i], (unsigned long long)cpu[i]);
	putchar('\n');
	return 0;
}

static void look(xc_interface *xch, struct sample *s, int n, char **domid)
{
	xc_domaininfo_t info[ALL];
	uint64_t from = 0, took = UINT64_MAX;
	int found = 0;

	for (int try = 0; try < 3 && took > QUICK_NS; try++) {
		from = now_ns();
		found = xc_domain_getinfolist(xch, 0, ALL, info);
		took = now_ns() - from;
	}
	s->now = from + took / 2;
	for (int i = 0; i < n; i++) {
		int k = 0;

		while (k < found && info[k].domain != (uint32_t)atoi(domid[i]))
			k++;
		if (k >= found)
			die(domid[i]);
		s->cpu[i] = info[k].cpu_time;
	}
	s->cap = cap_of(xch, (uint32_t)atoi(domid[0]));
}

static int sampled(xc_interface *xch, uint64_t step_ms, uint64_t ms, int n, char **domid)
{
	uint64_t steps = ms / step_ms + 1, at = now_ns();
	struct sample *all = calloc(steps, sizeof(*all));

	if (!all)
		die("memory");
	for (uint64_t k = 0; k < steps; k++) {
		uint64_t due = at + k * step_ms * 1000000u, now = now_ns();

		if (due > now)
			nap_ms((due - now) / 1000000u);
		look(xch, &all[k], n, domid);
	}
	for (uint64_t k = 0; k < steps; k++) {
		printf("%" PRIu64 "\t%u", all[k].now, all[k].cap);
		for (int i = 0; i < n; i++)
			printf("\t%" PRIu64, all[k].cpu[i]);
		putchar('\n');
	}
	free(all);
	return 0;
}

int main(int argc, char **argv)
{
	bool samples = argc > 1 && !strcmp(argv[1], "-s");
	int first = samples ? 4 : 2, n = argc - first;
	xc_interface *xch;

	if (n < 1 || n > DOMAINS || (samples && atoi(argv[2]) < 1))
		return 2;
	xch = xc_interface_open(NULL, NULL, 0);
	if (!xch)
		die("xenctrl");
	if (!samples)
		return once(xch, (uint64_t)atoi(argv[1]), n, argv + first);
	return sampled(xch, (uint64_t)atoi(argv[2]), (uint64_t)atoi(argv[3]), n, argv + first);
}
