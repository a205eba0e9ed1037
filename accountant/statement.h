/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * statement.h - what dom0 reads: pages granted to it, read-only for it
 * (docs/protocol.md, 3.6).
 */
#ifndef ACCOUNTANT_STATEMENT_H
#define ACCOUNTANT_STATEMENT_H

#include "accountant/view.h"

#include <xenstore.h>

struct statement;

/* NULL and errno: no grants here. */
struct statement *statement_open(struct xs_handle *xs, unsigned int domid);
/* Writes the other half and turns; new pages when the rows need them. */
void statement_write(struct statement *s, const struct view *v);
void statement_close(struct statement *s);

/*
 * Pure: the rows of a view, at most `max`; returns how many.  Driver domains
 * first, then the VMs that changed last.
 */
unsigned int statement_rows(const struct view *v, struct acctring_statement_row *row,
			    unsigned int max);

#endif
