/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * allow.h - the guard at work: each tick the allowances of limited VMs
 * (guard.h, share.h) are written into the pages of their lanes, as leases.
 *
 * Never limited: dom0, our own domain, VMs of weight 0 in the configuration, and lanes of
 * which it is not known what was spent there (links.h, lane_known()).
 */
#ifndef ACCOUNTANT_ALLOW_H
#define ACCOUNTANT_ALLOW_H

#include "accountant/quota.h"

struct domain;
struct worker;
struct allow;

/* Whom the guard knows of a limit: counts for status. */
struct allow_state {
	unsigned int lanes; /* limited */
	unsigned int open; /* that cannot be limited yet */
	unsigned int never; /* connections to backends that never ask */
	uint64_t let_go_ns; /* spent above the limit, and not made good */
};

/* NULL: no memory. */
struct allow *allow_new(void);
void allow_free(struct allow *a);

/* Limits act at that driver domain: as configured, else as dom0 says. */
bool allow_acts(const struct worker *w, const struct domain *d);
/* At one of those that dom0 names. */
bool allow_acts_somewhere(const struct worker *w);
/* Once a tick, after the drain. */
void allow_tick(struct worker *w);
/* Some limited VM is at work: the next tick shall not be late. */
bool allow_hurry(const struct worker *w);
/* Accounts and links are gone. */
void allow_forget(struct worker *w);
/* Links, rows, names or limits are others: look at all again. */
void allow_again(struct worker *w);
/* What became of a command or setting. */
void allow_look(const struct worker *w, const struct quota *q, struct allow_state *out);

#endif
