/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sim.h - a machine in simulated time: CPUs under a scheduler of Xen, domains that
 * run, requests that wander between them.  Discrete events; the same seed, the same numbers.
 *
 * What decides is not simulated: partition, guard, balance and weights are the product's own code.
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>

#define US 1000ull
#define MS 1000000ull
#define SECOND 1000000000ull
#define NEVER UINT64_MAX

#define CPUS 8
#define DOMS 16
#define VCPUS 4 /* of a domain at most */

struct sim;
struct dom;
struct vcpu;

/* A piece of CPU work.  done() frees or reuses it. */
struct job {
	uint64_t left_ns;
	void (*done)(struct sim *s, struct job *j);
	struct job *next;
	void *arg;
};

struct vcpu {
	struct dom *dom;
	unsigned int nth, all; /* in its domain, in the machine */
	unsigned int cpus; /* bit map of those that it may use */
	bool runnable, running, hog; /* hog: runs for ever when it has no job */
	struct job *job, *queue, **tail;
	unsigned int queued;
	uint64_t ran_ns, waited_ns; /* waited: could have run */
	uint64_t last_ran, pause_ns; /* longest time that it wanted to run and did not */
	/* the scheduler's */
	int64_t credit; /* credit, credit2; remaining budget of SEDF and RTDS */
	uint64_t order; /* who comes first among equals */
	bool parked, over;
};

struct dom {
	const char *name;
	unsigned int nth, vcpus;
	struct vcpu vcpu[VCPUS];
	unsigned int weight, cap; /* cap: per cent of a CPU, 0: none */
	int64_t budget; /* credit2 */
	uint64_t ran_ns, waited_ns;
	/* where it finds work beyond the queue; NULL: nowhere */
	struct job *(*fetch)(struct sim *s, struct vcpu *v);
	void *arg;
};

struct cpu {
	struct vcpu *now;
	uint64_t slice_end, since;
	uint64_t idle_ns;
};

struct sched {
	const char *name;
	uint64_t refill_ns;
	void (*refill)(struct sim *s);
	void (*wake)(struct sim *s, struct vcpu *v);
	void (*burn)(struct sim *s, struct vcpu *v, uint64_t ns);
	bool (*may_run)(const struct vcpu *v);
	bool (*before)(const struct vcpu *a, const struct vcpu *b);
	/* may `a`, which waits, take the CPU from `b` before its slice ends */
	bool (*preempts)(const struct vcpu *a, const struct vcpu *b);
	uint64_t (*slice)(struct sim *s, struct vcpu *v, const struct vcpu *next);
};

extern const struct sched sched_sedf, sched_sedf_wc, sched_rtds, sched_credit, sched_credit2;

struct timer {
	uint64_t at, seq;
	void (*fire)(struct sim *s, void *arg);
	void *arg;
};

struct sim {
	uint64_t now, end;
	const struct sched *sched;
	unsigned int cpus, doms, vcpus;
	struct cpu cpu[CPUS];
	struct dom dom[DOMS];
	struct vcpu *vcpu[DOMS * VCPUS];
	struct timer *timer; /* a heap */
	unsigned int timers, room;
	uint64_t seq, orders, seed;
};

/* A machine without domains. */
void sim_init(struct sim *s, const struct sched *sched, unsigned int cpus, uint64_t seed);
void sim_free(struct sim *s);
/* A domain whose vCPUs may use the CPUs of the bit map. */
struct dom *sim_dom(struct sim *s, const char *name, unsigned int vcpus, unsigned int cpus,
		    unsigned int weight, unsigned int cap);
void sim_hog(struct sim *s, struct dom *d, bool on);
void sim_run(struct sim *s, uint64_t until);
void sim_at(struct sim *s, uint64_t at, void (*fire)(struct sim *s, void *arg), void *arg);

/* Queues work on a vCPU; or says that fetch() has some. */
void sim_work(struct sim *s, struct vcpu *v, struct job *j);
void sim_wake(struct sim *s, struct vcpu *v);

uint64_t sim_rnd(struct sim *s);
double sim_uniform(struct sim *s); /* [0, 1) */
uint64_t sim_exponential(struct sim *s, uint64_t mean);

#endif
