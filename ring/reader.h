/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A link as its accountant holds it.  k: memory that the backend writes. */
#ifndef RING_READER_H
#define RING_READER_H

#include "ring/drain.h"

#include <xenevtchn.h>
#include <xengnttab.h>

struct reader_lane {
	struct drain drain;
	struct acctring_lane_reply_page *reply; /* payer_pages of them */
	uint32_t committed; /* pos that `cons` has */
	bool cut; /* some of its posts in this epoch are not for this ledger */
	bool come; /* the lane is on these pages: `cons` and `ack` are ours */
};

/* Payer rows as first seen: they may be closed, but not change. */
struct reader_payers {
	struct acctring_payer_row *seen; /* by payer number; state 0: not seen */
	uint32_t cursor;
	const char *reason;
};

struct acctring_reader {
	xengnttab_handle *gnttab;
	xenevtchn_handle *evtchn;
	struct acctring_link_id id;
	uint64_t incarnation;
	struct acctring_link_page link; /* copied once */
	const struct acctring_link_page *klink; /* for `alive` only */
	struct acctring_reply_page *reply;
	char *kpages; /* payer pages, then each lane's page and ring */
	struct acctring_lane_reply_page *replies;
	unsigned int kcount, reply_count;
	int port;
	uint32_t *refs; /* link page first */
	struct reader_payers *payers;
	const char *reason;
	uint64_t rolled_back;
	bool known; /* the ledger has the epoch */
	bool foreign; /* another ledger was there meanwhile */
	struct reader_lane lane[];
};

static inline uint32_t reader_slots(const struct acctring_reader *r)
{
	return r->link.ring_pages * ACCTRING_SLOTS_PER_PAGE;
}

static inline uint32_t reader_payer_limit(const struct acctring_reader *r)
{
	return r->link.payer_pages * ACCTRING_PAYERS_PER_PAGE;
}

/* Where to go on (docs/protocol.md, section 5.5). */
int reader_resume(struct acctring_reader *r, const struct acctring_resume *from,
		  uint64_t last_ledger);

/* Where to go on in a lane, as soon as it has come. */
void reader_lane_come(struct acctring_reader *r, struct reader_lane *l);

/* Looks again at some of the payer rows that were seen; -EPROTO. */
int reader_check_payers(struct acctring_reader *r);

/* Unmaps all that is mapped, and frees. */
void reader_free(struct acctring_reader *r);

uint64_t clock_cycles(uint64_t mult, uint32_t shift, uint64_t ns);

#endif
