/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain has burned, by the hypervisor, and its cap. */
#ifndef XEN_PROG_CPU_OF_H
#define XEN_PROG_CPU_OF_H

#include "common/xenctrl.h"

#include "tests/xen/prog/prog.h"

static inline uint64_t cpu_of(xc_interface *xch, uint32_t domid)
{
	xc_domaininfo_t info;

	if (xc_domain_getinfolist(xch, domid, 1, &info) != 1 || info.domain != domid)
		die("getinfolist");
	return info.cpu_time;
}

/* The cap, of whichever of the two schedulers it is. */
static inline unsigned int cap_of(xc_interface *xc, uint32_t domid)
{
	struct xen_domctl_sched_credit2 c2;
	struct xen_domctl_sched_credit c1;

	if (!xc_sched_credit2_domain_get(xc, domid, &c2))
		return c2.cap;
	if (xc_sched_credit_domain_get(xc, domid, &c1))
		die("domain_get");
	return c1.cap;
}

#endif
