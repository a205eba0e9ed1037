/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of our libxenctrl share. */
#ifndef SANDBOX_SHIM_CTRL_H
#define SANDBOX_SHIM_CTRL_H

/* -std=c11 defines it, and Xen's headers then hide half of themselves. */
#undef __STRICT_ANSI__
#include <stdint.h>
#include <xen/vcpu.h>
#include <xenctrl.h>

#include "sandbox/lib/client.h"
#include "sandbox/shim/ctrl_wire.h"

struct xc_interface_core {
	struct xsb_client client;
};

void ctl_msg(struct xsb_msg *m, uint32_t op, uint64_t a0, uint64_t a1, uint64_t a2);
/* One call: 0, or -1 with errno. */
int ctl(xc_interface *xch, struct xsb_msg *m);

#endif
