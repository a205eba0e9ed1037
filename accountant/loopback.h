/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loopback.h - may a domain map what it granted to itself?
 */
#ifndef ACCOUNTANT_LOOPBACK_H
#define ACCOUNTANT_LOOPBACK_H

#include <stdbool.h>

#define GUEST_TYPE "/sys/hypervisor/guest_type"

/*
 * On x86 Xen takes a page from a PVH or HVM domain that maps its own grant of
 * it (tests/xen/facts/fact-pvh-loopback.sh): its granter writes into nothing
 * from then on, and nobody is told.  `file` is GUEST_TYPE but in tests; a
 * kernel that does not say is taken for PV.
 */
bool own_grants_vanish(const char *file);

#endif
