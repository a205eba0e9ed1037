/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * model.c - see model.h.  Rows are divided by the root of the window's time, so that
 * the noise of each has the same variance.
 */
#include "common/model.h"

#include <math.h>
#include <string.h>

#define D COSTS
#define KEEP 0.98 /* of what is known along a row, when the row is seen again */
#define FIRST_NOISE 0.05 /* standard deviation of the first window's time, of 1 */
#define LEAST_NOISE 0.002 /* no window is more certain than that */
#define FAR 4.0 /* standard deviations: farther than that counts as that far */
#define DOUBT 0.8 /* of what is known, when a window is that far off */
#define NOISE_OVER 50.0 /* windows */
#define SWEEPS 60
#define SURE 1e6 /* of a driver whose ratio holds for ever: 1/spread^2, relative */

void model_packets(struct model *m, unsigned int send_pm)
{
	const double send = send_pm / 1000.0;
	const struct model_prior rule = {
		.ratio = { [COST_SEND] = send, [COST_RECEIVE] = 1 },
		.spread = { [COST_BATCH] = 5,
			    [COST_SEND] = 5,
			    [COST_RECEIVE] = 5,
			    [COST_KIB] = 0.5 },
	};

	model_init(m, &rule);
}

void model_init(struct model *m, const struct model_prior *prior)
{
	memset(m, 0, sizeof(*m));
	m->prior = *prior;
	memcpy(m->weight, prior->ratio, sizeof(m->weight));
	memcpy(m->mean, prior->ratio, sizeof(m->mean));
}

static void row(const struct payer_part *p, double x[D])
{
	for (int d = 0; d < D; d++)
		x[d] = (double)p->driver[d];
	x[COST_BATCH] /= PARTITION_BATCH;
}

static double dot(const double *a, const double *b)
{
	double s = 0;

	for (int d = 0; d < D; d++)
		s += a[d] * b[d];
	return s;
}

static void times(double a[D][D], const double *x, double *y)
{
	for (int d = 0; d < D; d++)
		y[d] = dot(a[d], x);
}

double model_worth(const struct model *m, const struct payer_part *p)
{
	double x[D];

	row(p, x);
	return dot(m->weight, x);
}

/* ------------------------------------------------------------------ */
/* What is known                                                       */

/* 1/variance of the prior. */
static double prior_info(const struct model *m, int d)
{
	double sd = m->prior.spread[d] * m->scale;

	return sd > 0 ? 1 / (sd * sd) : SURE / (m->scale * m->scale);
}

static void total(const struct model *m, double a[D][D])
{
	for (int i = 0; i < D; i++)
		for (int j = 0; j < D; j++)
			a[i][j] = m->seen[i][j] / m->noise;
	for (int d = 0; d < D; d++)
		a[d][d] += prior_info(m, d);
}

/* Inverse of a symmetric positive definite matrix, in place: Gauss-Jordan needs no pivots. */
static void invert(double a[D][D])
{
	for (int k = 0; k < D; k++) {
		double p = a[k][k];

		a[k][k] = 1;
		for (int j = 0; j < D; j++)
			a[k][j] /= p;
		for (int i = 0; i < D; i++) {
			double f = a[i][k];

			if (i == k)
				continue;
			a[i][k] = 0;
			for (int j = 0; j < D; j++)
				a[i][j] -= f * a[k][j];
		}
	}
}

/* The best weights that are not negative: descent along one after the other. */
static void limit(struct model *m)
{
	double a[D][D], away[D], g;

	total(m, a);
	for (int d = 0; d < D; d++)
		m->weight[d] = m->mean[d] > 0 ? m->mean[d] : 0;
	for (int sweep = 0; sweep < SWEEPS; sweep++)
		for (int d = 0; d < D; d++) {
			for (int i = 0; i < D; i++)
				away[i] = m->weight[i] - m->mean[i];
			g = dot(a[d], away) / a[d][d];
			m->weight[d] = m->weight[d] > g ? m->weight[d] - g : 0;
		}
}

/* ------------------------------------------------------------------ */
/* Learning                                                            */

/* Forgets along x only. */
static void forget(struct model *m, const double *x)
{
	double v[D], q;

	times(m->seen, x, v);
	q = dot(x, v);
	if (!(q > 0))
		return;
	for (int i = 0; i < D; i++)
		for (int j = 0; j < D; j++)
			m->seen[i][j] -= (1 - KEEP) * v[i] * v[j] / q;
}

static void begin(struct model *m, double ns, const double *x)
{
	double units = dot(m->prior.ratio, x);

	if (!(units > 0))
		return;
	m->scale = ns / units;
	for (int d = 0; d < D; d++)
		m->mean[d] = m->weight[d] = m->prior.ratio[d] * m->scale;
	m->noise = FIRST_NOISE * FIRST_NOISE * ns;
}

static void doubt(struct model *m)
{
	for (int i = 0; i < D; i++)
		for (int j = 0; j < D; j++)
			m->seen[i][j] *= DOUBT;
}

/* e: what the window has more than the mean says, in its standard form. */
static double surprise(struct model *m, double ns, const double *x, double y)
{
	double e = y - dot(m->mean, x), sd = sqrt(m->noise);
	double var, least = LEAST_NOISE * LEAST_NOISE * ns, v[D];

	if (fabs(e) > FAR * sd) { /* an outlier; many of them: costs have changed */
		e = e > 0 ? FAR * sd : -FAR * sd;
		doubt(m);
	}
	times(m->cov, x, v);
	/* what the weights do not know is no noise of the window */
	var = e * e / (1 + dot(x, v) / m->noise);
	m->noise += (var - m->noise) / NOISE_OVER;
	m->noise = m->noise > least ? m->noise : least;
	return e;
}

void model_learn(struct model *m, uint64_t ns, const struct payer_part *p, size_t n)
{
	double x[D] = { 0 }, each[D], v[D], e, root = sqrt((double)ns);

	for (size_t i = 0; i < n; i++) {
		row(&p[i], each);
		for (int d = 0; d < D; d++)
			x[d] += each[d];
	}
	if (!ns || !(dot(x, x) > 0))
		return; /* nothing that could teach */
	if (!(m->scale > 0))
		begin(m, (double)ns, x);
	if (!(m->scale > 0))
		return;
	for (int d = 0; d < D; d++)
		x[d] /= root;
	e = surprise(m, (double)ns, x, root);
	forget(m, x);
	for (int i = 0; i < D; i++)
		for (int j = 0; j < D; j++)
			m->seen[i][j] += x[i] * x[j];
	total(m, m->cov);
	invert(m->cov);
	times(m->cov, x, v);
	for (int d = 0; d < D; d++)
		m->mean[d] += v[d] * e / m->noise;
	limit(m);
	m->windows++;
}

/* ------------------------------------------------------------------ */
/* How sure                                                            */

/* By the derivative of the part, ns w.x / w.X, after the weights. */
uint64_t model_error(const struct model *m, uint64_t ns, const struct payer_part *p, size_t n,
		     size_t i)
{
	double mine[D], all[D] = { 0 }, each[D], g[D], v[D], c[D][D], worth, sum, var;

	for (size_t j = 0; j < n; j++) {
		row(&p[j], each);
		for (int d = 0; d < D; d++)
			all[d] += each[d];
	}
	row(&p[i], mine);
	worth = dot(m->weight, mine);
	sum = dot(m->weight, all);
	if (!(sum > 0) || !m->windows)
		return ns;
	for (int d = 0; d < D; d++)
		g[d] = (double)ns * (mine[d] / sum - worth * all[d] / (sum * sum));
	memcpy(c, m->cov, sizeof(c));
	times(c, g, v);
	var = dot(g, v);
	/* and each payer's own noise, of which the sum is known */
	var += (double)ns * m->noise * (worth / sum) * (1 - worth / sum);
	var = var > 0 ? 1.96 * sqrt(var) : 0;
	return var < (double)ns ? (uint64_t)var : ns;
}
