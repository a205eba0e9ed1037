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

/* A payer on a lane. */
struct lane_row {
	uint64_t weight; /* ns posted that he pays, not yet charged */
	uint64_t sent; /* of that, what others received */
	uint64_t spent; /* ns posted for him in this epoch: what his allowance is compared with */
	uint64_t paid; /* ns posted that he pays, since we attached */
	uint64_t allowed[2]; /* allow.c: at this driver domain, in all; 0: no limit */
	uint64_t idle[2]; /* allow.c: of `spent`, when it was not followed any more */
	uint64_t written; /* the allowance that stands in the page */
	uint64_t written_ms;
	uint8_t listed; /* allow.c: bit of each of the two that knows this row */
	uint8_t met; /* the same: `idle` counts */
};

struct lane {
	struct lane_entry is; /* as of the last drain */
	struct lane_entry stored; /* as of the last commit */
	struct lane_row *row; /* by payer; NULL: nothing was posted yet */
	uint16_t *touched; /* payers with a weight */
	unsigned int ntouched;
	uint16_t *used; /* payers for whom something was spent */
	unsigned int nused;
	uint64_t overflow_ns; /* spent for somebody, nobody knows for whom */
	bool had_known; /* what was spent before we attached is */
	bool fresh; /* never stored */
	uint64_t looked_ns; /* charge.c: at its clock, CLOCK_MONOTONIC */
	uint64_t since_ns; /* last look that did not see the clock's present value; 0: none */
};

struct link {
	struct link *next;
	uint64_t serial; /* of all that there were */
	struct domain *domain;
	struct acctring_reader *reader;
	enum link_state state;
	bool dirty;
	bool held; /* by the holder */
	bool never_asks; /* as it says: no allowance matters there */
	const char *tell; /* what to tell the peer once it is durable */
	bool told; /* peer nodes say so */
	struct epoch e;
	unsigned int npayers;
	struct payer *payer;
	unsigned int rows_seen; /* allow.c: payer rows below it were opened */
	struct lane *lane;
	unsigned int unresolved; /* payer rows */
	uint64_t drained_ms; /* when the last drain ended */
	uint64_t skipped; /* acctring_reader_skipped(), as said in the log */
};

/* What is known of its payers; lane_ready() false: no memory. */
bool lane_ready(const struct link *k, struct lane *l);
void lane_free(struct lane *l);
/* As the ledger has it; `old`: the lanes, `known`: the epoch.  0 or -errno. */
int lanes_load(struct worker *w, struct link *k, const struct lane_entry *old, bool known);
/* `spent` is all that was posted there in this epoch, so it can be limited. */
bool lane_known(const struct link *k, unsigned int lane);
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
