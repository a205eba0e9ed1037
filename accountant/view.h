/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view.h - all that is committed, at one moment, to be shown: to dom0 in the
 * statement, to people by the snapshot socket.  Never changed once made:
 * readers find it by RCU, and it goes when the last has left.
 */
#ifndef ACCOUNTANT_VIEW_H
#define ACCOUNTANT_VIEW_H

#include "accountant/allow.h"
#include "accountant/conf.h"
#include "accountant/domains.h"

#include <stddef.h>
#include <urcu/urcu-memb.h>

struct worker;

struct view_domain {
	uint16_t domid;
	uint16_t links;
	bool named;
	enum mode mode; /* as dom0 says */
	uint8_t uuid[16];
	char name[NAME_MAX_BYTES];
	uint64_t measured_ns, charged_ns, own_ns, unattributed_ns;
	uint64_t posted_ns, units, bytes;
	uint64_t refused_units, refused_ns, epochs_lost, overclaimed_ns;
	bool idle_known;
	uint64_t idle; /* of rest.h, ns a second */
};

struct view_post {
	uint8_t kind, klass;
	uint32_t device;
	struct sums sums;
};

struct view_vm {
	uint16_t backend, domid;
	uint8_t uuid[16];
	char name[NAME_MAX_BYTES];
	uint64_t changed; /* larger: later */
	uint64_t charged_ns, by_kind[ACCTRING_KIND_OTHER + 1];
	uint64_t sender_ns; /* of what is charged: as the sender of what others received */
	uint64_t basis_ns[BASES]; /* their sum is charged_ns */
	uint64_t beside_ns; /* bounds.h */
	struct sums total;
	unsigned int first, posts; /* in post[] */
};

struct view_link {
	uint16_t backend;
	uint32_t slot, lanes;
	uint64_t epoch;
	const char *state;
	bool never_asks;
	char program[64], reason[64];
	uint64_t records, spilled, overflowed, cpu_ns;
};

struct view_limit {
	struct quota is;
	bool commanded;
	bool found; /* such a VM is served here, or was */
	uint8_t uuid[16];
	uint16_t domid;
	char name[NAME_MAX_BYTES];
	struct allow_state now;
};

struct view {
	struct rcu_head rcu;
	unsigned int left; /* readers that came and went */
	uint16_t domid;
	uint64_t incarnation;
	uint64_t t_ns; /* CLOCK_MONOTONIC */
	double unix_s;
	unsigned int ndomains, nvms, nposts, nlinks;
	struct view_domain *domain;
	struct view_vm *vm;
	struct view_post *post;
	struct view_link *link;
	bool acts, share; /* limits do, somewhere */
	enum guard_when guard; /* as configured */
	unsigned int nlimits;
	struct view_limit *limit;
};

/* NULL: no memory.  Call right after a commit. */
struct view *view_make(struct worker *w);
void view_free(struct view *v);

#endif
