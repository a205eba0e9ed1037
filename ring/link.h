/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link: what the user's threads and the control thread share, under
 * `lock`; and what is the control thread's alone.
 */
#ifndef RING_LINK_H
#define RING_LINK_H

#include "ring/pages.h"

#include <pthread.h>
#include <xenstore.h>

/* Silence: Xen's libraries log to stderr unless given another logger. */
extern struct xentoollog_logger ring_null_logger;

/*
 * Processes with higher slots set no watch: a store allows a whole domain 100
 * (oxenstored) or 128 of them, and its drivers need some.  These ask.
 */
#define WATCH_SLOTS 32

/* Where we stand towards Xen; the control thread's alone. */
struct conn {
	struct xs_handle *xs;
	xenevtchn_handle *evtchn;
	xengntshr_handle *gntshr;
	unsigned int domid; /* our own */
	unsigned int peer; /* domid of the accountant, as it should be */
	int slot; /* -1: none */
	int slot_fd;
	uint64_t silent_at; /* ms: since when the old accountant is not heard of */
	uint32_t silent_tick;
	bool watched; /* the watch on `accountant` is there */
	bool unwatchable; /* it was refused */
	bool unsure; /* `accountant` may have changed */
	bool masked; /* some port is */
	bool published; /* the node names the current pages */
	char node[96]; /* what stands there, but for the state */
	uint64_t retry_at; /* ms */
	unsigned int backoff; /* ms */
	uint64_t look_at; /* ms: when to look for a refusal */
	uint64_t looked_at; /* ms: when we did */
	unsigned int look_ms; /* from one look to the next */
	uint64_t ask_at; /* ms: without a watch, when to ask for the accountant */
};

struct acctring {
	/* constant after open */
	char program[64];
	uint32_t features; /* of the link page */
	int accountant; /* domid, -1: as xenstore says */
	struct lane *lane;
	struct acctring *next; /* of all links, for fork */
	bool forked; /* we are a child's copy */
	uint32_t counter, shift;
	uint64_t mult;
	pthread_t thread;
	int wake_fd;

	pthread_mutex_t dev; /* held over opening and closing devices: fork waits */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct geometry geo; /* constant once `frozen` */
	bool frozen;
	bool tried; /* the first attempt to connect is over */
	bool closing, gone;
	unsigned int wait_ms; /* of closing */
	uint64_t left; /* posts not committed at the end */
	uint64_t epoch;
	struct pages *sets; /* all, the current one first */
	struct acctring_payer_row *row; /* by payer number */
	uint32_t row_next; /* number of the next payer */
	unsigned int rows, rows_open;
	uint64_t serial;
	unsigned int rows_used;
	uint64_t moves;
	uint64_t left_behind; /* posts given back uncommitted, with old pages */
	int error;
	bool refused;
	char reason[64];

	struct conn conn;
};

/* Fills the pages' heads and payer rows; under the lock. */
void link_fill(struct acctring *r, struct pages *p);

/*
 * Makes the pages the link's: at once for lanes that nobody has open, else
 * asks their threads.  -ESTALE: another geometry than the one in use.
 * Under the lock.
 */
int link_install(struct acctring *r, struct pages *p);

/* What becomes of what the pages hold that lanes leave. */
enum handover {
	HANDOVER_COPY, /* no accountant is on them: lanes take it along */
	HANDOVER_GONE, /* the same, though nobody cleared `alive` */
	HANDOVER_RENEW, /* it lives: it stays with it, lanes begin a new epoch */
};

/* Which it will be; -EAGAIN: cannot tell yet.  The control thread's. */
int handover_plan(struct acctring *r, enum handover *plan);

/* Makes it so, just before link_install; -EAGAIN: plan again.  Under the lock. */
int handover_begin(struct acctring *r, enum handover plan);

/* Posts on pages that lanes left, not committed yet; under the lock. */
uint64_t handover_pending(const struct acctring *r, const struct pages *p);

/* Asks again, and gives back what no lane uses any more.  Under the lock. */
void link_tend_moves(struct acctring *r);

bool link_attached(const struct acctring *r);
uint64_t link_pending(const struct acctring *r);

uint64_t random_epoch(void);
void *control_main(void *link);
uint64_t control_now(void); /* ms, monotonic */

/*
 * slot.c: takes a free slot of domid; its lock is *fd.  -EUSERS or other.
 * Under `dev`, so that no fork happens meanwhile.
 */
int slot_take_from(unsigned int domid, unsigned int slot, int *fd);
int slot_take(unsigned int domid, int *fd);
void slot_drop(int slot, int fd);
void slot_forget(void); /* in the child of a fork */

/* store.c: xenstore; 0 or -errno */
int store_open(struct conn *c);
void store_close(struct conn *c);
int store_watch(struct conn *c); /* `accountant`, if this slot may */
bool store_alive(struct conn *c);
int store_domid(struct conn *c); /* our own, as it is now, or -errno */
int store_accountant(struct conn *c, int option); /* its domid, or -errno */
int store_publish(struct conn *c, const struct pages *p, uint64_t epoch);
int store_state(struct conn *c, int state);
bool store_unread(struct conn *c); /* a link stands there that the accountant never saw */
void store_remove(struct conn *c);
bool store_peer(struct conn *c, unsigned int peer); /* has it a node for us? */
/* The accountant's word on us: true if it is about this epoch and `refused`. */
bool store_refused(struct conn *c, uint64_t epoch, char *reason, size_t size);
bool store_event(struct conn *c); /* takes one watch event, if there is one */

/* clock.c */
void clock_calibrate(uint32_t *counter, uint64_t *mult, uint32_t *shift);
uint64_t clock_cycles(uint64_t mult, uint32_t shift, uint64_t ns);

/* fork.c */
int fork_enlist(struct acctring *r);
void fork_delist(struct acctring *r);

#endif
