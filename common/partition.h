/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * partition.h - a pool of measured CPU time, split among those who made it work.  Pure.
 *
 * A *pool* is time that a clock measured: of a thread, a process, a softirq, an interrupt.  In one
 * window it is split among its *payers*: by what divides like (spans of a thread, units of a
 * queue), or, where its drivers are unlike, by weights learned inside that pool (model.h).
 * Parts are whole ns, add up to the pool exactly, and depend on nothing but the input.
 *
 * The fixed cost of a batch (a poll, an interrupt, a system call) is shared equally among
 * the payers that it served, which is the Shapley value of a fixed cost: each has 1/k of
 * a batch as a driver.
 */
#ifndef COMMON_PARTITION_H
#define COMMON_PARTITION_H

#include "common/basis.h"

#include <stdbool.h>
#include <stddef.h>

/* What makes a pool work. */
enum cost_driver {
	COST_BATCH, /* 1/PARTITION_BATCH batches */
	COST_SEND, /* units that the VM sent, wrote */
	COST_RECEIVE, /* units that it was sent, read */
	COST_KIB, /* 1024 bytes */
	COSTS,
};

#define PARTITION_BATCH 720720u /* 1/k of it is whole for k up to 16 */

/* A payer in a pool, in one window. */
struct payer_part {
	uint64_t driver[COSTS];
	uint64_t span_ns; /* BASIS_THREAD: elapsed time of its requests */
	uint64_t ns; /* result */
	uint64_t error_ns; /* result, BASIS_MODEL: half of the 95 % interval */
};

struct model;

/*
 * Splits `ns`.  BASIS_DIRECT: evenly among those who are there; there should be one.  BASIS_THREAD: by
 * spans, as far as they are no more than `ns`; what the thread burned outside of them by batches,
 * or by spans where no batches are known.  Spans that are longer than `ns` contain what the
 * thread did not run: they are scaled to it.  BASIS_POOL: by the first driver
 * that anybody has: units (sent and received alike), KiB, batches.  BASIS_MODEL: by `model`.
 * false: nobody was active, all parts are 0 and the time is unattributed; or no memory.
 */
bool partition(enum basis basis, uint64_t ns, const struct model *model, struct payer_part *p,
	       size_t n);

/* Who was active: has a driver or a span. */
bool partition_active(const struct payer_part *p);

/*
 * Those who are active have their drivers in one proportion, to 1/16: what each of these costs
 * makes no difference then.  One alone always has.
 */
bool partition_alike(const struct payer_part *p, size_t n);

/*
 * A batch served these k payers, each perhaps several times: 1/k of it for each.  The parts
 * of PARTITION_BATCH are whole and add up to it.
 */
void partition_batch(struct payer_part *const *p, size_t k);

#endif
