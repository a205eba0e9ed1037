/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests of libxenctrl and libxencall to the broker: beyond sandbox/wire.h. */
#ifndef SANDBOX_SHIM_CTRL_WIRE_H
#define SANDBOX_SHIM_CTRL_WIRE_H

#include <stdint.h>

#include "sandbox/wire.h"

enum ctl_op {
	/* domain 0 only: -EPERM */
	CTL_DOMAINS = XSB_MODULE + 1, /* a0 first domid, a1 most -> data
					 * struct ctl_domain[], at most CTL_MOST */
	CTL_WEIGHT_GET, /* a0 domid -> a0 weight, a1 cap */
	CTL_WEIGHT_SET, /* a0 domid, a1 weight (0 = as it is), a2 cap */
	CTL_POOL, /* a0 pool -> a0 pool, a1 scheduler,
					 * a2 domains; that pool or the next */
	CTL_HOST, /* -> a0 CPUs, a1 kHz, a2 pages, a3 free pages */
	CTL_IDLE, /* -> data u64 idle ns[] per CPU */
	CTL_VCPU, /* a0 domid, a1 vcpu -> data struct ctl_vcpu */
	/* any domain, of itself */
	CTL_RUNSTATE = XSB_MODULE + 50, /* a0 vcpu -> data struct ctl_vcpu */
	/* any domain */
	CTL_STORE_READY = XSB_MODULE + 60, /* a0 domid; -EAGAIN: its nodes are being
					 * made; -EIO: it will have no store */
};

struct ctl_domain {
	uint32_t domid;
	uint32_t dying;
	uint32_t vcpus;
	uint32_t paused;
	uint64_t cpu_ns;
	uint8_t uuid[16];
};

#define CTL_MOST ((uint32_t)(XSB_DATA / sizeof(struct ctl_domain)))

struct ctl_vcpu {
	uint32_t state; /* RUNSTATE_* */
	uint32_t cpu;
	uint64_t entered; /* system time, ns */
	uint64_t time[4]; /* by RUNSTATE_*, ns */
};

#endif
