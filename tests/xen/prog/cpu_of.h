/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain has burned, by the hypervisor. */
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

#endif
