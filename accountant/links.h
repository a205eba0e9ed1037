/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * links.h - the links we read: attach, drain, charge, detach.
 */
#ifndef ACCOUNTANT_LINKS_H
#define ACCOUNTANT_LINKS_H

#include "accountant/ledger.h"
#include "accountant/payers.h"

struct worker;

enum link_state {
	LINK_HOLDING, /* mapped; the holder does not have it yet */
	LINK_ATTACHED,
	LINK_CLOSING, /* drained to the end; next commit writes the tombstone */
	LINK_LEAVING, /* next commit, then detached; the epoch stays open */
	LINK_REFUSED, /* quarantined */
	LINK_CLOSED, /* nothing but rows whose payer is not known yet */
};

struct lane {
	struct lane_entry is; /* as of the last drain */
	struct lane_entry stored; /* as of the last commit */
	uint64_t *weight; /* by payer: ns posted that he pays, not yet charged */
	uint64_t *sent; /* of that, what others received */
	uint16_t *touched; /* payers with a weight */
	unsigned int ntouched;
	bool fresh; /* never stored */
	uint64_t looked_ns; /* charge.c: at its clock, CLOCK_MONOTONIC */
	uint64_t since_ns; /* last look that did not see the clock's present value; 0: none */
};

struct link {
	struct link *next;
	struct domain *domain;
	struct acctring_reader *reader;
	enum link_state state;
	bool dirty;
	bool held; /* by the holder */
	const char *tell; /* what to tell the peer once it is durable */
	bool told; /* peer nodes say so */
	struct epoch e;
	unsigned int npayers;
	struct payer *payer;
	struct lane *lane;
	unsigned int unresolved; /* payer rows */
	uint64_t drained_ms; /* when the last drain ended */
	uint64_t skipped; /* acctring_reader_skipped(), as said in the log */
};

/* Its weights. */
void lane_free(struct lane *l);
/* Of that driver domain: an epoch is a number that anybody can write. */
struct link *link_find(struct worker *w, unsigned int domid, uint64_t epoch);
/*
 * Maps a link and resumes it from the ledger.  0; or -ESTALE: that epoch is
 * no more; -EPROTO: refused, and noted so; -ENOSPC: limits.h; other: may be
 * tried again.
 */
int link_attach(struct worker *w, struct domain *d, const struct acctring_link_id *id, bool held);
/* The holder's answer to our request. */
void link_held(struct worker *w, const struct acctring_link_id *id, int error);
/* An epoch that was open and can never be read again; its backend is told. */
void link_lost(struct worker *w, struct domain *d, const struct epoch *e);
/* Rows of a closed epoch that wait for their payer. */
void link_restore(struct worker *w, struct domain *d, const struct epoch *e);
void link_detach(struct worker *w, struct link *k);
void link_release(struct worker *w, const struct acctring_link_id *id);
void link_free(struct worker *w, struct link *k);
void link_say(struct worker *w, struct link *k); /* what is durable now */
void link_tell(struct worker *w, struct link *k, const char *state);

/* feed.c: true when there were posts. */
bool link_drain(struct worker *w, struct link *k);
bool link_hurry(const struct link *k); /* a ring is half full */
void link_close(struct worker *w, struct link *k);

/* resolve.c: the row waits for dom0's word; false: no memory. */
bool resolve_later(struct link *k, unsigned int row);
/* None of the link's rows does any more. */
void resolve_never(struct link *k);
/* Asks dom0 a few questions about the domain's rows. */
void resolve_rows(struct worker *w, struct domain *d);

#endif
