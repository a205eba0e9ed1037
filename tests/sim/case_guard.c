/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * case_guard.c - limits: what an offender gets of a driver domain, and what its neighbours keep.
 */
#include "tests/sim/cases.h"

#include <string.h>

#define FIVE (SECOND / 20)
#define BEGIN 200 /* samples: the offender starts at 20 s */
#define END 600

/* ------------------------------------------------------------------ */
/* As in 2006                                                          */

struct guests {
	double web1, web2, file; /* requests a second, from 5 s after the transfer began */
	double before1, before2; /* and before that */
	double p99_1, p99_2; /* us */
	double share; /* of the driver domain's CPU, per cent: the transfer's */
};

static double rate_of(const struct stream *st, unsigned int from, unsigned int to)
{
	double n = 0;

	for (unsigned int t = from; t < to; t++)
		n += st->done_at[t];
	return n / (to - from) * 10;
}

/* Two CPUs, non-work-conserving: guests 33 % each of one, the driver domain 60 % of the other. */
static struct guests three(bool transfer, uint64_t limit)
{
	struct dom *dd, *vm[3];
	struct stream st;
	struct guests is;

	world_init(&world, &sched_sedf, 2, seed);
	dd = sim_dom(&world.sim, "driver", 1, 1, 256, 60);
	vm[0] = sim_dom(&world.sim, "web-10k", 1, 2, 256, 33);
	vm[1] = sim_dom(&world.sim, "web-100k", 1, 2, 256, 33);
	vm[2] = sim_dom(&world.sim, "transfer", 1, 2, 256, 33);
	world_driver(&world, dd)->batch_ns = 5 * US;
	world.driver[0].limit[vm[2]->nth] = limit;
	st = request("web-10k", vm[0]->nth, 0, 50 * US, 300 * US, 150 * US);
	st.rate = 800;
	world_stream(&world, &st);
	st = request("web-100k", vm[1]->nth, 0, 100 * US, 700 * US, 900 * US);
	st.rate = 300;
	world_stream(&world, &st);
	st = request("transfer", vm[2]->nth, 0, 0, 60 * US, 200 * US);
	st.inflight = 64;
	st.from = 20 * SECOND;
	if (transfer)
		world_stream(&world, &st);
	world_run(&world, 60 * SECOND);
	is.before1 = rate_of(&world.stream[0], 50, BEGIN);
	is.before2 = rate_of(&world.stream[1], 50, BEGIN);
	is.web1 = rate_of(&world.stream[0], BEGIN + 50, END);
	is.web2 = rate_of(&world.stream[1], BEGIN + 50, END);
	is.file = transfer ? rate_of(&world.stream[2], BEGIN + 50, END) : 0;
	is.p99_1 = percentile(&world.stream[0], 0.99);
	is.p99_2 = percentile(&world.stream[1], 0.99);
	is.share = mean(world.cost[vm[2]->nth] + BEGIN, END - BEGIN);
	return is;
}

static void write_tsv(const char *name)
{
	tsv_open(name, "s\tweb_10k\tweb_100k\ttransfer\tcpu_10k\tcpu_100k\tcpu_transfer\tdriver\t"
		       "driver_10k\tdriver_100k\tdriver_transfer");
	for (unsigned int t = 0; t + 10 <= END; t += 10)
		tsv("%u\t%.1f\t%.1f\t%.1f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f", t / 10,
		    rate_of(&world.stream[0], t, t + 10), rate_of(&world.stream[1], t, t + 10),
		    rate_of(&world.stream[2], t, t + 10), mean(world.own[1] + t, 10),
		    mean(world.own[2] + t, 10), mean(world.own[3] + t, 10),
		    mean(world.driver_busy[0] + t, 10), mean(world.cost[1] + t, 10),
		    mean(world.cost[2] + t, 10), mean(world.cost[3] + t, 10));
	tsv_close();
}

static void say_guests(const char *what, const struct guests *is)
{
	say("guard %s web_10k=%.1f of=%.1f web_100k=%.1f of=%.1f transfer=%.1f share=%.2f "
	    "p99_10k_us=%.0f p99_100k_us=%.0f",
	    what, is->web1, is->before1, is->web2, is->before2, is->file, is->share, is->p99_1,
	    is->p99_2);
}

void case_guard(void)
{
	struct guests is = three(false, 0);

	say_guests("alone", &is);
	world_free(&world);
	is = three(true, 0);
	say_guests("off", &is);
	write_tsv("guard-off");
	world_free(&world);
	is = three(true, FIVE);
	say_guests("limit", &is);
	write_tsv("guard-limit");
	world_free(&world);
}

/* ------------------------------------------------------------------ */
/* The limit itself                                                    */

static void limit(unsigned int lanes, uint64_t cost, bool vary, const char *what)
{
	struct dom *dd, *vm, *near;
	struct stream st;
	double mean_share, worst;

	world_init(&world, &sched_credit2, lanes + 2, seed);
	dd = sim_dom(&world.sim, "driver", lanes, (1u << lanes) - 1, 256, 0);
	vm = sim_dom(&world.sim, "offender", 1, 1u << lanes, 256, 0);
	near = sim_dom(&world.sim, "neighbour", 1, 2u << lanes, 256, 0);
	world_driver(&world, dd)->batch_ns = 5 * US;
	world.driver[0].own_ns = 100 * US; /* 1 % */
	world.driver[0].limit[vm->nth] = FIVE;
	st = request("flood", vm->nth, 0, 0, 2 * US, cost);
	st.inflight = 128 * lanes;
	st.vary = vary;
	world_stream(&world, &st);
	st = request("fair", near->nth, 0, 0, 50 * US, 100 * US);
	st.rate = 2000;
	world_stream(&world, &st);
	world_run(&world, 63 * SECOND);
	/* the limit is a rate of a CPU, as charged */
	mean_share = mean(world.cost[vm->nth] + 30, 600);
	worst = highest_window(world.cost[vm->nth], 30, 630, 10);
	say("limit lanes=%u size=%s mean=%.3f worst=%.3f neighbour=%.3f p99_us=%.0f", lanes, what,
	    mean_share, worst, (double)world.stream[1].done / 63 / 2000,
	    percentile(&world.stream[1], 0.99));
	world_free(&world);
}

void case_limit(void)
{
	for (unsigned int lanes = 1; lanes <= 4; lanes *= 2) {
		limit(lanes, 5 * US, false, "small");
		limit(lanes, 300 * US, false, "large");
		limit(lanes, 100 * US, true, "alternating");
	}
}

/* ------------------------------------------------------------------ */
/* Fair shares                                                         */

struct light {
	double done, p50, p99, busy, flood;
};

static struct light light(bool flood, bool share, bool fifo)
{
	struct light is = { 0 };
	struct dom *dd;
	struct stream st;

	world_init(&world, &sched_credit2, 5, seed);
	dd = sim_dom(&world.sim, "driver", 1, 1, 256, 0);
	world_driver(&world, dd)->batch_ns = 5 * US;
	world.driver[0].share = share;
	world.driver[0].fifo = fifo;
	for (int i = 0; i < 10; i++)
		sim_dom(&world.sim, "vm", 1, 0x1e, 256, 0);
	for (unsigned int i = 2; i <= 10; i++) {
		st = request("light", i, 0, 20 * US, 50 * US, 80 * US);
		st.rate = 200; /* 2 % of the driver domain each */
		world_stream(&world, &st);
	}
	st = request("flood", 1, 0, 0, 5 * US, 50 * US);
	st.inflight = 256;
	st.from = SECOND;
	if (flood)
		world_stream(&world, &st);
	world_run(&world, 5 * SECOND);
	for (int i = 0; i < 9; i++)
		memset(world.stream[i].latency, 0, sizeof(world.stream[i].latency));
	world_run(&world, 35 * SECOND);
	for (int i = 0; i < 9; i++) {
		double p = percentile(&world.stream[i], 0.99);

		is.done += rate_of(&world.stream[i], 50, 350) / 9;
		is.p99 = p > is.p99 ? p : is.p99;
		is.p50 += percentile(&world.stream[i], 0.5) / 9;
	}
	is.busy = mean(world.driver_busy[0] + 50, 300);
	is.flood = mean(world.cost[1] + 50, 300);
	world_free(&world);
	return is;
}

void case_share(void)
{
	static const char *const what[] = { "alone", "off", "share" };

	for (int i = 0; i < 6; i++) {
		struct light is = light(i % 3 > 0, i % 3 == 2, i >= 3);

		say("share %s queue=%s light=%.1f p50_us=%.0f p99_us=%.0f busy=%.1f flood=%.2f",
		    what[i % 3], i < 3 ? "each" : "one", is.done, is.p50, is.p99, is.busy,
		    is.flood);
	}
}
