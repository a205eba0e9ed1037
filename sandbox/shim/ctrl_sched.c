/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxenctrl: schedulers, the cpupool and the host's CPUs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/shim/ctrl.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int xc_sched_id(xc_interface *xch, int *sched_id)
{
	struct xsb_msg m;

	ctl_msg(&m, CTL_POOL, 0, 0, 0);
	if (ctl(xch, &m))
		return -1;
	*sched_id = (int)m.a[1];
	return 0;
}

EXPORT int xc_sched_credit2_domain_set(xc_interface *xch, uint32_t domid,
				       struct xen_domctl_sched_credit2 *sdom)
{
	struct xsb_msg m;

	ctl_msg(&m, CTL_WEIGHT_SET, domid, sdom->weight, sdom->cap);
	return ctl(xch, &m);
}

EXPORT int xc_sched_credit2_domain_get(xc_interface *xch, uint32_t domid,
				       struct xen_domctl_sched_credit2 *sdom)
{
	struct xsb_msg m;

	ctl_msg(&m, CTL_WEIGHT_GET, domid, 0, 0);
	if (ctl(xch, &m))
		return -1;
	sdom->weight = (uint16_t)m.a[0];
	sdom->cap = (uint16_t)m.a[1];
	return 0;
}

/* Another scheduler's call than the pool's: EINVAL, for a domain that is. */
static int other_scheduler(xc_interface *xch, uint32_t domid)
{
	struct xsb_msg m;

	ctl_msg(&m, CTL_WEIGHT_GET, domid, 0, 0);
	if (!ctl(xch, &m))
		errno = EINVAL;
	return -1;
}

EXPORT int xc_sched_credit_domain_set(xc_interface *xch, uint32_t domid,
				      struct xen_domctl_sched_credit *sdom)
{
	(void)sdom;
	return other_scheduler(xch, domid);
}

EXPORT int xc_sched_credit_domain_get(xc_interface *xch, uint32_t domid,
				      struct xen_domctl_sched_credit *sdom)
{
	(void)sdom;
	return other_scheduler(xch, domid);
}

static int host_cpus(xc_interface *xch)
{
	struct xsb_msg m;

	ctl_msg(&m, CTL_HOST, 0, 0, 0);
	return ctl(xch, &m) ? -1 : (int)m.a[0];
}

EXPORT int xc_get_cpumap_size(xc_interface *xch)
{
	int cpus = host_cpus(xch);

	return cpus < 0 ? -1 : (cpus + 7) / 8;
}

EXPORT xc_cpumap_t xc_cpumap_alloc(xc_interface *xch)
{
	int size = xc_get_cpumap_size(xch);

	return size < 0 ? NULL : calloc(1, (size_t)size);
}

/* No vCPU is pinned: its processes run on all CPUs. */
EXPORT int xc_vcpu_getaffinity(xc_interface *xch, uint32_t domid, int vcpu, xc_cpumap_t hard,
			       xc_cpumap_t soft, uint32_t flags)
{
	int cpus = host_cpus(xch), i;
	struct xsb_msg m;

	ctl_msg(&m, CTL_VCPU, domid, (uint64_t)vcpu, 0);
	if (cpus < 0 || ctl(xch, &m))
		return -1;
	for (i = 0; i < cpus; i++) {
		if (flags & XEN_VCPUAFFINITY_HARD)
			hard[i / 8] |= (uint8_t)(1u << (i % 8));
		if (flags & XEN_VCPUAFFINITY_SOFT)
			soft[i / 8] |= (uint8_t)(1u << (i % 8));
	}
	return 0;
}

EXPORT xc_cpupoolinfo_t *xc_cpupool_getinfo(xc_interface *xch, uint32_t poolid)
{
	xc_cpupoolinfo_t *info;
	struct xsb_msg m;
	uint64_t cpus, i;

	ctl_msg(&m, CTL_HOST, 0, 0, 0);
	if (ctl(xch, &m))
		return NULL;
	cpus = m.a[0];
	ctl_msg(&m, CTL_POOL, poolid, 0, 0);
	if (ctl(xch, &m))
		return NULL;
	info = calloc(1, sizeof(*info));
	if (!info)
		return NULL;
	info->cpumap = calloc((cpus + 63) / 64, 8);
	if (!info->cpumap) {
		free(info);
		return NULL;
	}
	info->cpupool_id = (uint32_t)m.a[0];
	info->sched_id = (uint32_t)m.a[1];
	info->n_dom = (uint32_t)m.a[2];
	for (i = 0; i < cpus; i++)
		info->cpumap[i / 8] |= (uint8_t)(1u << (i % 8));
	return info;
}

EXPORT void xc_cpupool_infofree(xc_interface *xch, xc_cpupoolinfo_t *info)
{
	(void)xch;
	free(info->cpumap);
	free(info);
}

EXPORT int xc_getcpuinfo(xc_interface *xch, int max_cpus, xc_cpuinfo_t *info, int *nr_cpus)
{
	const uint64_t *idle;
	struct xsb_msg m;
	int n, i;

	ctl_msg(&m, CTL_IDLE, 0, 0, 0);
	if (ctl(xch, &m))
		return -1;
	idle = (const void *)m.data;
	n = (int)(m.len / sizeof(*idle));
	if (n > max_cpus)
		n = max_cpus;
	for (i = 0; i < n; i++)
		info[i].idletime = idle[i];
	if (nr_cpus)
		*nr_cpus = n;
	return 0;
}

EXPORT int xc_physinfo(xc_interface *xch, xc_physinfo_t *info)
{
	struct xsb_msg m;

	ctl_msg(&m, CTL_HOST, 0, 0, 0);
	if (ctl(xch, &m))
		return -1;
	memset(info, 0, sizeof(*info));
	info->threads_per_core = 1;
	info->cores_per_socket = (uint32_t)m.a[0];
	info->nr_cpus = (uint32_t)m.a[0];
	info->max_cpu_id = (uint32_t)m.a[0] - 1;
	info->nr_nodes = 1;
	info->cpu_khz = (uint32_t)m.a[1];
	info->total_pages = m.a[2];
	info->free_pages = m.a[3];
	return 0;
}
