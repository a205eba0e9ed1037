/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Faults on request. The counters are read where the fault strikes. */
#include <errno.h>

#include "sandbox/broker/control.h"

int fault_set(struct client *c, const struct xsb_msg *req)
{
	struct domain *d = domain_find((uint32_t)req->a[1]);
	unsigned int value = (unsigned int)req->a[2];

	(void)c;
	if (!d || d->dying)
		return -ESRCH;
	if (req->a[2] > 1000000)
		return -EINVAL;
	switch (req->a[0]) {
	case XSB_FAULT_KILL_DOMAIN:
		return d->domid ? domain_destroy(d) : -EINVAL;
	case XSB_FAULT_DELAY_EVENTS:
		d->faults.delay_ms = value;
		return 0;
	case XSB_FAULT_FAIL_MAP:
		d->faults.fail_map = value;
		return 0;
	case XSB_FAULT_STORE_EAGAIN:
		d->faults.store_eagain = value;
		return 0;
	}
	return -EINVAL;
}
