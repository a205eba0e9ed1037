/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring/accountant.h - for accountants: attach, drain, commit, detach.
 *
 * A reader is one link as its accountant sees it.  Nothing that a backend
 * writes is believed: the link page is copied once, positions are our own,
 * records are copied before they are checked, and a link that breaks the
 * protocol is quarantined: every later call on it returns -EPROTO and
 * acctring_reader_reason() says why.
 *
 * Exactly once:
 *
 *	acctring_attach(&r, &how);		// resumes from what is durable
 *	for (;;) {
 *		acctring_drain(r, add_to_accounts, ctx, 0);
 *		acctring_prepare(r);
 *		BEGIN;  store accounts and acctring_reader_lane() of all lanes;  COMMIT
 *		acctring_commit(r);		// only now the backend may reuse slots
 *	}
 *
 * If the COMMIT fails, forget the accounts in memory, detach, and attach
 * again from what is durable.
 *
 * Errors	0 or positive, or -errno.  Nothing is printed.
 * Threads	a reader belongs to one thread at a time.
 * fork		grant mappings are not inherited: use readers only in the
 *		process that attached.
 */
#ifndef ACCTRING_ACCOUNTANT_H
#define ACCTRING_ACCOUNTANT_H

#include <acctring/abi.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct acctring_reader;
struct xengntdev_handle;
struct xenevtchn_handle;

/* What stands in xenstore about a link (docs/protocol.md, "Xenstore"). */
struct acctring_link_id {
	uint64_t epoch;
	uint32_t ref; /* grant reference of the link page */
	uint32_t port; /* the backend's unbound event channel */
	uint32_t slot;
	uint16_t domid; /* of the backend */
	uint16_t zero;
};

/* What must be durable of one lane before acctring_commit(). */
struct acctring_lane_state {
	uint32_t pos; /* records drained, mod 2^32 */
	uint32_t ack; /* `spilled` whose posts are all in `base` */
	uint64_t cpu_ns; /* the lane's CPU clock when last drained */
	uint32_t rows; /* base[0 .. rows-1] count */
	uint32_t zero;
	struct acctring_row_copy base[ACCTRING_ROWS];
};

struct acctring_resume {
	unsigned int lanes;
	const struct acctring_lane_state *lane;
};

struct acctring_attach {
	struct xengntdev_handle *gnttab;
	struct xenevtchn_handle *evtchn; /* NULL: bind no port, no death notice */
	struct acctring_link_id id;
	uint64_t incarnation; /* of our ledger, not 0 */
	/* what our ledger has of this epoch, NULL: never heard of it */
	const struct acctring_resume *resume;
	uint32_t pages_max; /* 0: any; a link of more pages is not mapped */
	uint32_t zero;
};

/*
 * Maps and checks a link and takes its place as reader.  Nothing is written
 * into a page before that page's magic and epoch were found right.
 *   -ESTALE	the page belongs to another epoch or to nobody: leave it alone
 *   -EPROTO	it breaks the protocol; see *reason
 *   -EPROTONOSUPPORT another major version
 *   -ENOSPC	more than `pages_max` pages; only the link page was mapped
 *   other	mapping or binding failed; may be tried again
 * *reason (may be NULL) gets a static text.  Makes system calls.
 */
int acctring_attach(struct acctring_reader **out, const struct acctring_attach *how,
		    const char **reason);

/* What one post, or many spilled posts of one key, cost. */
struct acctring_item {
	uint64_t ns;
	uint64_t bytes;
	uint64_t units;
	uint64_t end; /* 0 for spilled items */
	uint32_t wait; /* 0 for spilled items */
	uint32_t posts; /* 1, or how many posts the sums hold */
	uint16_t lane;
	uint16_t payer; /* row number, < rows of the table; the overflow row: ACCTRING_PAYER_OWN */
	uint16_t cause;
	uint8_t klass; /* 1 .. ACCTRING_CLASSES - 1; the overflow row: ACCTRING_CLASS_OTHER */
	uint8_t flags;
	bool spilled;
	bool overflow; /* from the overflow row: payer unknown */
};

typedef void acctring_drain_fn(void *ctx, const struct acctring_item *item, unsigned int n);

#define ACCTRING_DRAIN_LAST 1u /* the peer is dead: look at all rows, trust no hint */

/*
 * Gives all posts since the last drain to fn, in batches of at most 64.
 * Positions move in memory only.  Returns the number of posts or -EPROTO
 * (quarantined: what was given to fn in this call before the violation
 * stays given, positions cover it).  Takes at most one ring's length per
 * lane, however fast the peer posts.
 */
int64_t acctring_drain(struct acctring_reader *r, acctring_drain_fn *fn, void *ctx,
		       unsigned int flags);

/*
 * Before the COMMIT: leaves word of what it is about to make durable.  Should
 * we die in it, an accountant with another ledger skips that, and does not
 * bill it again.
 */
void acctring_prepare(struct acctring_reader *r);

/* Tells the backend that all drained is durable: moves cons and ack. */
void acctring_commit(struct acctring_reader *r);

/* A sign of life for the backend, every tick. */
void acctring_tick(struct acctring_reader *r);

/*
 * Unmaps and unbinds.  `closing` tells the backend's kernel nothing more
 * than that we are gone: `alive` is cleared.  r is invalid afterwards.
 */
void acctring_detach(struct acctring_reader *r);

unsigned int acctring_reader_lanes(const struct acctring_reader *r);
/* State of a lane as drained so far (what to store), -EINVAL. */
int acctring_reader_lane(const struct acctring_reader *r, unsigned int lane,
			 struct acctring_lane_state *out);
/* Records in the fullest ring that are drained, but not yet committed, and its size. */
uint32_t acctring_reader_fill(const struct acctring_reader *r, uint32_t *slots);
/* The lane's published CPU clock, ns, never less than before. */
uint64_t acctring_reader_cpu(struct acctring_reader *r, unsigned int lane);
/* On what that clock rests, ACCTRING_BASIS_*; what is none of them is ACCTRING_BASIS_MODEL. */
unsigned int acctring_reader_basis(const struct acctring_reader *r, unsigned int lane);
/* A row of the payer table, copied; -ENOENT while the row is free, -EINVAL. */
int acctring_reader_payer(const struct acctring_reader *r, unsigned int payer,
			  struct acctring_payer_row *out);
unsigned int acctring_reader_payers(const struct acctring_reader *r); /* limit of payer numbers */
/* false once the backend's process has ended or closed the link. */
bool acctring_reader_alive(const struct acctring_reader *r);
/* Grant references of the link, the link page's first. */
unsigned int acctring_reader_refs(const struct acctring_reader *r, const uint32_t **refs);
const char *acctring_reader_program(const struct acctring_reader *r);
/* The backend says that it serves without asking: allowances change nothing there. */
bool acctring_reader_never_asks(const struct acctring_reader *r);
/* It says that its clocks are all that its domain's CPUs do. */
bool acctring_reader_tells_all(const struct acctring_reader *r);
/* NULL while all is well. */
const char *acctring_reader_reason(const struct acctring_reader *r);
/* Posts that a rolled-back ledger missed (found at attach), see protocol. */
uint64_t acctring_reader_rolled_back(const struct acctring_reader *r);
/*
 * Another ledger committed of this epoch since ours did, or before: the lanes'
 * CPU clocks up to now are in its bills.
 */
bool acctring_reader_foreign(const struct acctring_reader *r);
/*
 * Posts of that ledger's time that it may or may not have billed (spilled ones
 * that it had not acknowledged; what it was committing): in no account of ours.
 */
uint64_t acctring_reader_skipped(const struct acctring_reader *r);
/*
 * All that was posted on the lane in this epoch is for this ledger, from its
 * first post on, and nothing of it was missed: so that what payers spent there is known,
 * which their allowances are compared with.  false also while the lane has not come.
 */
bool acctring_reader_whole(const struct acctring_reader *r, unsigned int lane);

/*
 * Allowance of a payer on a lane: it may have spent `ns` in all (0: no
 * limit), for the next `lease_ms` (1..1000).  -EINVAL.
 */
int acctring_reader_allow(struct acctring_reader *r, unsigned int lane, unsigned int payer,
			  uint64_t ns, unsigned int lease_ms);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* ACCTRING_ACCOUNTANT_H */
