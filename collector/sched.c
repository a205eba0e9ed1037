/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sched.c - see sched.h.
 *
 * "Leave it as it is": weight 0 for both schedulers.  For the cap credit has
 * 0xffff; credit2 has nothing, but refuses a cap that is too large after it
 * has set the weight, so the same number serves.  Thus a weight is written
 * without a cap, which an operator may be changing at this moment.
 */
#include "collector/sched.h"

#include <errno.h>
#include <string.h>

#define KEEP_WEIGHT 0
#define KEEP_CAP 0xffff

const char *sched_name(enum sched_kind kind)
{
	static const char *const name[] = { "none", "credit", "credit2", "rtds" };

	return name[kind];
}

unsigned int sched_window_ms(enum sched_kind kind)
{
	/* credit refills each 30 ms and remembers no more than a slice: ten of them */
	return kind == SCHED_CREDIT2 ? 100 : kind == SCHED_CREDIT ? 300 : 0;
}

int sched_of_pool(xc_interface *xc, uint32_t pool, enum sched_kind *kind)
{
	xc_cpupoolinfo_t *info = xc_cpupool_getinfo(xc, pool);
	uint32_t got;

	*kind = SCHED_NONE;
	if (!info)
		return -errno;
	got = info->cpupool_id;
	if (info->sched_id == XEN_SCHEDULER_CREDIT)
		*kind = SCHED_CREDIT;
	else if (info->sched_id == XEN_SCHEDULER_CREDIT2)
		*kind = SCHED_CREDIT2;
	else if (info->sched_id == XEN_SCHEDULER_RTDS)
		*kind = SCHED_RTDS;
	xc_cpupool_infofree(xc, info);
	if (got == pool)
		return 0;
	*kind = SCHED_NONE; /* Xen tells of the next one when there is no such pool */
	return -ENOENT;
}

int sched_get(xc_interface *xc, enum sched_kind kind, uint16_t domid, uint16_t is[KNOBS])
{
	struct xen_domctl_sched_credit2 c2;
	struct xen_domctl_sched_credit c1;

	switch (kind) {
	case SCHED_CREDIT2:
		if (xc_sched_credit2_domain_get(xc, domid, &c2))
			return -errno;
		is[KNOB_WEIGHT] = c2.weight;
		is[KNOB_CAP] = c2.cap;
		return 0;
	case SCHED_CREDIT:
		if (xc_sched_credit_domain_get(xc, domid, &c1))
			return -errno;
		is[KNOB_WEIGHT] = c1.weight;
		is[KNOB_CAP] = c1.cap;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int put(xc_interface *xc, enum sched_kind kind, uint16_t domid, uint16_t weight,
	       uint16_t cap)
{
	struct xen_domctl_sched_credit2 c2 = { .weight = weight, .cap = cap };
	struct xen_domctl_sched_credit c1 = { .weight = weight, .cap = cap };

	if (kind == SCHED_CREDIT)
		return xc_sched_credit_domain_set(xc, domid, &c1) ? -errno : 0;
	if (!xc_sched_credit2_domain_set(xc, domid, &c2))
		return 0;
	return errno == EINVAL && cap == KEEP_CAP ? 0 : -errno;
}

int sched_set(xc_interface *xc, enum sched_kind kind, uint16_t domid, enum knob_name which,
	      uint16_t was, uint16_t value, uint16_t *is)
{
	uint16_t now[KNOBS] = { 0 };
	int err = sched_get(xc, kind, domid, now);

	if (err)
		return err;
	*is = now[which];
	if (*is != was)
		return -EAGAIN;
	if (which == KNOB_CAP)
		err = put(xc, kind, domid, KEEP_WEIGHT, value);
	else
		err = put(xc, kind, domid, value, KEEP_CAP);
	if (!err)
		err = sched_get(xc, kind, domid, now);
	if (err)
		return err;
	*is = now[which];
	return *is == value ? 0 : -EIO;
}
