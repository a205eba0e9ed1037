/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * openlink.c - see openlink.h.
 */
#include "backend/openlink.h"

#include "common/log.h"

#include <errno.h>
#include <string.h>

#define PAYERS_A_PAGE (ACCTRING_PAYERS_PER_PAGE - ACCTRING_PAYER_HOLE)

/*
 * Rows cost a page of each lane for every 248 of them: when nobody asked
 * for a number, and the pages are too many for a link or for this domain,
 * fewer will do.
 */
struct acctring *link_open(struct acctring_options *o)
{
	struct acctring *r = NULL;
	bool asked = o->payers;
	int pages, err;

	if (!asked)
		o->payers = LINK_PAYERS;
	for (;;) {
		pages = acctring_pages(o, true);
		if (pages > 0)
			r = acctring_open(o);
		if (r)
			return r;
		err = pages > 0 ? errno : -pages;
		if (asked || o->payers <= PAYERS_A_PAGE || (err != EINVAL && err != ENOSPC))
			break;
		o->payers -= PAYERS_A_PAGE;
	}
	die(EXIT_ENV, "cannot open the accounting link (%d pages needed): %s", pages,
	    strerror(err));
}
