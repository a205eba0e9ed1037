/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bill_judge - what bill_backend burned, divided by partition.h and, beside it, by simpler rules.
 *
 *	bill_judge ROWS FILE...
 *
 * FILE: a run of bill_backend, in the order in which the model learns.  A line for each VM in each window of
 * ROWS rows: run, rule, VM, charged ns, true ns, half of the stated interval, ns of the domain.
 */
#include "common/log.h"
#include "common/model.h"
#include "common/partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VMS 3u
#define MOST 100000u
#define SEND_PM 1000u /* the packet rule: a frame is a frame */

enum rule { POOL, MODEL, EQUAL, BYTES, PACKETS, CLOCK, FLAT, RULES };
static const char *const names[RULES] = { "pool",    "model",	     "equal split",    "bytes",
					  "packets", "thread clock", "flat regression" };

struct row {
	uint64_t pool_ns, own;
	struct payer_part vm[VMS];
	uint64_t units[VMS];
};

struct sums {
	double charged[RULES][VMS], truth[VMS], error[VMS], all;
};

static struct row rows[MOST];

static unsigned int load(const char *file)
{
	unsigned int n = 0;
	FILE *f = fopen(file, "re");

	if (!f)
		die(EXIT_ENV, "%s: cannot be read", file);
	while (n < MOST) {
		struct row *r = &rows[n];

		memset(r, 0, sizeof(*r));
		if (fscanf(f, "%" SCNu64 "%" SCNu64, &r->pool_ns, &r->own) != 2)
			break;
		for (unsigned int v = 0; v < VMS; v++) {
			uint64_t *d = r->vm[v].driver;

			if (fscanf(f,
				   "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu64
				   "%" SCNu64,
				   &d[COST_SEND], &d[COST_RECEIVE], &d[COST_KIB], &d[COST_BATCH],
				   &r->vm[v].span_ns, &r->units[v]) != 6)
				die(EXIT_CONFIG, "%s, line %u: not of bill_backend", file, n + 1);
		}
		n++;
	}
	fclose(f);
	return n;
}

/* ns of a unit: what is burned is known up to that */
static double unit_ns(unsigned int n)
{
	double ns = 0, units = 0;

	for (unsigned int i = 0; i < n; i++) {
		ns += (double)rows[i].pool_ns;
		for (unsigned int v = 0; v < VMS; v++)
			units += (double)rows[i].units[v];
	}
	return units > 0 ? ns / units : 0;
}

static double packets(const struct row *r, unsigned int v)
{
	const uint64_t *d = r->vm[v].driver;

	return (double)d[COST_SEND] * SEND_PM / 1000 + (double)d[COST_RECEIVE];
}

static double domain_ns(const struct row *r, double unit)
{
	return (double)r->pool_ns + (double)r->own * unit;
}

/* Weights of each VM's packets, none negative, and what the domain burns by itself: least squares, by coordinates. */
static void flat(unsigned int n, double unit, double w[VMS + 1])
{
	memset(w, 0, (VMS + 1) * sizeof(*w));
	for (int pass = 0; pass < 2000; pass++)
		for (unsigned int k = 0; k <= VMS; k++) {
			double xy = 0, xx = 0;

			for (unsigned int i = 0; i < n; i++) {
				double x = k < VMS ? packets(&rows[i], k) : 1;
				double rest = domain_ns(&rows[i], unit) - (k < VMS ? w[VMS] : 0);

				for (unsigned int v = 0; v < VMS; v++)
					if (v != k)
						rest -= w[v] * packets(&rows[i], v);
				xy += x * rest;
				xx += x * x;
			}
			w[k] = xx > 0 && xy > 0 ? xy / xx : 0;
		}
}

static void split(struct sums *s, enum rule rule, const struct row *r, const double weight[VMS])
{
	double all = 0;

	for (unsigned int v = 0; v < VMS; v++)
		all += weight[v];
	for (unsigned int v = 0; v < VMS && all > 0; v++)
		s->charged[rule][v] += (double)r->pool_ns * weight[v] / all;
}

static void by_partition(struct sums *s, enum rule rule, enum basis basis, const struct row *r,
			 const struct model *m)
{
	struct payer_part p[VMS];

	memcpy(p, r->vm, sizeof(p));
	if (!partition(basis, r->pool_ns, m, p, VMS))
		return;
	for (unsigned int v = 0; v < VMS; v++) {
		s->charged[rule][v] += (double)p[v].ns;
		s->error[v] += basis == BASIS_MODEL ? (double)p[v].error_ns : 0;
	}
}

static void look(struct sums *s, const struct row *r, struct model *m, double unit,
		 const double w[VMS + 1])
{
	double equal[VMS], bytes[VMS], frames[VMS];

	for (unsigned int v = 0; v < VMS; v++) {
		equal[v] = 1;
		bytes[v] = (double)r->vm[v].driver[COST_KIB];
		frames[v] = packets(r, v);
		s->truth[v] += (double)r->units[v] * unit;
		s->charged[FLAT][v] += w[v] * frames[v];
	}
	split(s, EQUAL, r, equal);
	split(s, BYTES, r, bytes);
	split(s, PACKETS, r, frames);
	for (unsigned int v = 0; v < VMS; v++)
		equal[v] = partition_active(&r->vm[v]);
	split(s, CLOCK, r, equal);
	model_learn(m, r->pool_ns, r->vm, VMS);
	by_partition(s, POOL, BASIS_POOL, r, NULL);
	by_partition(s, MODEL, BASIS_MODEL, r, m);
	s->all += domain_ns(r, unit);
}

static void print(const struct sums *s, unsigned int run)
{
	for (unsigned int k = 0; k < RULES; k++)
		for (unsigned int v = 0; v < VMS; v++)
			printf("%u\t%s\t%u\t%.0f\t%.0f\t%.0f\t%.0f\n", run, names[k], 2 + v,
			       s->charged[k][v], s->truth[v], k == MODEL ? s->error[v] : 0, s->all);
}

int main(int argc, char **argv)
{
	unsigned int width = argc > 2 ? (unsigned int)strtoul(argv[1], NULL, 0) : 0;
	struct model m;

	if (!width)
		die(EXIT_USAGE, "usage: bill_judge ROWS FILE...");
	model_packets(&m, SEND_PM);
	for (int f = 2; f < argc; f++) {
		unsigned int n = load(argv[f]);
		double unit = unit_ns(n), w[VMS + 1];
		struct sums s = { 0 };

		flat(n, unit, w);
		for (unsigned int i = 0; i < n; i++) {
			look(&s, &rows[i], &m, unit, w);
			if ((i + 1) % width)
				continue;
			print(&s, (unsigned int)f - 1);
			memset(&s, 0, sizeof(s));
		}
	}
	return 0;
}
