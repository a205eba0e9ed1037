/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bounds.h - how much a VM may have cost at most, whatever the model.
 *
 * Beside what a VM is charged, these may be its cost, and no more: what others were charged for
 * shared pools (BASIS_POOL, BASIS_MODEL) while it used the driver domain, and what
 * of the measured CPU was nobody's meanwhile.  Windows are from one measurement of the
 * domain to the next; a VM used it in those in which something was posted for it, or due from
 * it, or charged to it.
 *
 * What is measured first and claimed a little later looks like nobody's in between: it is taken
 * back from those who got it, as long as they got all that was nobody's from then on.
 */
#ifndef ACCOUNTANT_BOUNDS_H
#define ACCOUNTANT_BOUNDS_H

#include "accountant/domains.h"

struct worker;

/* After a settlement; does nothing before the next measurement. */
void bounds_look(struct worker *w, struct domain *d);
/* Measured, and neither any VM's nor the domain's own. */
uint64_t bounds_unattributed(const struct domain *d);

#endif
