/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU time and schedulers of the sandbox, through libxenctrl and libxencall.
 *
 *   list                 "domid cpu_ns vcpus dying" per domain (xc_domain_getinfolist)
 *   next DOMID           the domid that getinfolist gives for DOMID
 *   runstate             running ns of this domain's vCPUs, added up
 *   spin MS THREADS      burns MS of CPU per thread; prints the process's CPU ns
 *   get DOMID            "weight cap"
 *   set DOMID W CAP      "ok" or the error's name
 *   denied               the error's name of each privileged call
 *   sched                facts of the pool and of the host
 *   ahead ROUNDS         own clock, then own domain's time: "ok" or by how much less
 *   cost ROUNDS          median ns of a getinfolist of all
 */
/* -std=c11 defines it, and Xen's headers then hide half of themselves. */
#undef __STRICT_ANSI__
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xen/vcpu.h>
#include <xencall.h>
#include <xenctrl.h>

#define DOMAINS 64

static const char *result(int rc)
{
	return rc < 0 ? strerrorname_np(errno) : "ok";
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* Open to the end. */
static xc_interface *xen(void)
{
	static xc_interface *xch;

	if (!xch)
		xch = xc_interface_open(NULL, NULL, 0);
	return xch;
}

static int cmd_list(char **arg)
{
	xc_interface *xch = xen();
	xc_domaininfo_t di[DOMAINS];
	int n = xc_domain_getinfolist(xch, 0, DOMAINS, di), i;

	(void)arg;
	for (i = 0; i < n; i++)
		printf("%d %" PRIu64 " %u %d\n", di[i].domain, (uint64_t)di[i].cpu_time,
		       di[i].nr_online_vcpus, !!(di[i].flags & XEN_DOMINF_dying));
	return n < 0;
}

static int cmd_next(char **arg)
{
	xc_interface *xch = xen();
	xc_domaininfo_t di;
	xc_dominfo_t old;
	int n = xc_domain_getinfolist(xch, (uint32_t)atoi(arg[0]), 1, &di);

	if (n != 1) {
		printf("%d", n);
		n = xc_domain_getinfo(xch, (uint32_t)atoi(arg[0]), 1, &old);
		printf(" %s\n", result(n));
		return 0;
	}
	printf("%d", di.domain);
	n = xc_domain_getinfo(xch, (uint32_t)atoi(arg[0]), 1, &old);
	printf(" %d\n", n == 1 ? (int)old.domid : n);
	return 0;
}

static uint64_t runstate_ns(xencall_handle *xc)
{
	struct vcpu_runstate_info *rs = xencall_alloc_buffer(xc, sizeof(*rs));
	uint64_t sum = 0, i;

	for (i = 0; !xencall3(xc, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, i, (uintptr_t)rs);
	     i++)
		sum += rs->time[RUNSTATE_running];
	xencall_free_buffer(xc, rs);
	return sum;
}

static int cmd_runstate(char **arg)
{
	(void)arg;
	printf("%" PRIu64 "\n", runstate_ns(xencall_open(NULL, 0)));
	return 0;
}

static uint64_t burn_ms;

static void *burn(void *none)
{
	uint64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + burn_ms * 1000000;

	(void)none;
	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end) {
		volatile int i;

		for (i = 0; i < 10000; i++)
			;
	}
	return NULL;
}

static int cmd_spin(char **arg)
{
	int i, n = atoi(arg[1]);
	pthread_t t[64];

	burn_ms = strtoull(arg[0], NULL, 10);
	for (i = 0; i < n && i < 64; i++)
		pthread_create(&t[i], NULL, burn, NULL);
	for (i = 0; i < n && i < 64; i++)
		pthread_join(t[i], NULL);
	printf("%" PRIu64 "\n", clock_ns(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}

static int cmd_get(char **arg)
{
	xc_interface *xch = xen();
	struct xen_domctl_sched_credit2 s;
	int rc = xc_sched_credit2_domain_get(xch, (uint32_t)atoi(arg[0]), &s);

	if (rc)
		puts(result(rc));
	else
		printf("%u %u\n", s.weight, s.cap);
	return 0;
}

static int cmd_set(char **arg)
{
	xc_interface *xch = xen();
	struct xen_domctl_sched_credit2 s = {
		.weight = (uint16_t)atoi(arg[1]),
		.cap = (uint16_t)atoi(arg[2]),
	};

	puts(result(xc_sched_credit2_domain_set(xch, (uint32_t)atoi(arg[0]), &s)));
	return 0;
}

static int cmd_denied(char **arg)
{
	xc_interface *xch = xen();
	struct xen_domctl_sched_credit2 s = { .weight = 512 };
	xc_domaininfo_t di;
	xc_vcpuinfo_t vi;
	xc_physinfo_t pi;
	int id;

	(void)arg;
	printf("%s ", result(xc_domain_getinfolist(xch, 0, 1, &di)));
	printf("%s ", result(xc_sched_credit2_domain_set(xch, 1, &s)));
	printf("%s ", result(xc_sched_credit2_domain_get(xch, 1, &s)));
	printf("%s ", result(xc_sched_id(xch, &id)));
	printf("%s ", result(xc_vcpu_getinfo(xch, 1, 0, &vi)));
	printf("%s\n", result(xc_physinfo(xch, &pi)));
	return 0;
}

static int cmd_sched(char **arg)
{
	xc_interface *xch = xen();
	struct xen_domctl_sched_credit c1 = { .weight = 256 };
	xc_cpupoolinfo_t *pool = xc_cpupool_getinfo(xch, 0);
	xc_cpuinfo_t idle[1024];
	xc_vcpuinfo_t vi;
	xc_physinfo_t pi;
	int id = -1, n = 0;

	(void)arg;
	xc_sched_id(xch, &id);
	printf("scheduler %d pool %u domains %u\n", id, pool->sched_id, pool->n_dom);
	xc_cpupool_infofree(xch, pool);
	printf("second pool %s\n", xc_cpupool_getinfo(xch, 1) ? "ok" : result(-1));
	printf("credit %s\n", result(xc_sched_credit_domain_set(xch, 0, &c1)));
	xc_physinfo(xch, &pi);
	xc_getcpuinfo(xch, 1024, idle, &n);
	printf("cpus %u %d idle %s\n", pi.nr_cpus, n, idle[0].idletime ? "yes" : "no");
	printf("vcpu %s\n", result(xc_vcpu_getinfo(xch, 0, 0, &vi)));
	printf("no vcpu %s\n", result(xc_vcpu_getinfo(xch, 0, 5000, &vi)));
	return 0;
}

/* While two threads burn: what we read of ourselves is never more. */
static int cmd_ahead(char **arg)
{
	xencall_handle *xc = xencall_open(NULL, 0);
	int i, n = atoi(arg[0]);
	uint64_t own, dom, last = 0;
	pthread_t t[2];

	burn_ms = 100000;
	for (i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, burn, NULL);
	for (i = 0; i < n; i++) {
		own = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		dom = runstate_ns(xc);
		if (dom < own || dom < last) {
			printf("round %d: own %" PRIu64 " domain %" PRIu64 " before %" PRIu64 "\n",
			       i, own, dom, last);
			return 1;
		}
		last = dom;
	}
	puts("ok");
	fflush(stdout);
	_Exit(0);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int cmd_cost(char **arg)
{
	xc_interface *xch = xen();
	size_t i, n = strtoul(arg[0], NULL, 10);
	uint64_t *ns = calloc(n + 1, sizeof(*ns));
	xc_domaininfo_t di[DOMAINS];

	for (i = 0; ns && i < n; i++) {
		ns[i] = clock_ns(CLOCK_MONOTONIC);
		xc_domain_getinfolist(xch, 0, DOMAINS, di);
		ns[i] = clock_ns(CLOCK_MONOTONIC) - ns[i];
	}
	if (!ns)
		return 1;
	qsort(ns, n, sizeof(*ns), compare);
	printf("%" PRIu64 "\n", ns[n / 2]);
	free(ns);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(char **arg);
	} cmds[] = {
		{ "list", 0, cmd_list },	 { "next", 1, cmd_next },
		{ "runstate", 0, cmd_runstate }, { "spin", 2, cmd_spin },
		{ "get", 1, cmd_get },		 { "set", 3, cmd_set },
		{ "denied", 0, cmd_denied },	 { "sched", 0, cmd_sched },
		{ "ahead", 1, cmd_ahead },	 { "cost", 1, cmd_cost },
	};
	size_t i;

	for (i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
		if (argc - 2 == cmds[i].args && !strcmp(argv[1], cmds[i].name))
			return cmds[i].run(argv + 2);
	fprintf(stderr, "usage: see the head of %s\n", __FILE__);
	return 2;
}
