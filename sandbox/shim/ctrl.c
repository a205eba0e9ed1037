/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libxenctrl 4.17, the part in use: domains and their CPU time.  Errors are
 * libxenctrl's: -1 and errno; EPERM for all but domain 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/shim/ctrl.h"

#define EXPORT __attribute__((visibility("default")))

int ctl(xc_interface *xch, struct xsb_msg *m)
{
	int rc;

	if (!xch) {
		errno = EINVAL;
		return -1;
	}
	rc = xsb_call(&xch->client, m, NULL, 0, NULL, NULL);
	if (rc) {
		errno = -rc;
		return -1;
	}
	return 0;
}

void ctl_msg(struct xsb_msg *m, uint32_t op, uint64_t a0, uint64_t a1, uint64_t a2)
{
	memset(m, 0, XSB_HEADER);
	m->op = op;
	m->a[0] = a0;
	m->a[1] = a1;
	m->a[2] = a2;
}

EXPORT xc_interface *xc_interface_open(xentoollog_logger *logger,
				       xentoollog_logger *dombuild_logger, unsigned int open_flags)
{
	xc_interface *xch;
	int rc;

	(void)logger, (void)dombuild_logger;
	xch = calloc(1, sizeof(*xch));
	if (!xch || (open_flags & XC_OPENFLAG_DUMMY))
		return xch;
	rc = xsb_open(&xch->client);
	if (rc) {
		free(xch);
		errno = -rc;
		return NULL;
	}
	return xch;
}

EXPORT int xc_interface_close(xc_interface *xch)
{
	if (xch) {
		xsb_close(&xch->client);
		free(xch);
	}
	return 0;
}

static void fill(xc_domaininfo_t *out, const struct ctl_domain *in)
{
	memset(out, 0, sizeof(*out));
	out->domain = (domid_t)in->domid;
	out->flags = in->dying ? XEN_DOMINF_dying : XEN_DOMINF_running;
	out->cpu_time = in->cpu_ns;
	out->nr_online_vcpus = in->vcpus;
	out->max_vcpu_id = in->vcpus - 1;
	memcpy(out->handle, in->uuid, sizeof(out->handle));
}

EXPORT int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain, unsigned int max_domains,
				 xc_domaininfo_t *info)
{
	struct xsb_msg m;
	unsigned int have = 0, n, i;

	while (have < max_domains) {
		const struct ctl_domain *d = (const void *)m.data;

		ctl_msg(&m, CTL_DOMAINS, first_domain, max_domains - have, 0);
		if (ctl(xch, &m))
			return -1;
		n = m.len / sizeof(*d);
		for (i = 0; i < n; i++)
			fill(&info[have + i], &d[i]);
		have += n;
		if (n < CTL_MOST)
			break;
		first_domain = d[n - 1].domid + 1;
	}
	return (int)have;
}

/* What xenstored asks; gone from Xen 4.18 on. */
EXPORT int xc_domain_getinfo(xc_interface *xch, uint32_t first_domid, unsigned int max_doms,
			     xc_dominfo_t *info)
{
	xc_domaininfo_t di;
	unsigned int n;
	int rc = 0;

	memset(info, 0, max_doms * sizeof(*info));
	for (n = 0; n < max_doms; n++) {
		rc = xc_domain_getinfolist(xch, first_domid, 1, &di);
		if (rc == 0) {
			errno = ESRCH;
			rc = -1;
		}
		if (rc < 0)
			break;
		info[n].domid = di.domain;
		info[n].dying = !!(di.flags & XEN_DOMINF_dying);
		info[n].running = !!(di.flags & XEN_DOMINF_running);
		info[n].cpu_time = di.cpu_time;
		info[n].nr_online_vcpus = di.nr_online_vcpus;
		info[n].max_vcpu_id = di.max_vcpu_id;
		memcpy(info[n].handle, di.handle, sizeof(info[n].handle));
		first_domid = di.domain + 1u;
	}
	return n ? (int)n : rc;
}

EXPORT int xc_vcpu_getinfo(xc_interface *xch, uint32_t domid, uint32_t id, xc_vcpuinfo_t *info)
{
	const struct ctl_vcpu *v;
	struct xsb_msg m;

	ctl_msg(&m, CTL_VCPU, domid, id, 0);
	if (ctl(xch, &m))
		return -1;
	v = (const void *)m.data;
	memset(info, 0, sizeof(*info));
	info->vcpu = id;
	info->online = 1;
	info->running = v->state == RUNSTATE_running;
	info->blocked = v->state == RUNSTATE_blocked;
	info->cpu_time = v->time[RUNSTATE_running];
	info->cpu = v->cpu;
	return 0;
}
