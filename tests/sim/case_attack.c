/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * case_attack.c - who tries to run more than he is entitled to, or to make others run less.
 */
#include "tests/sim/cases.h"

#include "collector/pass.h"

#include <stdlib.h>
#include <string.h>

#define E 60 /* per cent: what a VM is entitled to */
#define FROM 100 /* samples: 10 s */
#define TO 600

static double charged_share(unsigned int dom)
{
	return (double)world_charged(&world, dom) / (double)world.sim.now * 100;
}

/* A victim that works as much as it may; a driver domain with CPUs of its own. */
static struct dom *victim(unsigned int cpus)
{
	struct dom *dd, *vm;

	world_init(&world, &sched_credit2, cpus, seed);
	dd = sim_dom(&world.sim, "driver", 1, 1, 256, 0);
	vm = sim_dom(&world.sim, "victim", 1, 2, 256, E);
	world_driver(&world, dd)->batch_ns = 5 * US;
	sim_hog(&world.sim, vm, true);
	world.collector.window_ns = 100 * MS;
	world_manage(&world, vm);
	return vm;
}

/* ------------------------------------------------------------------ */
/* Floods                                                              */

/* Packets from outside that cost 50 points; with the policy, what exceeds 10 % of E is shed. */
static void outside(bool policy)
{
	struct dom *vm = victim(2);
	struct stream st = { .name = "flood", .rate = 10000, .hops = 2 };

	st.hop[0] = (struct hop){ true, 0, DOMS + vm->nth, 50 * US };
	st.hop[1] = (struct hop){ false, vm->nth, 0, 2 * US };
	world_stream(&world, &st);
	if (policy)
		world.driver[0].limit[DOMS + vm->nth] = SECOND * E / 1000;
	world_run(&world, 60 * SECOND);
	say("flood outside policy=%s own=%.2f driver=%.2f kept=%.3f", policy ? "on" : "off",
	    mean(world.own[vm->nth] + FROM, TO - FROM), mean(world.cost[vm->nth] + FROM, TO - FROM),
	    mean(world.own[vm->nth] + FROM, TO - FROM) / E);
	world_free(&world);
}

/* The same from a VM on this host: who sends pays, or who receives. */
static void neighbour(bool sender)
{
	struct dom *vm = victim(3), *bad = sim_dom(&world.sim, "neighbour", 1, 4, 256, E);
	struct stream st = { .name = "flood", .inflight = 128, .hops = 3 };

	st.hop[0] = (struct hop){ false, bad->nth, 0, 10 * US };
	st.hop[1] = (struct hop){ true, 0, sender ? bad->nth : vm->nth, 50 * US };
	st.hop[2] = (struct hop){ false, vm->nth, 0, 2 * US };
	world_stream(&world, &st);
	world_manage(&world, bad);
	world_run(&world, 60 * SECOND);
	say("flood neighbour pays=%s own=%.2f kept=%.3f billed_neighbour=%.2f billed_victim=%.2f "
	    "neighbour=%.2f",
	    sender ? "sender" : "receiver", mean(world.own[vm->nth] + FROM, TO - FROM),
	    mean(world.own[vm->nth] + FROM, TO - FROM) / E, charged_share(bad->nth),
	    charged_share(vm->nth),
	    mean(world.own[bad->nth] + FROM, TO - FROM) +
		    mean(world.cost[bad->nth] + FROM, TO - FROM));
	world_free(&world);
}

void case_flood(void)
{
	outside(false);
	outside(true);
	neighbour(false);
	neighbour(true);
}

/* ------------------------------------------------------------------ */
/* App, firewall, net                                                  */

/* Two apps; at the net domain a packet of the second costs `unlike` times as much. */
static void chain(double unlike)
{
	struct dom *net, *firewall, *app[2];
	const struct pass *by[DOMS] = { NULL };
	struct pass pass = { 0 };
	uint64_t paid[DOMS] = { 0 }, truth[2];

	world_init(&world, &sched_credit2, 4, seed);
	net = sim_dom(&world.sim, "net", 1, 1, 256, 0);
	firewall = sim_dom(&world.sim, "firewall", 1, 2, 256, 0);
	app[0] = sim_dom(&world.sim, "app1", 1, 4, 256, 0);
	app[1] = sim_dom(&world.sim, "app2", 1, 8, 256, 0);
	world_driver(&world, net);
	world_driver(&world, firewall);
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t at_net = (uint64_t)(i ? 150 * US * unlike : 150 * US);
		struct stream st = {
			.name = "app", .hops = 3, .rate = i ? 1500 : 500, .vary = true
		};

		st.hop[0] = (struct hop){ false, app[i]->nth, 0, 20 * US };
		st.hop[1] = (struct hop){ true, 1, app[i]->nth, 100 * US };
		st.hop[2] = (struct hop){ true, 0, firewall->nth, at_net };
		world_stream(&world, &st);
	}
	world_run(&world, 60 * SECOND);
	for (unsigned int i = 0; i < 2; i++)
		truth[i] = world.stream[i].done *
			   (250 * US + (i ? (uint64_t)(150 * US * (unlike - 1)) : 0));
	for (unsigned int i = 0; i < world.sim.doms; i++)
		paid[i] = world_charged(&world, i);
	pass.ledger = world.driver[1].charged;
	by[firewall->nth] = &pass;
	if (!pass_on(by, paid, DOMS))
		abort();
	say("chain unlike=%.1f app1=%.4f app2=%.4f firewall=%.4f", unlike,
	    (double)paid[app[0]->nth] / (double)truth[0],
	    (double)paid[app[1]->nth] / (double)truth[1],
	    (double)paid[firewall->nth] / (double)(truth[0] + truth[1]));
	world_free(&world);
}

void case_chain(void)
{
	chain(1);
	chain(2);
}

/* ------------------------------------------------------------------ */
/* One load in two VMs                                                 */

static double split(unsigned int parts)
{
	struct dom *dd;
	double sum = 0;

	world_init(&world, &sched_credit2, 3, seed);
	dd = sim_dom(&world.sim, "driver", 1, 1, 256, 0);
	world_driver(&world, dd)->batch_ns = 5 * US;
	world.collector.window_ns = 100 * MS;
	sim_hog(&world.sim, sim_dom(&world.sim, "other", 1, 2, 256, 0), true);
	for (unsigned int i = 0; i < parts; i++) {
		struct dom *vm = sim_dom(&world.sim, "vm", 1, 4, 256, 40 / parts);
		struct stream st = request("load", vm->nth, 0, 0, 100 * US, 100 * US);

		st.inflight = 32 / parts;
		world_stream(&world, &st);
		world_manage(&world, vm);
	}
	world_run(&world, 60 * SECOND);
	for (unsigned int i = 2; i < world.sim.doms; i++)
		sum += mean(world.own[i] + FROM, TO - FROM) + mean(world.cost[i] + FROM, TO - FROM);
	world_free(&world);
	return sum;
}

void case_split(void)
{
	double one = split(1), two = split(2), four = split(4);

	say("split one=%.3f two=%.3f four=%.3f gain=%.4f", one, two, four,
	    (two > four ? two : four) / one - 1);
}

/* ------------------------------------------------------------------ */
/* Bursts                                                              */

/* Requests for `on`, none for `off`, and all the CPU that it may have, all the time. */
static double burst(uint64_t on, uint64_t off, uint64_t cost)
{
	struct dom *vm = victim(2);
	struct stream st = request("burst", vm->nth, 0, 0, 20 * US, cost);
	double sum;

	world.collector.params.max_share_pm = 10000;
	st.inflight = 64;
	st.on = on;
	st.off = off;
	world_stream(&world, &st);
	world_run(&world, 120 * SECOND);
	sum = mean(world.own[vm->nth] + FROM, 1200 - FROM) +
	      mean(world.cost[vm->nth] + FROM, 1200 - FROM);
	world_free(&world);
	return sum;
}

/* In ms; the last ones against the window of 100 ms, commits, and periods of 10 ms. */
void case_edge(void)
{
	static const unsigned int pattern[][2] = {
		{ 10000, 10000 }, { 3000, 3000 }, { 1000, 9000 }, { 1000, 4000 }, { 1000, 1000 },
		{ 500, 2500 },	  { 300, 700 },	  { 200, 800 },	  { 100, 900 },	  { 100, 300 },
		{ 100, 100 },	  { 50, 50 },	  { 37, 63 },	  { 30, 70 },	  { 5, 5 },
	};
	double most = 0;

	for (unsigned int i = 0; i < sizeof(pattern) / sizeof(*pattern); i++) {
		double sum = burst(pattern[i][0] * MS, pattern[i][1] * MS, 200 * US);

		most = sum > most ? sum : most;
		say("edge on=%u off=%u sum=%.2f gain=%.4f", pattern[i][0], pattern[i][1], sum,
		    sum / E - 1);
	}
	say("edge most=%.2f gain=%.4f", most, most / E - 1);
}
