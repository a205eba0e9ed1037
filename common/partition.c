/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * partition.c - see partition.h.
 */
#include "common/partition.h"

#include "common/divide.h"
#include "common/model.h"

#include <stdlib.h>

#define SPAN_MAX (1ull << 50)
#define WORTH_ONE 1099511627776.0 /* 2^40: grain of weights that are not whole */

bool partition_active(const struct payer_part *p)
{
	uint64_t any = p->span_ns;

	for (int d = 0; d < COSTS; d++)
		any |= p->driver[d];
	return any != 0;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

#define ALIKE_ONE (1u << 20)

/* Its part of all that there was is the same of each driver. */
static bool alike(const struct payer_part *p, const uint64_t all[COSTS])
{
	uint64_t least = ALIKE_ONE, most = 0;

	for (int d = 0; d < COSTS; d++) {
		uint64_t part = all[d] ? part_ns(ALIKE_ONE, p->driver[d], all[d]) : 0;

		if (!all[d])
			continue;
		least = part < least ? part : least;
		most = part > most ? part : most;
	}
	return most - (least < most ? least : most) <= most / 16;
}

bool partition_alike(const struct payer_part *p, size_t n)
{
	uint64_t all[COSTS] = { 0 };
	bool same = true;

	for (size_t i = 0; i < n; i++)
		for (int d = 0; d < COSTS; d++)
			all[d] = add(all[d], p[i].driver[d]);
	for (size_t i = 0; i < n && same; i++)
		same = alike(&p[i], all);
	return same;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Adds to each part its share of `ns` by weight. */
static bool spread(uint64_t ns, const uint64_t *weight, struct payer_part *p, size_t n)
{
	uint64_t *part = calloc(n, sizeof(*part));
	bool done = part && divide_ns(ns, weight, (unsigned int)n, part);

	for (size_t i = 0; done && i < n; i++)
		p[i].ns += part[i];
	free(part);
	return done;
}

static bool evenly(uint64_t ns, uint64_t *weight, struct payer_part *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		weight[i] = partition_active(&p[i]);
	return spread(ns, weight, p, n);
}

static bool by_driver(uint64_t ns, uint64_t *weight, struct payer_part *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		weight[i] = add(p[i].driver[COST_SEND], p[i].driver[COST_RECEIVE]);
	if (spread(ns, weight, p, n))
		return true;
	for (size_t i = 0; i < n; i++)
		weight[i] = p[i].driver[COST_KIB];
	if (spread(ns, weight, p, n))
		return true;
	for (size_t i = 0; i < n; i++)
		weight[i] = p[i].driver[COST_BATCH];
	return spread(ns, weight, p, n);
}

/* Spans first; what is left is the cost of batches. */
static bool by_span(uint64_t ns, uint64_t *weight, struct payer_part *p, size_t n)
{
	uint64_t spans = 0, batches = 0;

	for (size_t i = 0; i < n; i++) {
		weight[i] = min_u64(p[i].span_ns, SPAN_MAX);
		spans = add(spans, weight[i]);
		batches |= p[i].driver[COST_BATCH];
	}
	if (spans && (spans >= ns || !batches))
		return spread(ns, weight, p, n);
	if (spans && !spread(spans, weight, p, n))
		return false;
	for (size_t i = 0; i < n; i++)
		weight[i] = p[i].driver[COST_BATCH];
	return spread(ns - spans, weight, p, n) || by_driver(ns - spans, weight, p, n);
}

static bool by_model(uint64_t ns, const struct model *m, uint64_t *weight, struct payer_part *p,
		     size_t n)
{
	double all = 0;

	for (size_t i = 0; i < n; i++)
		all += model_worth(m, &p[i]);
	for (size_t i = 0; i < n; i++)
		weight[i] = all > 0 ? (uint64_t)(model_worth(m, &p[i]) / all * WORTH_ONE) : 0;
	/* nothing that is there is known to cost anything */
	return spread(ns, weight, p, n) || evenly(ns, weight, p, n);
}

static bool split(enum basis basis, uint64_t ns, const struct model *m, uint64_t *weight,
		  struct payer_part *p, size_t n)
{
	switch (basis) {
	case BASIS_THREAD:
		return by_span(ns, weight, p, n);
	case BASIS_POOL:
		return by_driver(ns, weight, p, n);
	case BASIS_MODEL:
		return by_model(ns, m, weight, p, n);
	default:
		return evenly(ns, weight, p, n);
	}
}

bool partition(enum basis basis, uint64_t ns, const struct model *model, struct payer_part *p,
	       size_t n)
{
	uint64_t *weight = calloc(n ? n : 1, sizeof(*weight));
	bool done;

	for (size_t i = 0; i < n; i++)
		p[i].ns = p[i].error_ns = 0;
	if (!weight || !n) {
		free(weight);
		return false;
	}
	done = split(basis, ns, model, weight, p, n);
	for (size_t i = 0; i < n && !done; i++)
		p[i].ns = 0;
	for (size_t i = 0; i < n && done && basis == BASIS_MODEL; i++)
		p[i].error_ns = model_error(model, ns, p, n, i);
	free(weight);
	return done;
}

void partition_batch(struct payer_part *const *p, size_t k)
{
	uint64_t upto = 0, next;

	for (size_t i = 0; i < k; i++) {
		next = (uint64_t)PARTITION_BATCH * (i + 1) / k;
		p[i]->driver[COST_BATCH] = add(p[i]->driver[COST_BATCH], next - upto);
		upto = next;
	}
}
