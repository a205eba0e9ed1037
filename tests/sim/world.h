/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * world.h - what runs on the machine: requests that go from guest to driver domain, the
 * accountant of each driver domain, the collector; and what is recorded of it.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "accountant/guard.h"
#include "accountant/share.h"
#include "collector/balance.h"
#include "collector/weights.h"
#include "common/partition.h"
#include "tests/sim/sim.h"

#define DRIVERS 3
#define STREAMS 16
#define HOPS 6
#define ROWS (2 * DOMS) /* DOMS + i: what comes from outside for domain i */
#define SAMPLES 2000 /* of 100 ms */
#define SAMPLE (100 * MS)
#define BUCKETS 400 /* of latency, by 1/16 of an octave from 1 us */

/* ------------------------------------------------------------------ */
/* Requests                                                            */

struct hop {
	bool driver; /* served by driver domain `node` for row `payer`; else domain `node` works */
	unsigned int node, payer;
	uint64_t ns;
};

struct stream {
	const char *name;
	struct hop hop[HOPS];
	unsigned int hops;
	double rate; /* a second, in random intervals; 0: closed */
	unsigned int inflight; /* closed: so many requests that begin anew when they end */
	uint64_t from, until; /* 0: the end */
	uint64_t on, off; /* closed: works for `on`, rests for `off`, and so on; 0: always */
	unsigned int lanes; /* bit map of the lanes that it uses; 0: all, in turns */
	unsigned int limit; /* of a queue, 0: 256; beyond it is dropped, at no cost */
	bool vary; /* each cost is twice or nothing of it, by chance */
	/* results */
	uint64_t done, dropped, latency[BUCKETS];
	unsigned int done_at[SAMPLES];
	/* private */
	unsigned int turn, live;
};

/* ------------------------------------------------------------------ */
/* Driver domains and their accountants                                */

struct lane {
	struct job *queue[ROWS], **tail[ROWS];
	unsigned int queued[ROWS];
	unsigned int turn, polled, waiting; /* of a poll: requests served; payers, a bit map */
	bool retry;
	uint64_t spent[ROWS]; /* posted, in all */
	struct payer_part part[ROWS]; /* since the last tick */
	uint64_t own_ns, clock, carried;
};

struct driver {
	struct dom *dom;
	uint64_t batch_ns, own_ns; /* of a poll; own work every 10 ms */
	bool share; /* mode */
	bool fifo; /* one queue for all, as a device or a shared worker has; else payers in turns */
	uint64_t limit[ROWS]; /* configured rates, 0: none */
	/* state and results */
	struct lane lane[VCPUS];
	uint64_t charged[ROWS], published[ROWS]; /* published: what the collector sees */
	uint64_t truth[ROWS]; /* ns that its work really took */
	uint64_t implicit[DOMS];
	struct guard guard[ROWS];
	struct guard_lane guarded[ROWS][VCPUS];
	struct share shares;
	struct share_vm sharer[ROWS];
	uint64_t waited; /* as of the last tick, with what it ran */
	struct job own;
};

/* ------------------------------------------------------------------ */
/* The collector                                                       */

struct managed {
	struct dom *dom; /* its cap or weight as it begins is what it is entitled to */
	unsigned int cap;
	struct balance balance;
	struct weights_vm weights; /* uncapped */
	uint64_t own, cost; /* at the last window */
	uint64_t waited;
	int64_t seen; /* to wait, 1/1000 of the looks of late */
	struct balance_result is;
};

struct collector {
	struct balance_params params;
	uint64_t window_ns, from; /* debt mode begins then; 0 window: observe */
	uint64_t late_ns; /* a window may be longer by that, by chance */
	bool sampled; /* who waits is seen at the windows' ends, from a CPU that one of them had */
	uint64_t began;
	struct contention contention;
	uint64_t idle;
	struct managed vm[DOMS];
	unsigned int vms;
};

/* ------------------------------------------------------------------ */

struct world {
	struct sim sim;
	struct stream stream[STREAMS];
	struct driver driver[DRIVERS];
	unsigned int streams, drivers;
	struct collector collector;
	unsigned int samples;
	double own[DOMS][SAMPLES], cost[DOMS][SAMPLES]; /* per cent of a CPU; cost: the truth */
	double driver_busy[DRIVERS][SAMPLES];
	uint64_t own_seen[DOMS], cost_seen[DOMS], busy_seen[DRIVERS];
	struct wander *spare; /* requests that ended */
	struct chunk *chunk;
};

void world_init(struct world *w, const struct sched *sched, unsigned int cpus, uint64_t seed);
void world_free(struct world *w);
struct driver *world_driver(struct world *w, struct dom *d);
/* The stream begins; *w must not move after that. */
struct stream *world_stream(struct world *w, const struct stream *st);
/* That VM is capped, or weighted, from collector.from on. */
void world_manage(struct world *w, struct dom *d);
void world_run(struct world *w, uint64_t until);

/* A request of two hops at a driver domain around one of the VM's, as most are. */
struct stream request(const char *name, unsigned int vm, unsigned int driver, uint64_t before,
		      uint64_t own, uint64_t after);

/* What driver domains truly spent for a domain, all rows. */
uint64_t world_truth(const struct world *w, unsigned int dom);
uint64_t world_charged(const struct world *w, unsigned int dom);

/* load.c */
void stream_begin(struct world *w, struct stream *st);
struct job *driver_fetch(struct sim *s, struct vcpu *v);
void load_free(struct world *w);
struct world *world_of(struct sim *s);
/* account.c */
void driver_begin(struct world *w, struct driver *d);
/* control.c */
void collector_begin(struct world *w);

/* ------------------------------------------------------------------ */
/* record.c: what is printed                                           */

double mean(const double *v, unsigned int n);
double deviation(const double *v, unsigned int n);
/* Means over windows of `each` samples that begin at every sample. */
double worst_window(const double *v, unsigned int from, unsigned int to, unsigned int each,
		    double aim);
double highest_window(const double *v, unsigned int from, unsigned int to, unsigned int each);
/* Samples after `from` until each mean over 1 s is within `by` of the aim, in s. */
double settled(const double *v, unsigned int from, unsigned int to, double aim, double by);
/* us */
double percentile(const struct stream *st, double part);

/* A line "name key=value ..."; `key` printf-like with values of one digit more than matters. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* docs/figures/NAME.tsv or wherever --out says; NULL: no --out. */
void tsv_open(const char *name, const char *head);
void tsv(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void tsv_close(void);
extern const char *out_dir;

#endif
