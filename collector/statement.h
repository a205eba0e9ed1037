/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * statement.h - reading an accountant's statement (docs/protocol.md, 3.6).
 * The pages are another domain's and may change at any instant: what is
 * named k... points into them, and is copied once, then checked, then used.
 * Pure: given pointers, no Xen.
 */
#ifndef COLLECTOR_STATEMENT_H
#define COLLECTOR_STATEMENT_H

#include <acctring/abi.h>
#include <stdbool.h>

#define STATEMENT_ROWS_PER_PAGE (ACCTRING_PAGE / sizeof(struct acctring_statement_row))
#define STATEMENT_MAX_ROWS (ACCTRING_STATEMENT_MAX_PAGES / 2 * STATEMENT_ROWS_PER_PAGE)

/* What the head page said when it was copied; never read again. */
struct stmt_head {
	uint64_t epoch;
	uint64_t incarnation;
	uint32_t pages; /* row pages */
	uint32_t ref[ACCTRING_STATEMENT_MAX_PAGES];
};

struct statement {
	uint64_t incarnation;
	uint64_t t_ns;
	uint32_t turn;
	uint32_t rows;
	struct acctring_statement_row row[STATEMENT_MAX_ROWS];
	uint32_t dropped; /* rows that do not hold; the first of them, and why: */
	struct acctring_statement_row bad;
	const char *why;
};

/*
 * Copies and checks the head page.  0, or with a static text in *reason:
 *   -ESTALE		the page is somebody else's now
 *   -EPROTONOSUPPORT	another major version
 *   -EPROTO		geometry out of range
 */
int stmt_open(struct stmt_head *head, const struct acctring_statement_page *khead, uint64_t epoch,
	      const char **reason);

/*
 * Copies the valid half and checks it: a row that does not hold is left out,
 * the others are not its fault.  0, -EAGAIN (it changed under our
 * eyes four times: next period), -EPROTO and a static text in *reason.
 * *out is undefined unless 0.
 */
int stmt_copy(struct statement *out, const struct stmt_head *head,
	      const struct acctring_statement_page *khead,
	      const struct acctring_statement_row *krows, const char **reason);

/* The row about a VM at a driver domain; of two the first; NULL. */
const struct acctring_statement_row *stmt_vm(const struct statement *st, uint16_t backend,
					     const uint8_t uuid[16]);

/* false once the accountant's process has ended. */
bool stmt_alive(const struct acctring_statement_page *khead);

#endif
