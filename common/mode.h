/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mode.h - what an operator wants done about what VMs cost: acctctl, the
 * collector, and accountants, which dom0 tells (docs/protocol.md, 2.1).
 */
#ifndef COMMON_MODE_H
#define COMMON_MODE_H

#include <stdbool.h>

enum mode {
	MODE_OBSERVE, /* measure and bill */
	MODE_GUARD, /* limits at driver domains act */
	MODE_DEBT, /* and VMs pay with their own CPU */
};

#define MODE_ALLOWED "observe, guard, debt"

const char *mode_name(enum mode mode);
bool mode_parse(const char *text, enum mode *mode);

#endif
