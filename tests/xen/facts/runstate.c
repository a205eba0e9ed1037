/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU time of a domain, asked from inside and from dom0.
 *   runstate                    this domain's vCPUs by VCPUOP_get_runstate_info
 *   runstate publish DOMID      the same, for ever, into a page shared with DOMID
 *   runstate compare DOMID REF  dom0: pauses DOMID and compares its last words with
 *                               xc_domain_getinfolist
 *   runstate list               what getinfolist says to this domain
 */
#include "common/xenctrl.h"

#include <xen/vcpu.h>
#include <xencall.h>
#include <xengnttab.h>

#include "fact.h"

static int runstate(xencall_handle *h, void *buf, uint64_t vcpu, struct vcpu_runstate_info *out)
{
	int rc = xencall3(h, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, vcpu,
			  (uint64_t)(uintptr_t)buf);

	memcpy(out, buf, sizeof(*out));
	return rc;
}

static int list(void)
{
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	xc_domaininfo_t info[64];
	int n = xch ? xc_domain_getinfolist(xch, 0, 64, info) : -1;

	if (n < 0)
		die("getinfolist");
	printf("getinfolist: %d domains\n", n);
	return 0;
}

static int publish(xencall_handle *h, void *buf, uint32_t domid)
{
	xengntshr_handle *g = xengntshr_open(NULL, 0);
	struct vcpu_runstate_info info;
	uint32_t ref = 0;
	volatile uint64_t *p = g ? xengntshr_share_pages(g, domid, 1, &ref, 0) : NULL;

	if (!p)
		die("share");
	printf("ref %u\n", ref);
	fflush(stdout);
	while (!runstate(h, buf, 0, &info))
		p[0] = info.time[RUNSTATE_running];
	die("runstate");
	return 1;
}

static int compare(uint32_t domid, uint32_t ref)
{
	xengnttab_handle *g = xengnttab_open(NULL, 0);
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	volatile uint64_t *p = g ? xengnttab_map_grant_ref(g, domid, ref, 1) : NULL;
	uint64_t worst = 0;

	if (!p || !xch)
		die("map");
	for (int i = 0; i < 20; i++) {
		xc_domaininfo_t info;
		uint64_t diff;

		nap_ms(50);
		if (xc_domain_pause(xch, domid))
			die("pause");
		if (xc_domain_getinfolist(xch, domid, 1, &info) != 1 || info.domain != domid)
			die("getinfolist");
		diff = info.cpu_time - p[0];
		xc_domain_unpause(xch, domid);
		if (diff > worst)
			worst = diff;
	}
	printf("20 samples: dom0's reading is ahead of the guest's by at most %llu us\n",
	       (unsigned long long)worst / 1000);
	return worst > 1000000;
}

int main(int argc, char **argv)
{
	struct vcpu_runstate_info info;
	xencall_handle *h;
	void *buf;

	if (argc == 2 && !strcmp(argv[1], "list"))
		return list();
	if (argc == 4 && !strcmp(argv[1], "compare"))
		return compare((uint32_t)atoi(argv[2]), (uint32_t)atoi(argv[3]));
	h = xencall_open(NULL, 0);
	buf = h ? xencall_alloc_buffer(h, sizeof(info)) : NULL;
	if (!buf)
		die("xencall");
	if (argc == 3 && !strcmp(argv[1], "publish"))
		return publish(h, buf, (uint32_t)atoi(argv[2]));
	for (uint64_t v = 0;; v++) {
		if (runstate(h, buf, v, &info)) {
			if (v)
				return 0;
			die("runstate");
		}
		printf("vcpu %d: running %llu ns, runnable %llu ns, blocked %llu ns, offline %llu "
		       "ns\n",
		       (int)v, (unsigned long long)info.time[RUNSTATE_running],
		       (unsigned long long)info.time[RUNSTATE_runnable],
		       (unsigned long long)info.time[RUNSTATE_blocked],
		       (unsigned long long)info.time[RUNSTATE_offline]);
	}
}
