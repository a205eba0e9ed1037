/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record.c - a world from its beginning to its end, samples of it, and what is printed.
 */
#include "tests/sim/world.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *out_dir;
static FILE *file;

void world_init(struct world *w, const struct sched *sched, unsigned int cpus, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	sim_init(&w->sim, sched, cpus, seed);
	balance_defaults(&w->collector.params);
	w->collector.params.max_share_pm = 1000;
}

void world_free(struct world *w)
{
	load_free(w);
	sim_free(&w->sim);
}

struct driver *world_driver(struct world *w, struct dom *dom)
{
	struct driver *d = &w->driver[w->drivers++];

	d->dom = dom;
	dom->fetch = driver_fetch;
	dom->arg = d;
	for (unsigned int i = 0; i < VCPUS; i++)
		for (unsigned int r = 0; r < ROWS; r++)
			d->lane[i].tail[r] = &d->lane[i].queue[r];
	for (unsigned int r = 0; r < ROWS; r++)
		d->sharer[r].weight = 256;
	return d;
}

struct stream *world_stream(struct world *w, const struct stream *st)
{
	w->stream[w->streams] = *st;
	return &w->stream[w->streams++];
}

uint64_t world_truth(const struct world *w, unsigned int dom)
{
	uint64_t ns = 0;

	for (unsigned int i = 0; i < w->drivers; i++)
		ns += w->driver[i].truth[dom] + w->driver[i].truth[DOMS + dom];
	return ns;
}

uint64_t world_charged(const struct world *w, unsigned int dom)
{
	uint64_t ns = 0;

	for (unsigned int i = 0; i < w->drivers; i++)
		ns += w->driver[i].charged[dom] + w->driver[i].charged[DOMS + dom];
	return ns;
}

static double grown(uint64_t *seen, uint64_t now)
{
	double by = (double)(now - *seen);

	*seen = now;
	return by / (double)SAMPLE * 100;
}

static void sample(struct sim *s, void *arg)
{
	struct world *w = arg;
	unsigned int t = w->samples;

	if (t == SAMPLES)
		return;
	for (unsigned int i = 0; i < s->doms; i++) {
		w->own[i][t] = grown(&w->own_seen[i], s->dom[i].ran_ns);
		w->cost[i][t] = grown(&w->cost_seen[i], world_truth(w, i));
	}
	for (unsigned int i = 0; i < w->drivers; i++)
		w->driver_busy[i][t] = grown(&w->busy_seen[i], w->driver[i].dom->ran_ns);
	w->samples++;
	sim_at(s, s->now + SAMPLE, sample, w);
}

void world_run(struct world *w, uint64_t until)
{
	if (!w->sim.now) {
		sim_at(&w->sim, SAMPLE, sample, w);
		for (unsigned int i = 0; i < w->streams; i++)
			stream_begin(w, &w->stream[i]);
		for (unsigned int i = 0; i < w->drivers; i++)
			driver_begin(w, &w->driver[i]);
		collector_begin(w);
	}
	sim_run(&w->sim, until + 1);
}

/* ------------------------------------------------------------------ */
/* Figures                                                             */

double mean(const double *v, unsigned int n)
{
	double s = 0;

	for (unsigned int i = 0; i < n; i++)
		s += v[i];
	return n ? s / n : 0;
}

double deviation(const double *v, unsigned int n)
{
	double m = mean(v, n), s = 0;

	for (unsigned int i = 0; i < n; i++)
		s += (v[i] - m) * (v[i] - m);
	return n ? sqrt(s / n) : 0;
}

double worst_window(const double *v, unsigned int from, unsigned int to, unsigned int each,
		    double aim)
{
	double most = 0;

	for (unsigned int t = from; t + each <= to; t++)
		most = fmax(most, fabs(mean(v + t, each) - aim));
	return most;
}

double highest_window(const double *v, unsigned int from, unsigned int to, unsigned int each)
{
	double most = 0;

	for (unsigned int t = from; t + each <= to; t++)
		most = fmax(most, mean(v + t, each));
	return most;
}

double settled(const double *v, unsigned int from, unsigned int to, double aim, double by)
{
	for (unsigned int t = to - 10; t > from; t--)
		if (fabs(mean(v + t, 10) - aim) > by)
			return (t + 1 - from) * 0.1;
	return 0;
}

double percentile(const struct stream *st, double part)
{
	uint64_t all = 0, upto = 0;

	for (unsigned int i = 0; i < BUCKETS; i++)
		all += st->latency[i];
	for (unsigned int i = 0; i < BUCKETS; i++) {
		upto += st->latency[i];
		if ((double)upto >= part * (double)all)
			return pow(2, (i + 0.5) / 16);
	}
	return 0;
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void tsv_open(const char *name, const char *head)
{
	char path[512];

	if (!out_dir)
		return;
	snprintf(path, sizeof(path), "%s/%s.tsv", out_dir, name);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(1);
	}
	fprintf(file, "%s\n", head);
}

void tsv(const char *fmt, ...)
{
	va_list ap;

	if (!file)
		return;
	va_start(ap, fmt);
	vfprintf(file, fmt, ap);
	va_end(ap);
	putc('\n', file);
}

void tsv_close(void)
{
	if (file && fclose(file)) {
		perror("tsv");
		exit(1);
	}
	file = NULL;
}
