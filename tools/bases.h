/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bases.h - acctctl ledger --basis: how sure a bill is.
 */
#ifndef TOOLS_BASES_H
#define TOOLS_BASES_H

#include "tools/ledger.h"

#include <jansson.h>

void bases_table(const struct ledger *l);
/* direct_ns .. high_ns of a VM, null where they are not known. */
void bases_json(json_t *o, const struct snap_basis *b);

#endif
