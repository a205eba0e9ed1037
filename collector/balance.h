/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * balance.h - a VM's own CPU time and what driver domains burned for it, against what it
 * is entitled to; and the cap that makes the two meet.  Pure: integers in, integers out.
 * docs/debt.md derives the law, its stability and each default.
 *
 * Units: times are ns.  Rates are ns of CPU in a second of time: 1000000000 is one
 * CPU, 10000000 one per cent, the grain of a cap.
 *
 * Each window of `window_ns` (100 ms for credit2, 300 ms for credit):
 *
 *	balance' = clamp(balance + E window - own - D, -max_debt, +burst)
 *	u'       = clamp(u + alpha (E + balance/T - own - D) / (1 + kappa), floor, E)
 *
 * where u on the right is what it used of its cap, if too much was spent.
 * E: entitled rate; own, D: what the VM and what driver domains for it burned, as a rate;
 * kappa: D/own, smoothed.  u becomes a cap in whole per cent; what rounding cuts off is
 * carried to the next window, so that the mean of the caps is the mean of u.
 */
#ifndef COLLECTOR_BALANCE_H
#define COLLECTOR_BALANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BALANCE_CPU 1000000000ll /* rate of one CPU */
#define BALANCE_GRAIN (BALANCE_CPU / 100) /* of a cap */
#define BALANCE_CPUS 4096 /* a VM that burns more than that many: taken as that many */
#define BALANCE_WINDOW_MAX_NS 10000000000ll /* longer windows count as this */

enum balance_collect {
	COLLECT_ALWAYS, /* capped VMs: what was sold is a fixed rate */
	COLLECT_CONTENTION, /* uncapped VMs: only while others wait */
};

/* As configured; balance_defaults() has the defaults (last), balance_valid() the ranges. */
struct balance_params {
	unsigned int alpha_pm; /* 1..1000: part of the error that a window mends; 300 */
	unsigned int repay_ms; /* 500..60000: T, in which a debt shrinks to 1/e; 3000 */
	unsigned int kappa_ms; /* 100..60000: over which kappa falls; 500 */
	unsigned int jump_pm; /* 0..10000, of E: above E, and charged, more: alpha is 1 once; 600 */
	unsigned int lag; /* 0..100: windows then without a step, until it shows; 2 */
	unsigned int max_debt_ms; /* 0..60000, of E; 250 */
	unsigned int habit_ms; /* 0..60000, of E: max_debt of who overdraws it again; 1000 */
	unsigned int burst_ms; /* 0..60000, of E; 200 */
	unsigned int charge_pm; /* 0..10000: charge_factor, of cost; 1000 */
	unsigned int max_share_pm; /* 0..10000, of E: max_debt_share, cost that is believed; 500 */
	uint64_t included; /* rate of driver CPU that is free; 0 */
	uint64_t floor; /* rate; 0: max(10 % of E, 5 % of a CPU per vCPU up to 20 %); 0 */
	enum balance_collect collect;
};

void balance_defaults(struct balance_params *p);
/* For the credit scheduler: its caps act in bursts of 30 ms, which no step should answer. */
void balance_defaults_credit(struct balance_params *p);
/* NULL, or the name of the first parameter that is out of its range. */
const char *balance_valid(const struct balance_params *p);

/* A VM's state; zeroed: new, without debt, uncapped by us. */
struct balance {
	int64_t balance_ns; /* below 0: debt */
	int64_t rate; /* u; 0 before the first window */
	int64_t entitled; /* E, of which `rate` is a part */
	int64_t most; /* the largest E of late: by it debt and savings are measured */
	bool limited; /* of struct balance_result */
	int64_t own_avg, cost_avg; /* rates, for kappa */
	int64_t own_peak; /* rate, falling slowly */
	int64_t fresh, past; /* ns let go beyond max_debt: since a second ago, before */
	int64_t calm_ns; /* since it last was */
	unsigned int hold; /* windows in which u stays */
	int64_t carry; /* of rounding u */
	int64_t share_ns, included_ns; /* buckets: what may still be believed, what is free */
	uint64_t factor_rest; /* of charge_pm, 1/1000 ns */
	uint64_t uncollected_ns; /* sum: beyond max_debt or max_share */
	uint64_t forgiven_ns; /* sum: nobody had waited */
};

struct balance_window {
	uint64_t entitled; /* E, at most BALANCE_CPUS CPUs */
	unsigned int vcpus;
	uint64_t window_ns; /* 0: nothing happens */
	uint64_t own_ns, cost_ns; /* in this window */
	bool collecting, halve; /* of struct contention; for COLLECT_CONTENTION only */
};

struct balance_result {
	unsigned int cap; /* per cent, 1.. : never 0, which would be no cap at all */
	int64_t rate; /* u, of which cap is the rounded step */
	uint64_t debt_ns; /* 0: none */
	uint64_t taken_ns; /* of cost_ns, what was taken from the balance */
	uint64_t uncollected_ns; /* in this window */
	/*
	 * Rate that all driver domains together may burn for the VM: E - floor from when it is in
	 * debt at its floor, for no cap repays more, until the debt is paid or u well above the
	 * floor.  0: no limit.
	 */
	uint64_t limit;
};

void balance_step(const struct balance_params *p, struct balance *b, const struct balance_window *w,
		  struct balance_result *out);

/*
 * The token bucket alone: gains, spends, is clamped to [low, high].  Returns what was
 * spent below `low`: it is nobody's debt any more.
 */
uint64_t balance_book(int64_t *balance, int64_t gain, int64_t spent, int64_t low, int64_t high);

/* The rate below which a cap is never set: at most E. */
int64_t balance_floor(const struct balance_params *p, int64_t entitled, unsigned int vcpus);

/* ------------------------------------------------------------------ */
/* Whether anybody waits                                               */

/*
 * Of a cpupool.  Looked at once a second: idle below 5 %: debts of uncapped VMs are
 * collected; above 50 %: no more, and they are halved; in between all stays.
 */
struct contention {
	uint64_t idle_ns, all_ns; /* since the last look */
	uint64_t passed_ns;
	bool collecting;
	bool halve; /* in this window only */
};

/* `idle_ns` of `all_ns`: idle and existing CPU time of the pool's CPUs in this window. */
void contention_step(struct contention *c, uint64_t idle_ns, uint64_t all_ns, uint64_t window_ns);

/* ------------------------------------------------------------------ */
/* Whose CPUs                                                          */

enum balance_scope {
	SCOPE_AUTO, /* only where VM and driver domain may run on the same CPU */
	SCOPE_ALL,
	SCOPE_NONE,
};

/*
 * Does cost at this driver domain become the VM's debt?  Bit maps of the CPUs that each may
 * run on.  Where they never meet the VM's cap would give the driver domain nothing: only the guard helps.
 */
bool balance_scope(enum balance_scope scope, const uint8_t *vm_cpus, const uint8_t *driver_cpus,
		   size_t bytes);

#endif
