/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU time of a domain, asked from inside and from dom0.
 *   runstate                    this domain's vCPUs by VCPUOP_get_runstate_info
 *   runstate answer DOMID       a page shared with DOMID; reads it whenever DOMID asks there
 *   runstate compare DOMID REF  dom0: asks, between two readings of its own by
 *                               xc_domain_getinfolist
 *   runstate list               what getinfolist says to this domain
 */
#include "common/xenctrl.h"

#include <xen/vcpu.h>
#include <xencall.h>
#include <xengnttab.h>

#include "tests/xen/prog/cpu_of.h"

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

/* The shared page. */
struct asked {
	uint64_t question; /* dom0's */
	uint64_t answer; /* the guest's: the question that `ns` answers */
	uint64_t ns;
};

static struct asked *share(uint32_t domid)
{
	xengntshr_handle *g = xengntshr_open(NULL, 0);
	uint32_t ref = 0;
	struct asked *p = g ? xengntshr_share_pages(g, domid, 1, &ref, 1) : NULL;

	if (!p)
		die("share");
	printf("ref %u\n", ref);
	fflush(stdout);
	return p;
}

/* Nearly idle, so that two readings of dom0 around an answer are close. */
static _Noreturn void answer(xencall_handle *h, void *buf, uint32_t domid)
{
	struct asked *p = share(domid);
	struct vcpu_runstate_info info;
	uint64_t q, v;

	for (;; nap_ms(4)) {
		q = __atomic_load_n(&p->question, __ATOMIC_ACQUIRE);
		if (q == p->answer)
			continue;
		p->ns = 0;
		for (v = 0; !runstate(h, buf, v, &info); v++)
			p->ns += info.time[RUNSTATE_running];
		if (!v)
			die("runstate");
		__atomic_store_n(&p->answer, q, __ATOMIC_RELEASE);
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define SAMPLES 40u
#define MS 1000000u

/*
 * The guest reads between dom0's two readings, so its value has to lie between
 * them, whatever the machine does meanwhile; and the nearer of the two has to
 * be less than 1 ms away at least every second time.  (The guest's way to the
 * answer and back to sleep is CPU time of its own, emulated about 1 ms.)
 */
static int compare(uint32_t domid, uint32_t ref)
{
	xengnttab_handle *g = xengnttab_open(NULL, 0);
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	struct asked *p = g ? xengnttab_map_grant_ref(g, domid, ref, 3) : NULL;
	uint64_t near[SAMPLES], outside = 0, before, after, give_up;
	unsigned int close = 0;

	if (!p || !xch)
		die("map");
	for (uint64_t i = 0; i < SAMPLES; i++) {
		nap_ms(20);
		give_up = now_ns() + 5000ull * MS;
		before = cpu_of(xch, domid);
		__atomic_store_n(&p->question, i + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&p->answer, __ATOMIC_ACQUIRE) != i + 1) {
			if (now_ns() > give_up)
				die("no answer in 5 s");
			nanosleep(&(struct timespec){ 0, 200000 }, NULL);
		}
		after = cpu_of(xch, domid);
		if (p->ns < before && before - p->ns > outside)
			outside = before - p->ns;
		if (p->ns > after && p->ns - after > outside)
			outside = p->ns - after;
		near[i] = p->ns - before < after - p->ns ? p->ns - before : after - p->ns;
		close += near[i] < MS;
	}
	qsort(near, SAMPLES, sizeof(near[0]), by_size);
	printf("%u readings, each between two of dom0's: outside by %llu ns at most; dom0's nearer "
	       "reading is %llu us away (median; %llu at most), %u times less than 1 ms\n",
	       SAMPLES, (unsigned long long)outside, (unsigned long long)near[SAMPLES / 2] / 1000,
	       (unsigned long long)near[SAMPLES - 1] / 1000, close);
	return outside > MS || close < SAMPLES / 2;
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
	if (argc == 3 && !strcmp(argv[1], "answer"))
		answer(h, buf, (uint32_t)atoi(argv[2]));
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
