/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU time of domains, and the scheduler that caps and weighs them.
 *
 *   cpu_proc.c    the CPU time of one process tree
 *   cpu_sched.c   budgets: caps and weights
 *   cpu_fair.c    weights under contention
 *   cpu.c         the module: requests of libxenctrl and libxencall
 */
#ifndef SANDBOX_BROKER_CPU_H
#define SANDBOX_BROKER_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <time.h>

struct domain;

/* ---- cpu_reap.c: what init tells about the children it reaped ---- */

/*
 * A file shared by the broker (reads) and the init of a domain (writes): the
 * CPU time of all its reaped children.  seq is odd while one is being reaped,
 * when it is neither among the live nor in ns.
 */
struct cpu_reaped {
	uint32_t seq;
	uint32_t pad;
	uint64_t ns;
};

/* Map the file of domain @domid in directory @dir, made if @make; or NULL. */
struct cpu_reaped *cpu_reaped_map(const char *dir, uint32_t domid, bool make);
/* Unmap, and remove the file. */
void cpu_reaped_remove(struct cpu_reaped *r, const char *dir, uint32_t domid);
/*
 * In init, for waitpid(-1, status, WNOHANG), but counted: the pid, 0 when no
 * child is dead, -1 with errno ECHILD.  @r may be NULL.
 */
pid_t cpu_reap(struct cpu_reaped *r, int *status);

/* ---- cpu_proc.c ---- */

struct cpu_proc {
	TAILQ_ENTRY(cpu_proc) link;
	struct cpu_proc *parent; /* NULL: init itself, or its own is gone */
	pid_t pid;
	clockid_t clock;
	int dir; /* /proc/PID: the same process for ever */
	unsigned int threads;
	bool ran, dead, kid_died;
	bool held; /* we sent it SIGSTOP */
	uint64_t ns; /* its clock when last read */
	uint64_t known; /* of children seen alive and gone since */
	uint64_t reaped; /* of all reaped children, in whole ticks */
	uint64_t stat_at; /* when reaped was read */
	uint64_t ran_at;
	uint64_t waited; /* run delay when last read */
};

TAILQ_HEAD(cpu_procs, cpu_proc);

struct cpu_tree {
	struct cpu_procs procs; /* init first */
	const struct cpu_reaped *reaped;
	uint64_t full_at; /* last look at every process */
	uint64_t total; /* never goes back */
};

void cpu_tree_open(struct cpu_tree *t, pid_t init, const struct cpu_reaped *r);
void cpu_tree_close(struct cpu_tree *t);
/* Look again; returns CPU time in ns. */
uint64_t cpu_tree_scan(struct cpu_tree *t);
/* A field of /proc/PID/stat counted as in proc(5), e.g. 3 = state. */
int cpu_proc_stat(const struct cpu_proc *p, int field, uint64_t *v);

uint64_t cpu_now(void); /* CLOCK_MONOTONIC, ns */

/* ---- cpu_sched.c ---- */

#define CPU_WEIGHT 256u /* of a new domain, as credit2 */
#define CPU_PERIOD 10000000ull /* ns between refills */

struct cpu_dom {
	struct domain *d;
	struct cpu_reaped *reaped;
	struct cpu_tree tree;
	uint64_t born;
	unsigned int weight, cap; /* cap in % of a CPU, 0 = none */

	int64_t budget; /* ns it may still run; < 0 = overrun */
	uint64_t charged; /* CPU time already taken off */
	bool over; /* budget used up */
	bool unfair; /* ahead of its share: cpu_fair.c */
	bool stopped;
	uint64_t stopped_at, offline;

	uint64_t vtime, vcpu; /* cpu_fair.c */
	bool active, waits;
};

struct cpu_dom *cpu_of(const struct domain *d);
unsigned int cpu_count(void); /* CPUs that we may use */
size_t cpu_idle_ns(uint64_t *ns, size_t max); /* of each of them */
/* The CPU time of a domain, now; of a dead one: what it was. */
uint64_t cpu_dom_ns(struct cpu_dom *c);
uint64_t cpu_offline_ns(const struct cpu_dom *c);

/* Weight and cap changed: start, go on, or stop ticking. */
int cpu_sched_update(void);
void cpu_sched_forget(struct cpu_dom *c);
void cpu_sched_stop(void);

/* Decide who is ahead of its share; sets ->unfair.  Once per period. */
void cpu_fair_tick(uint64_t elapsed);

#endif
