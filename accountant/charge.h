/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * charge.h - from the clocks of lanes to what is billed.
 *
 * A lane's clock is a claim of its backend.  What it grew by, at most by the
 * time that passed, is divided among those whom the lane served, and is
 * *due*.  Due time becomes a charge as far as the hypervisor's measurement of the
 * driver domain has room for it, so that for each driver domain
 *
 *	charged (to VMs, itself, nobody) + CPU of acctringd <= measured
 *
 * at every moment.  Clocks of threads contain steal; where we know how long the domain's CPUs were
 * busy by the same kind of clock (busy.h), what nobody claimed of that is a claim like the others,
 * to no account, and all get the same part of what the hypervisor measured.  Room that no claim fills in CARRY_MS is closed: clocks of threads contain
 * what other domains ran on the same CPU, and such claims would find room for years of it in what the
 * domain burned as it booted.  The rest stays due while the
 * measurement may be older than it is, up to DUE_MAX_NS a CPU; what the second measurement from
 * then has no room for either is counted as overclaimed and forgotten.
 */
#ifndef ACCOUNTANT_CHARGE_H
#define ACCOUNTANT_CHARGE_H

#include "accountant/links.h"

/* Reads the lanes' clocks.  Before the domain is measured: the measurement is the later. */
void charge_link(struct worker *w, struct link *k);
/*
 * Time that is due from x, an account at d; `sent` of it as the sender of what others received.
 * What is charged of it later is charged on that basis.
 */
void charge_due(struct worker *w, struct domain *d, struct account *x, uint64_t ns, uint64_t sent,
		enum basis basis);
/* Charges what there is room for. */
void charge_settle(struct worker *w, struct domain *d);
/* CPU of acctringd in its domain. */
void charge_own(struct domain *d, uint64_t ns);
/*
 * Its CPUs, 1.. , were busy so long, steal included, and ran so long by the hypervisor, in the
 * same time.  Claims for it, as far as they are known, are due by now.
 */
void charge_busy(struct domain *d, unsigned int cpus, uint64_t busy_ns, uint64_t ran_ns);
/* How busy it is is not known any more. */
void charge_not_busy(struct domain *d);
/* The hypervisor has seen the domain burn that much more. */
void charge_measured(struct domain *d, uint64_t ns, uint64_t now);
/* A claim of what was burned long ago: nobody could make it before. */
void charge_late(struct domain *d, uint64_t ns);
/* What measured_ns leaves, of late. */
uint64_t charge_room(const struct domain *d);
/* After the accounts and domains were loaded. */
void charge_load(struct worker *w);
/* Where a lane's clock stands as we begin; `age_ns`: we last looked so long ago, 0: never. */
void charge_begin(struct lane *l, uint64_t age_ns);

#endif
