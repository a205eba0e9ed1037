/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Weights inside a pool: what is learned from which load, and whether the interval is true. */
#include "common/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WINDOWS 3000
#define LEARNT 300 /* windows before the bills are looked at */
#define VMS 3

static uint64_t state;

static double uniform(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (double)(state >> 11) / (double)(1ull << 53);
}

/* ns a batch, a unit sent, a unit received, a KiB */
static const double truth[COSTS] = { 5000, 1000, 2500, 30 };

enum load {
	STEADY, /* always the same */
	TIED, /* what each sends and receives is in a fixed ratio */
	ON_OFF, /* each on its own */
	RANDOM, /* each driver of each on its own */
	LOADS,
};

static void window(enum load load, struct payer_part *p, double *worth)
{
	for (int i = 0; i < VMS; i++) {
		double level = load == STEADY ? 1 : load == ON_OFF ? uniform() < 0.5 : uniform();
		double rx = i == 0 ? 0.1 : i == 1 ? 1 : 3, size = 1 + 3 * i;

		p[i] = (struct payer_part){ 0 };
		if (load == RANDOM) {
			rx *= 2 * uniform();
			size *= 2 * uniform();
		}
		p[i].driver[COST_SEND] = (uint64_t)(300 * level);
		p[i].driver[COST_RECEIVE] = (uint64_t)(300 * level * rx);
		p[i].driver[COST_KIB] = (uint64_t)(300 * level * (1 + rx) * size);
		p[i].driver[COST_BATCH] = (uint64_t)((load == RANDOM ? 100 * uniform() : 30) *
						     level * PARTITION_BATCH);
		worth[i] = 0;
		for (int d = 0; d < COSTS; d++)
			worth[i] += truth[d] * (double)p[i].driver[d] /
				    (d == COST_BATCH ? PARTITION_BATCH : 1);
	}
}

struct outcome {
	double error; /* mean over windows of the worst VM's, of 1 */
	double held; /* part of windows in which all intervals held the truth */
	double wide; /* mean half width, of 1 */
};

static struct outcome learn(enum load load, double noise, struct model *m)
{
	struct outcome o = { 0 };
	double looked = 0;

	state = 7;
	model_packets(m, 1100);
	for (int t = 0; t < WINDOWS; t++) {
		struct payer_part p[VMS];
		double worth[VMS], all = 0, most = 0;
		bool held = true;

		window(load, p, worth);
		for (int i = 0; i < VMS; i++) {
			worth[i] *= 1 + noise * (2 * uniform() - 1);
			all += worth[i];
		}
		if (!(all > 0))
			continue;
		model_learn(m, (uint64_t)all, p, VMS);
		assert_true(partition(BASIS_MODEL, (uint64_t)all, m, p, VMS));
		for (int i = 0; i < VMS; i++) {
			double e = fabs((double)p[i].ns - worth[i]);

			most = e > most ? e : most;
			/* the noise of the window itself is no error of the weights */
			held = held && e <= (double)p[i].error_ns + 2 * noise * worth[i];
			o.wide += t >= LEARNT ? (double)p[i].error_ns / all / VMS : 0;
		}
		looked += t >= LEARNT;
		o.error += t >= LEARNT ? most / all : 0;
		o.held += t >= LEARNT && held;
	}
	o.error /= looked;
	o.wide /= looked;
	o.held /= looked;
	return o;
}

static void finds_weights(void **ctx)
{
	struct model m;
	struct outcome o = learn(RANDOM, 0.02, &m);

	(void)ctx;
	assert_true(o.error < 0.01 && o.held > 0.95);
	for (int d = 0; d < COSTS; d++)
		assert_true(fabs(m.weight[d] / truth[d] - 1) < 0.1);
	o = learn(ON_OFF, 0.02, &m);
	assert_true(o.error < 0.02 && o.held > 0.95);
}

/* What a load does not show is not learned, and is said: the interval is wide and holds. */
static void knows_what_it_does_not_know(void **ctx)
{
	struct outcome o;
	struct model m;

	(void)ctx;
	o = learn(STEADY, 0.02, &m);
	assert_true(o.held > 0.9 && o.wide > 0.05);
	o = learn(TIED, 0.02, &m);
	assert_true(o.held > 0.9);
}

/* The same window for ever: weights and covariance come to rest. */
static void no_wind_up(void **ctx)
{
	struct payer_part p = { .driver = { PARTITION_BATCH, 10, 20, 30 } };
	struct model m, at;

	(void)ctx;
	model_packets(&m, 1100);
	for (int t = 0; t < 1000; t++)
		model_learn(&m, 100000, &p, 1);
	at = m;
	for (int t = 0; t < 100000; t++)
		model_learn(&m, 100000, &p, 1);
	for (int d = 0; d < COSTS; d++) {
		double sd = m.prior.spread[d] * m.scale;

		assert_true(fabs(m.weight[d] - at.weight[d]) <= 0.01 * (at.weight[d] + 1));
		assert_true(m.cov[d][d] <= sd * sd * 1.000001);
	}
	/* empty windows, and time without anybody, teach nothing */
	at = m;
	p = (struct payer_part){ 0 };
	model_learn(&m, 100000, &p, 1);
	p.driver[COST_SEND] = 1;
	model_learn(&m, 0, &p, 1);
	assert_memory_equal(&m, &at, sizeof(m));
}

/* The cost changes: it is followed, along what is seen. */
static void follows(void **ctx)
{
	struct model m;

	(void)ctx;
	model_packets(&m, 1100);
	state = 7;
	for (int t = 0; t < 2000; t++) {
		double worth[VMS], all = 0;
		struct payer_part p[VMS];

		window(RANDOM, p, worth);
		for (int i = 0; i < VMS; i++)
			all += worth[i] * (t < 1000 ? 1 : 1.5);
		model_learn(&m, (uint64_t)all, p, VMS);
	}
	for (int d = 0; d < COSTS; d++)
		assert_true(fabs(m.weight[d] / truth[d] - 1.5) < 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_weights),
		cmocka_unit_test(knows_what_it_does_not_know),
		cmocka_unit_test(no_wind_up),
		cmocka_unit_test(follows),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
