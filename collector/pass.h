/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pass.h - what a driver domain is charged goes on to its own clients.  Pure.
 *
 * An app's packets go through a firewall's domain to the net domain: the net domain's ledger
 * names the firewall.  To make the firewall pay would slow every app behind it.  So what is
 * charged to a domain that passes on goes to its clients in proportion to its own ledger, and so
 * forth, cycles included; the part of its own work stays with it.  A stub domain passes
 * all to its target.
 */
#ifndef COLLECTOR_PASS_H
#define COLLECTOR_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASS_ROUNDS 64 /* what has not come to rest by then stays where it is */

/* A domain that passes on. */
struct pass {
	const uint64_t *ledger; /* n: what it charged each domain; a stub: anything to its target */
	uint64_t own; /* what it burned and charged to nobody */
};

/*
 * `by[i]` NULL: domain i pays for itself.  In paid[n]: what each was charged by all; out: what each
 * pays.  The sum stays the same to the ns.  false: no memory, paid is as it was.
 */
bool pass_on(const struct pass *const *by, uint64_t *paid, size_t n);

#endif
