/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * model.h - what a unit of each driver costs inside one pool, learned from that
 * pool's own clock.  Pure; docs/debt.md says what it can and cannot know.
 *
 * Bayesian linear regression of the pool's time on the sums of its drivers.  Weights are not
 * negative.  The prior is the rule of 2006: cost is proportional to packets, with a factor for
 * sending; its scale comes from the first window.  What was learned is forgotten
 * only along what is seen anew, and the prior never: the covariance is bounded by
 * the prior's, and a load that does not vary teaches its sum, not its parts.
 * Never given the time of a whole domain: there a domain's own work follows its VMs'.
 */
#ifndef COMMON_MODEL_H
#define COMMON_MODEL_H

#include "common/partition.h"

struct model_prior {
	double ratio[COSTS]; /* cost of a unit, in units of any one of them; 0: none known */
	double spread[COSTS]; /* standard deviation of that; 0: the ratio holds for ever */
};

struct model {
	struct model_prior prior;
	double weight[COSTS]; /* ns a unit (a batch, a unit, a KiB), >= 0; result */
	double mean[COSTS]; /* the same without that limit */
	double seen[COSTS][COSTS]; /* the rows' products, decaying */
	double cov[COSTS][COSTS]; /* of mean */
	double scale; /* ns of a prior's unit; 0: nothing seen yet */
	double noise; /* variance of a window's time, for each ns of it */
	uint64_t windows; /* that were learned from */
};

/* Packets count alike but for `send_pm`: what one that is sent costs, of 1/1000 of a received one. */
void model_packets(struct model *m, unsigned int send_pm);
void model_init(struct model *m, const struct model_prior *prior);

/* A window of the pool: its time, and the drivers of all payers. */
void model_learn(struct model *m, uint64_t ns, const struct payer_part *p, size_t n);

/* ns that the payer's drivers are worth. */
double model_worth(const struct model *m, const struct payer_part *p);
/* Half of the 95 % interval of p[i]'s part of `ns`. */
uint64_t model_error(const struct model *m, uint64_t ns, const struct payer_part *p, size_t n,
		     size_t i);

#endif
