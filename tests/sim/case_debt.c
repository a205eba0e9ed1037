/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * case_debt.c - capped VMs: what they and the driver domain for them run, against what
 * they are entitled to.
 */
#include "tests/sim/cases.h"

#include <math.h>

#define GUEST (600 * US) /* of a web request */
#define BEFORE (100 * US) /* in the driver domain: the request comes */
#define AFTER (300 * US) /* and the answer goes */

struct shares {
	double own, driver, served;
};

/* One CPU, as in 2006: VM 60 %, driver domain 40 %. */
static struct dom *one_cpu(const struct sched *sched, double rate, bool debt, uint64_t from)
{
	struct stream st;
	struct dom *vm, *dd;

	world_init(&world, sched, 1, seed);
	dd = sim_dom(&world.sim, "driver", 1, 1, 256, 40);
	vm = sim_dom(&world.sim, "vm", 1, 1, 384, 60);
	world_driver(&world, dd);
	st = request("web", vm->nth, 0, BEFORE, GUEST, AFTER);
	st.rate = rate;
	world_stream(&world, &st);
	if (debt) {
		world.collector.window_ns = sched == &sched_credit ? 300 * MS : 100 * MS;
		world.collector.from = from;
		world_manage(&world, vm);
	}
	return vm;
}

static struct shares run(const struct sched *sched, double rate, bool debt)
{
	const struct dom *vm = one_cpu(sched, rate, debt, 0);
	struct shares is;

	world_run(&world, 40 * SECOND);
	is.own = mean(world.own[vm->nth] + 100, 300);
	is.driver = mean(world.cost[vm->nth] + 100, 300);
	is.served = (double)world.stream[0].done / 40;
	world_free(&world);
	return is;
}

void case_debt(void)
{
	static const struct sched *const all[] = { &sched_sedf, &sched_sedf_wc, &sched_rtds,
						   &sched_credit, &sched_credit2 };

	tsv_open("debt-share", "rate\town\tdriver\tsum\town_debt\tdriver_debt\tsum_debt\tideal");
	for (int rate = 100; rate <= 1200; rate += 100) {
		struct shares off = run(&sched_sedf, rate, false),
			      on = run(&sched_sedf, rate, true);
		double ideal = fmin(60, rate * (double)(GUEST + BEFORE + AFTER) / SECOND * 100);

		say("debt sched=sedf rate=%d sum=%.2f sum_debt=%.2f ideal=%.2f served=%.0f "
		    "served_debt=%.0f",
		    rate, off.own + off.driver, on.own + on.driver, ideal, off.served, on.served);
		tsv("%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f", rate, off.own, off.driver,
		    off.own + off.driver, on.own, on.driver, on.own + on.driver, ideal);
	}
	tsv_close();
	for (unsigned int i = 1; i < sizeof(all) / sizeof(*all); i++) {
		struct shares off = run(all[i], 1000, false), on = run(all[i], 1000, true);

		say("debt sched=%s rate=1000 sum=%.2f sum_debt=%.2f ideal=60", all[i]->name,
		    off.own + off.driver, on.own + on.driver);
	}
}

void case_time(void)
{
	const struct dom *vm = one_cpu(&sched_sedf, 1000, true, 20 * SECOND);
	const double *own = world.own[vm->nth], *cost = world.cost[vm->nth];
	double sum[600];

	world_run(&world, 60 * SECOND);
	tsv_open("debt-time", "s\town\tdriver\tsum");
	for (int t = 0; t < 600; t++) {
		sum[t] = own[t] + cost[t];
		tsv("%.1f\t%.2f\t%.2f\t%.2f", t / 10.0, own[t], cost[t], sum[t]);
	}
	tsv_close();
	say("time before=%.2f after=%.2f settled=%.1f", mean(sum + 100, 100), mean(sum + 300, 300),
	    settled(sum, 200, 600, 60, 2));
	world_free(&world);
}

/* ------------------------------------------------------------------ */
/* Step response                                                       */

struct step {
	double settled, worst, ripple, own, pause, overdrawn; /* pause: ms */
	double static_worst, static_ripple, static_pause; /* under a cap that stays */
};

/* A VM with a cap, beside one that takes the rest; its driver domain has CPUs of its own. */
static struct dom *beside(const struct sched *sched, double kappa, unsigned int cap, uint64_t from)
{
	struct stream st;
	struct dom *vm, *other, *dd;

	world_init(&world, sched, 5, seed);
	dd = sim_dom(&world.sim, "driver", 4, 0x1e, 256, 0);
	vm = sim_dom(&world.sim, "vm", 1, 1, 512, cap);
	other = sim_dom(&world.sim, "other", 1, 1, 256, 0);
	world_driver(&world, dd)->batch_ns = 5 * US;
	sim_hog(&world.sim, other, true);
	st = request("transfer", vm->nth, 0, 0, 200 * US, (uint64_t)(kappa * 200 * US));
	st.inflight = 32;
	st.from = from;
	world_stream(&world, &st);
	return vm;
}

static struct step step(const struct sched *sched, double kappa, const char *name)
{
	const bool slow = sched == &sched_credit;
	struct dom *vm = beside(sched, kappa, step_entitled, 10 * SECOND);
	double sum[600];
	struct step is;

	world.collector.window_ns = slow ? 300 * MS : 100 * MS;
	if (slow)
		balance_defaults_credit(&world.collector.params);
	world.collector.params.max_share_pm = 10000;
	world_manage(&world, vm);
	world_run(&world, 20 * SECOND);
	vm->vcpu[0].pause_ns = 0;
	world_run(&world, 60 * SECOND);
	for (int t = 0; t < 600; t++) {
		sum[t] = world.own[vm->nth][t] + world.cost[vm->nth][t];
		if (name)
			tsv("%s\t%g\t%.1f\t%.2f\t%.2f", name, kappa, t / 10.0 - 10,
			    world.own[vm->nth][t], sum[t]);
	}
	is.settled = settled(sum, 100, 600, step_entitled, 2);
	is.worst = worst_window(sum, 200, 600, 100, step_entitled);
	is.ripple = deviation(world.own[vm->nth] + 200, 400);
	is.own = mean(world.own[vm->nth] + 200, 400);
	is.pause = (double)vm->vcpu[0].pause_ns / MS;
	is.overdrawn = (double)world.collector.vm[0].balance.uncollected_ns / MS;
	world_free(&world);
	vm = beside(sched, kappa, (unsigned int)lround(is.own), 0);
	world_run(&world, 60 * SECOND);
	for (int t = 0; t < 600; t++)
		sum[t] = world.own[vm->nth][t] + world.cost[vm->nth][t];
	is.static_worst = worst_window(sum, 200, 600, 100, mean(sum + 200, 400));
	is.static_ripple = deviation(world.own[vm->nth] + 200, 400);
	is.static_pause = (double)vm->vcpu[0].pause_ns / MS;
	world_free(&world);
	return is;
}

void case_step(void)
{
	static const struct sched *const all[] = { &sched_credit2, &sched_credit };
	static const double several[] = { 0.1, 0.5, 1, 2, 3, 6 };
	const double *kappa = step_kappa > 0 ? &step_kappa : several;
	const unsigned int kappas = step_kappa > 0 ? 1 : sizeof(several) / sizeof(*several);

	tsv_open("step", "sched\tkappa\ts\town\tsum");
	for (int i = 0; i < 2; i++)
		for (unsigned int k = 0; k < kappas; k++) {
			struct step is = step(all[i], kappa[k], all[i]->name);

			say("step sched=%s kappa=%g settled=%.1f worst=%.2f ripple=%.2f own=%.2f "
			    "pause=%.1f overdrawn=%.0f static_worst=%.2f static_ripple=%.2f "
			    "static_pause=%.1f",
			    all[i]->name, kappa[k], is.settled, is.worst, is.ripple, is.own,
			    is.pause, is.overdrawn, is.static_worst, is.static_ripple,
			    is.static_pause);
		}
	tsv_close();
}
