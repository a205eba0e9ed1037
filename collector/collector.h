/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * collector.h - the parts of acctring-collector that touch Xen.
 *
 *   domains.c   who lives, by the hypervisor         config.c  configuration
 *   serving.c    whom each driver domain serves       (pure)
 *   tree.c      a driver domain under its accountant in the store; measured CPU
 *   scan.c      dom0's record of devices -> serving.c -> the store
 *   node.c      dom0's nodes in the store
 *   memory.c    what the next collector must know
 *   believe.c   which accountant is believed, and up to what
 *   limit.c     what may be charged for a driver domain   (pure)
 *   lock.c      one collector at a time
 *   source.c    the statement of one accountant: map, read, unmap
 *   statement.c checks and copies a statement        (pure)
 *   bill.c      sums and the line of a bill          (pure)
 *   account.c   bills in the store
 *   release.c   what the mode was, taken back without us
 *   report.c    what is known of driver domains, for people in dom0
 *   debt.h      what of it a VM pays with its own CPU
 *   loop.c      events; main.c the command line
 *
 * One thread.  Errors of the store and of Xen end no more than what was
 * being done: the next scan or period tries again.
 */
#ifndef COLLECTOR_COLLECTOR_H
#define COLLECTOR_COLLECTOR_H

#include "collector/bill.h"
#include "collector/config.h"
#include "collector/debt.h"
#include "collector/domains.h"
#include "collector/limit.h"
#include "collector/serving.h"
#include "collector/statement.h"

#include <event2/event.h>
#include <xengnttab.h>

/* Driver domain b as published to its accountant a. */
struct tree {
	uint16_t a, b;
	uint8_t a_uuid[16], b_uuid[16];
	char b_name[DOMAIN_NAME];
	bool wanted; /* configured, and both live */
	uint64_t gone_ms; /* b ended then; 0: it lives */
	uint64_t serial; /* highest serial that the line tells */
	bool told_gone; /* and that b is gone */
	enum mode told_mode; /* and what is done about it */
	bool measured; /* the node is there */
	uint8_t cpus[CPUS_BYTES]; /* on which b may run; none: unknown */
	bool stated; /* its accountant said the following of it */
	struct acctring_statement_row state;
	uint64_t state_ns; /* the accountant's clock then */
	uint64_t state_unix; /* and ours */
	uint64_t ledger;
};

/* An accountant that dom0 names for a driver domain, or named once. */
struct pair {
	uint16_t b;
	uint8_t a_uuid[16];
	uint64_t unbilled_ns; /* what became bases: see limit.h */
	bool over; /* said that it charges too much */
	bool saved;
};

/*
 * The latest row of a VM at a driver domain that was believed.  It stays when
 * another accountant is named: what the VM owes is the sum over all of them.
 */
struct kept {
	struct acctring_statement_row is;
	struct acctring_statement_row base; /* not on the bill: see limit.h; zeroed: none */
	uint64_t ledger; /* incarnation */
	bool saved;
	bool said; /* that it does not fit into a bill */
	uint64_t seen_ns; /* what of it the law of debt has seen, if it has any */
	bool seen;
	struct lately lately; /* charged */
};

/* An accountant, known by its UUID, and its statement. */
struct source {
	uint16_t domid;
	uint8_t uuid[16];
	bool here; /* named, and the domain lives */
	bool heard; /* since we run */
	bool told_row; /* said that a row does not hold */
	unsigned int strangers; /* rows about VMs that are not served, when last told */
	uint64_t epoch; /* of what is mapped */
	uint64_t over; /* epoch that is dead or was refused, 0 none */
	char said[192]; /* the last complaint: not again and again */
	uint64_t t_ns, every_ns; /* of the last statement; from one to the next */
	uint64_t seen_ns; /* of the one whose costs the law has seen */
	uint64_t fresh_ms; /* when there was a new one */
	struct stmt_head head;
	struct acctring_statement_page *khead; /* read-only; NULL: not mapped */
	struct acctring_statement_row *krows;
	struct statement *work;
	/* A statement may be too small for all; and rows are believed when they come. */
	struct kept *row;
	size_t rows;
};

/* A VM that lives, and what its bill says. */
struct account {
	uint16_t domid;
	bool shown;
	bool held;
	struct bill bill;
};

struct collector {
	const char *file; /* of the configuration; NULL: the default */
	struct config config;
	xc_interface *xc;
	xengnttab_handle *gnttab;
	struct xs_handle *xsh;

	struct domains domains;
	struct serving serving;
	struct tree *tree;
	struct limit *limit;
	struct pair *pair;
	struct source **source;
	struct account *account;
	size_t trees, limits, pairs, sources, accounts;
	bool waiting[CONFIG_MAX_DRIVERS]; /* said that a domain is not there */

	struct event_base *base;
	struct event *ev_store, *ev_scan, *ev_measure, *ev_bill;
	struct event *ev_term, *ev_int, *ev_hup;
	struct debt debt;
	bool report_failed; /* said that reports cannot be written */
	bool again; /* something failed: scan again soon */
	uint64_t not_before; /* now_ms of the next scan at the earliest */
	uint64_t swept_ms; /* now_ms of the last memory_sweep() */
	int status; /* exit status */
};

/* Owner dom0, read by one domain; a message on failure. */
bool node_put(struct collector *c, uint16_t reader, const char *path, const char *value);
void node_remove(struct collector *c, const char *path);
/* The directory /local/domain/<domid>/acctring[/name], readable by the domain. */
bool node_dir(struct collector *c, uint16_t domid, const char *name);

/* tree.c */
void trees_update(struct collector *c);
void trees_expire(struct collector *c);
struct tree *tree_of(const struct collector *c, uint16_t b);
void tree_tell(struct collector *c, struct tree *t);
void trees_tell(struct collector *c);
void trees_measure(struct collector *c);
/* Removes what an earlier collector published and this one does not. */
void trees_sweep(struct collector *c);

/* scan.c: false: try again */
bool scan(struct collector *c);
void publish_serving(struct collector *c);

/* memory.c */
void memory_load(struct collector *c);
/* All that changed. */
void memory_save(struct collector *c);
/* The VM is served there. */
void memory_know(struct collector *c, const struct tree *t, const uint8_t vm_uuid[16]);
void memory_forget_row(struct collector *c, const struct source *s, const struct kept *k);
/* Forgets VMs that are no more, and whom nobody needs to know then. */
void memory_sweep(struct collector *c);

/* believe.c */
struct limit *limit_of(struct collector *c, uint16_t b); /* NULL: no memory */
void limit_forget(struct collector *c, uint16_t b);
void limits_see(struct collector *c);
struct pair *pair_of(struct collector *c, uint16_t b, const uint8_t a_uuid[16], bool make);
void pair_forget(struct collector *c, uint16_t b, const uint8_t a_uuid[16]);
bool tree_believes(const struct collector *c, const uint8_t a_uuid[16], uint16_t b);
/* dom0's own accountant: what its ledger had before is billed, too. */
bool is_dom0(const struct collector *c, const uint8_t a_uuid[16]);
/* The statement in s->work, about the driver domain. */
enum limit_verdict believe(struct collector *c, const struct source *s, struct pair *p);

/* source.c */
void sources_update(struct collector *c);
void sources_poll(struct collector *c);
void sources_read(struct collector *c);
void sources_free(struct collector *c);
/* The accountant of t is about to be named. */
void source_meet(struct collector *c, const struct tree *t);
/* What is kept of a VM at a driver domain; NULL: nothing. */
struct kept *source_kept(const struct source *s, uint16_t b, const uint8_t vm_uuid[16]);
/* A row that an earlier collector believed. */
bool source_restore(struct collector *c, const uint8_t a_uuid[16], const struct kept *k);
/* One that told of VMs, and is silent now. */
bool source_silent(const struct source *s);
/* The accountant of a driver domain; NULL: none. */
struct source *source_by_uuid(const struct collector *c, const uint8_t uuid[16]);
/* Some accountant that is named has given no statement yet. */
bool sources_missing(const struct collector *c);

/* account.c */
bool account_served(const struct collector *c, uint16_t domid, const uint8_t uuid[16]);
void accounts_publish(struct collector *c);
void accounts_forget(struct collector *c, uint16_t domid);

/* report.c */
/* Keeps a row about a driver domain, if that accountant is the one to ask. */
void report_keep(struct collector *c, const struct source *s,
		 const struct acctring_statement_row *row);
void reports_publish(struct collector *c);
void report_remove(struct collector *c, uint16_t b);
/* Removes what an earlier collector wrote of others. */
void reports_sweep(struct collector *c);

/* loop.c: returns the exit status */
int collector_run(struct collector *c);

#endif
