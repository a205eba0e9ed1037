/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger.h - from two snapshots to what a person asks: how much, and how
 * fast.  Pure.
 */
#ifndef TOOLS_LEDGER_H
#define TOOLS_LEDGER_H

#include "tools/snapshot.h"

/* A VM at all driver domains together. */
struct ledger_vm {
	char uuid[40], name[64];
	uint64_t domid;
	uint64_t charged_ns, posted_ns, units, bytes;
	uint64_t vbd_ns, vif_ns, other_ns;
	struct snap_basis basis; /* known where it is at all driver domains */
	bool known; /* at one driver domain at least */
	bool rates; /* the following are known */
	double percent, units_s, bytes_s;
	double share; /* percent of what its driver domains used; < 0: not known */
};

struct ledger_domain {
	const struct snap_domain *now;
	bool rates;
	double measured, charged, own, unattributed; /* percent of a CPU */
};

struct ledger {
	double interval; /* s between the snapshots, the longest; 0: no rates */
	struct ledger_vm *vm;
	struct ledger_domain *domain;
	size_t vms, domains;
};

/*
 * before may be NULL.  Rates are known where nothing went back and both are
 * of the same ledger.  From the store each driver domain has times of its
 * own, and they tell how long the interval was.  `now` must outlive the ledger.  false: no memory.
 */
bool ledger_make(struct ledger *l, const struct snapshot *before, const struct snapshot *now);
/* There are figures in `now` that are newer, of CPU that was measured since. */
bool ledger_moved(const struct snapshot *before, const struct snapshot *now);
void ledger_free(struct ledger *l);
/* Records a second of a link; < 0: not known. */
double ledger_link_rate(const struct snapshot *before, const struct snapshot *now,
			const struct snap_link *link);

#endif
