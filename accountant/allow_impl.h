/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * allow_impl.h - shared by the guard's files: who is looked after, and where he spends.
 */
#ifndef ACCOUNTANT_ALLOW_IMPL_H
#define ACCOUNTANT_ALLOW_IMPL_H

#include "accountant/allow.h"
#include "accountant/guard.h"
#include "accountant/share.h"
#include "accountant/worker.h"
#include "common/clock.h"

/* A payer row of a link; and a lane, where one is meant. */
struct spot {
	struct link *link;
	uint64_t serial; /* of the link: another may have its memory by now */
	uint16_t lane, row;
	uint64_t moved_ms; /* when something was spent there last */
};

struct rows {
	struct spot *at;
	unsigned int n;
};

/* A VM at a driver domain, or at all of them together. */
struct guarded {
	struct guarded *next;
	struct domain *domain; /* NULL: all */
	uint8_t uuid[16];
	uint16_t domid;
	char name[NAME_MAX_BYTES];
	bool wanted; /* found by the last look */
	uint64_t limit; /* ns in a second; 0: none */
	uint64_t owed, owed_until_ms; /* the same for a debt, until then */
	unsigned int weight;
	struct guard guard;
	struct share_vm share;
	struct rows row, fresh; /* its open payer rows where limits act; as just found */
	struct account **account;
	unsigned int accounts;
	struct spot *spot; /* lanes on which it spent something, */
	struct guard_lane *lane; /* and what the guard knows of each */
	unsigned int lanes, room;
	unsigned int deaf; /* of those, at backends that never ask */
	unsigned int open;
	unsigned int never; /* rows there, whether limits act or not */
	uint64_t paid, moved_ms; /* what it spent in all, and when that last grew */
};

struct allow {
	struct guarded *first;
	uint64_t ticked_ns;
	uint64_t found_ms; /* the list was made anew */
};

/* Which of a row's two allowances the VM's is. */
static inline unsigned int allow_which(const struct guarded *g)
{
	return g->domain ? 0 : 1;
}

/* There are limits, or shares, whether they act or not. */
static inline bool allow_wanted(const struct worker *w)
{
	return w->share || w->quotas.n || w->conf.quotas.n || now_ms() < w->owed_until_ms;
}

/* It has a row where limits act. */
static inline bool allow_active(const struct guarded *g)
{
	return g->row.n;
}

/* allow_who.c: fills the list anew; who is not in it any more is let go. */
void allow_find(struct worker *w);
/* false: no memory; the lane stays without a limit until the next tick. */
bool allow_add_lane(struct guarded *g, const struct spot *at);
/* What stands in the page for that row, where it is not what it should be. */
void allow_write(struct link *k, unsigned int lane, unsigned int row, uint64_t now_ms);
/* That row is not limited by this one any more. */
void allow_let_go(const struct guarded *g, const struct spot *row, uint64_t now_ms);
/* allow_share.c: each VM's part of its driver domain, where that is busy. */
void allow_share(struct worker *w, uint64_t tick_ns);

#endif
