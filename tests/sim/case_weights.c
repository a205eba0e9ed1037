/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * case_weights.c - uncapped VMs, weights 256/256/512: own CPU and what is charged, together, by
 * weight while all wait; and nothing of it while nobody does.
 */
#include "tests/sim/cases.h"

#include <math.h>

struct ratios {
	double sum[3], served;
};

static struct ratios three(const struct sched *sched, double kappa, bool debt, bool others,
			   bool capture)
{
	struct dom *dd, *vm[3];
	struct stream st;
	struct ratios is;

	world_init(&world, sched, 3, seed);
	dd = sim_dom(&world.sim, "driver", 2, 7, 1024, 0);
	vm[0] = sim_dom(&world.sim, "io", 2, 7, 256, 0);
	vm[1] = sim_dom(&world.sim, "cpu-256", 2, 7, 256, 0);
	vm[2] = sim_dom(&world.sim, "cpu-512", 2, 7, 512, 0);
	world_driver(&world, dd)->batch_ns = 5 * US;
	sim_hog(&world.sim, vm[1], others);
	sim_hog(&world.sim, vm[2], others);
	st = request("io", vm[0]->nth, 0, 0, 200 * US, (uint64_t)(kappa * 200 * US));
	st.inflight = 32;
	world_stream(&world, &st);
	if (debt) {
		world.collector.window_ns = sched == &sched_credit ? 300 * MS : 100 * MS;
		if (sched == &sched_credit)
			balance_defaults_credit(&world.collector.params);
		world.collector.params.max_share_pm = 10000;
		world.collector.from = capture ? 20 * SECOND : 0;
		for (int i = 0; i < 3; i++)
			world_manage(&world, vm[i]);
	}
	world_run(&world, 60 * SECOND);
	for (int i = 0; i < 3; i++)
		is.sum[i] = mean(world.own[vm[i]->nth] + 300, 300) +
			    mean(world.cost[vm[i]->nth] + 300, 300);
	is.served = 0;
	for (int t = 300; t < 600; t++)
		is.served += world.stream[0].done_at[t] / 30.0;
	return is;
}

static void one(const struct sched *sched, double kappa)
{
	struct ratios off, on, quiet_off, quiet_on;

	off = three(sched, kappa, false, true, false);
	world_free(&world);
	on = three(sched, kappa, true, true, false);
	world_free(&world);
	quiet_off = three(sched, kappa, false, false, false);
	world_free(&world);
	quiet_on = three(sched, kappa, true, false, false);
	world_free(&world);
	say("weights sched=%s kappa=%.1f off=%.3f:%.3f:%.3f on=%.3f:%.3f:%.3f quiet=%.4f",
	    sched->name, kappa, off.sum[0] / off.sum[1], 1.0, off.sum[2] / off.sum[1],
	    on.sum[0] / on.sum[1], 1.0, on.sum[2] / on.sum[1], quiet_on.served / quiet_off.served);
}

/*
 * As on the emulated machine of docs/xen-lab.md: one CPU for all, dom0 and the driver domain first,
 * the collector up to 400 ms late, and who waits is what Xen says of that moment.
 */
static void crowded(double kappa, unsigned int inflight)
{
	struct stream busy = { .name = "dom0", .hops = 1, .rate = 60 };
	struct dom *dom0, *dd, *vm[3];
	struct stream st;
	double sum[3];

	world_init(&world, &sched_credit2, 1, seed);
	dom0 = sim_dom(&world.sim, "dom0", 1, 1, 2048, 0);
	dd = sim_dom(&world.sim, "driver", 1, 1, 2048, 0);
	vm[0] = sim_dom(&world.sim, "io", 1, 1, 256, 0);
	vm[1] = sim_dom(&world.sim, "cpu-256", 1, 1, 256, 0);
	vm[2] = sim_dom(&world.sim, "cpu-512", 1, 1, 512, 0);
	world_driver(&world, dd)->batch_ns = 5 * US;
	sim_hog(&world.sim, vm[1], true);
	sim_hog(&world.sim, vm[2], true);
	st = request("io", vm[0]->nth, 0, 0, MS, (uint64_t)(kappa * (double)MS));
	st.inflight = inflight;
	world_stream(&world, &st);
	busy.hop[0] = (struct hop){ false, dom0->nth, 0, 4 * MS };
	world_stream(&world, &busy);
	world.collector.window_ns = 100 * MS;
	world.collector.late_ns = 400 * MS;
	world.collector.sampled = true;
	world.collector.params.max_share_pm = 10000;
	for (int i = 0; i < 3; i++)
		world_manage(&world, vm[i]);
	world_run(&world, 120 * SECOND);
	for (int i = 0; i < 3; i++)
		sum[i] = mean(world.own[vm[i]->nth] + 300, 900) +
			 mean(world.cost[vm[i]->nth] + 300, 900);
	say("crowded sched=credit2 kappa=%.1f inflight=%u on=%.3f:%.3f:%.3f", kappa, inflight,
	    sum[0] / sum[1], 1.0, sum[2] / sum[1]);
	world_free(&world);
}

void case_crowded(void)
{
	crowded(0.5, 32);
	crowded(1, 32);
	crowded(2, 32);
	crowded(2, 1);
}

void case_weights(void)
{
	static const double kappa[] = { 0.5, 1, 2 };

	for (unsigned int k = 0; k < sizeof(kappa) / sizeof(*kappa); k++)
		one(&sched_credit2, kappa[k]);
	one(&sched_credit, 1);
	three(&sched_credit2, 1, true, true, true);
	tsv_open("weights", "s\tio\tcpu_256\tcpu_512");
	for (int t = 0; t + 10 <= 600; t += 10)
		tsv("%d\t%.2f\t%.2f\t%.2f", t / 10,
		    mean(world.own[1] + t, 10) + mean(world.cost[1] + t, 10),
		    mean(world.own[2] + t, 10), mean(world.own[3] + t, 10));
	tsv_close();
	world_free(&world);
}
