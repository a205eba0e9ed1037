/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bill.h - what a VM owes to all driver domains together, and the line that
 * says so (docs/protocol.md, 2.3).  Pure.
 */
#ifndef COLLECTOR_BILL_H
#define COLLECTOR_BILL_H

#include <acctring/abi.h>
#include <stdbool.h>
#include <stddef.h>

#define BILL_LINE 512

struct bill {
	uint8_t uuid[16];
	uint64_t charged_ns, posted_ns, units, bytes;
	uint64_t vbd_ns, vif_ns, other_ns;
	uint64_t shared_ns; /* of charged_ns: on pools that VMs share */
	/* what of it the VM's own CPU is to pay; and a sum: what it never will */
	uint64_t debt_ns, uncollected_ns;
	/* and what others that worked for it were charged (through.c) */
	uint64_t passed_ns;
};

/* Sums of all VMs; zeroed: none. */
struct bill_book {
	struct bill *bill;
	size_t bills;
};

void bill_book_free(struct bill_book *book);
/* The VM's bill, made with zeroes when new; NULL: no memory. */
struct bill *bill_of(struct bill_book *book, const uint8_t uuid[16]);
/*
 * Adds a row; false: what is charged is more than 64 bits hold, nothing was
 * added.  What is only claimed saturates.
 */
bool bill_add(struct bill *bill, const struct acctring_statement_row *row);

/*
 * What the row says above its base, in *out; false: some sum is below that
 * (the ledger went back), and those of *out are 0.
 */
bool bill_above(const struct acctring_statement_row *row, const struct acctring_statement_row *base,
		struct acctring_statement_row *out);

/* Some sum of `now` is less than it was; a debt may well be. */
bool bill_went_back(const struct bill *was, const struct bill *now);
bool bill_equal(const struct bill *a, const struct bill *b);

void bill_line(const struct bill *bill, uint64_t unix_s, char line[BILL_LINE]);
/* Reads such a line; false: not one. */
bool bill_parse(const char *line, struct bill *bill);
/* Only the sums of such a line; `prefix` comes before each name. */
bool bill_parse_sums(const char *line, const char *prefix, struct bill *bill);

#endif
