/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domains.h - the driver domains whose links we read.
 */
#ifndef ACCOUNTANT_DOMAINS_H
#define ACCOUNTANT_DOMAINS_H

#include "accountant/accounts.h"
#include "accountant/budget.h"
#include "accountant/rest.h"
#include "accountant/share.h"
#include "common/mode.h"

#include <acctring/abi.h>
#include <stdbool.h>
#include <stdint.h>

#define NAME_MAX_BYTES 64
#define LINK_SLOTS ACCTRING_LINK_SLOTS

/* A bit per link. */
struct slots {
	uint64_t word[LINK_SLOTS / 64];
};

static inline bool slots_has(const struct slots *s, unsigned int slot)
{
	return s->word[slot / 64] >> slot % 64 & 1;
}

static inline void slots_set(struct slots *s, unsigned int slot, bool on)
{
	uint64_t bit = 1ull << slot % 64;

	s->word[slot / 64] = on ? s->word[slot / 64] | bit : s->word[slot / 64] & ~bit;
}

static inline void slots_fill(struct slots *s, bool on)
{
	for (unsigned int i = 0; i < LINK_SLOTS / 64; i++)
		s->word[i] = on ? ~0ull : 0;
}

static inline bool slots_any(const struct slots *s)
{
	uint64_t any = 0;

	for (unsigned int i = 0; i < LINK_SLOTS / 64; i++)
		any |= s->word[i];
	return any != 0;
}

/* What the ledger keeps of one.  Sums since the ledger began. */
struct domain_sums {
	uint64_t raw_ns; /* the hypervisor's counter when last read */
	uint64_t measured_ns; /* what it grew by, over all incarnations */
	uint64_t own_ns; /* CPU of acctringd in it */
	uint64_t epochs_lost;
	uint64_t rolled_back; /* posts that a rolled-back database missed */
	uint64_t overclaimed_ns; /* by lanes, beyond what can be true: billed to nobody */
};

/* What was measured of late, for which claims may still come: charge.c. */
struct carry {
	uint64_t closed_ns; /* of what was measured: for it they may not */
	uint64_t before_ns, since_ns; /* measured in the CARRY_MS before, and since */
	uint64_t since_ms; /* 0: nothing was measured yet */
	uint64_t late_ns; /* claimed late, not settled yet: its room stays open */
	uint64_t claimed_ns, claimed_before_ns; /* since it was asked, and before */
	uint64_t own_due_ns; /* CPU of acctringd, not yet confirmed by the hypervisor */
	unsigned int cpus; /* whose busy time is known; 0: it is not */
	int64_t other_ns; /* busy for what nobody claimed; less than 0: that came before */
	int64_t beyond_ns; /* the hypervisor saw it run for longer than it was busy */
};

/* Where bounds.c looked last. */
struct bounds {
	uint64_t measured_ns, unattributed_ns;
	bool looked;
};

/* How busy it is: allow_share.c. */
struct domain_busy {
	uint64_t wanted_ns; /* by the hypervisor */
	uint64_t told_ns, since_ns, rate; /* by dom0 */
};

struct domain {
	struct domain *next;
	uint16_t domid;
	bool named; /* by dom0: only then its links are attached */
	bool gone; /* it has ended, dom0 says */
	enum mode mode; /* what dom0 wants done, as it said last */
	bool told_mode; /* said that it is no mode */
	bool swept; /* so what we told it was removed */
	bool draining; /* not named any more, its links are read to their end */
	uint64_t named_ms; /* since when; 0: it is not */
	uint64_t unnamed_ms; /* since when; 0: it is named */
	bool watched;
	bool served_listed; /* all whom it serves were asked about, since it was named */
	bool listed; /* all its slots were looked at since (re)start */
	bool dirty;
	struct slots look; /* at these nodes */
	struct slots news; /* of those, were written since */
	bool peer_dir; /* peer/<B> is there, as it should be */
	bool told_measured; /* said that dom0's `measured` is wrong */
	bool told_unmeasured; /* said that there is no measurement */
	struct slots told; /* said that the node is wrong */
	uint64_t retry_ms[LINK_SLOTS]; /* not before */
	uint16_t tries[LINK_SLOTS]; /* in vain, of that link */
	uint64_t tried[LINK_SLOTS]; /* the link, in scan.c */
	uint8_t uuid[16];
	char name[NAME_MAX_BYTES];
	struct domain_sums s;
	struct account *own; /* posts to ACCTRING_PAYER_OWN */
	struct account *refused; /* posts that nobody pays */
	uint64_t charged_ns; /* to all its accounts; with own_ns at most measured_ns */
	struct carry carry;
	struct rest rest;
	struct bounds bounds;
	struct account *owing; /* those with due_ns */
	bool fresh; /* measured since the last settlement */
	uint64_t measured_ms; /* when it last was, or was to be */
	struct waiting *waiting; /* payer rows that wait for dom0: resolve.c */
	unsigned int held; /* so many */
	unsigned int refused_rows; /* not yet said in the log */
	uint64_t said_refused_ms;
	struct budget budget;
	struct share share;
	struct domain_busy busy;
};

#endif
