/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * enforce.c - what no cap repays.  While a VM is in debt at its floor, all driver domains
 * together may burn E - floor for it (balance.h, limit): each is told its part, by what it charged
 * the VM in the last seconds, at least an eighth.  It stands in the VM's line (serving.h),
 * and is said anew each few seconds: nobody is limited for long by a collector that is no more.
 */
#include "collector/collector.h"
#include "common/clock.h"
#include "common/divide.h"
#include "common/log.h"

#include <string.h>

#define LEAST 8 /* part of the limit */

static struct debt_vm *owing(const struct collector *c, const struct serving_pair *p)
{
	struct debt_vm *v = vm_by_uuid(c, p->uuid);

	return c->debt.mode == MODE_DEBT && p->on && v && v->domid == p->domid &&
			       v->why == DEBT_ON && v->law.is.limit
		       ? v
		       : NULL;
}

static uint64_t part(struct collector *c, const struct debt_vm *v, uint16_t backend)
{
	uint64_t slot = through_slot(), all = 0, here = 0, ns;
	size_t i, k;

	for (i = 0; i < c->sources; i++)
		for (k = 0; k < c->source[i]->rows; k++) {
			struct kept *row = &c->source[i]->row[k];

			if (memcmp(row->is.uuid, v->e.uuid, 16))
				continue;
			ns = lately_sum(&row->lately, slot);
			all += ns;
			here += row->is.backend == backend ? ns : 0;
		}
	ns = all ? part_ns(v->law.is.limit, here, all) : v->law.is.limit;
	return ns > v->law.is.limit / LEAST ? ns : v->law.is.limit / LEAST;
}

void enforce(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->serving.pairs; i++) {
		struct serving_pair *p = &c->serving.pair[i];
		struct debt_vm *v = owing(c, p);
		bool was = p->limit != 0;

		serving_limit(p, v ? part(c, v, p->backend) : 0, now_ms());
		if (was != (p->limit != 0))
			log_info("domain %u: %s", (unsigned int)p->domid,
				 p->limit ? "no cap repays its debt: driver domains limit it, too"
					  : "its debt is no reason for a limit at driver domains");
	}
}

void enforce_end(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->serving.pairs; i++)
		serving_limit(&c->serving.pair[i], 0, now_ms());
	publish_serving(c);
}
