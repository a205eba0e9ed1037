/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * openlink.h - the link of a backend, with as many payer rows as there is
 * room for.
 */
#ifndef BACKEND_OPENLINK_H
#define BACKEND_OPENLINK_H

#include <acctring/acctring.h>

#define LINK_PAYERS 991u /* default: what four pages hold */

/*
 * o->payers 0: LINK_PAYERS, or fewer where they do not fit; says there how
 * many.  Dies (EXIT_ENV) when no link can be opened.
 */
struct acctring *link_open(struct acctring_options *o);

#endif
