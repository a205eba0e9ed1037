/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.h - the process that reads, judges and commits.  One thread does
 * all of it; a second one answers on the snapshot socket (snapshot.h).
 */
#ifndef ACCOUNTANT_WORKER_H
#define ACCOUNTANT_WORKER_H

#include "accountant/allow.h"
#include "accountant/busy.h"
#include "accountant/conf.h"
#include "accountant/hold.h"
#include "accountant/links.h"
#include "accountant/measure.h"
#include "accountant/outbox.h"
#include "accountant/served.h"
#include "accountant/statement.h"

#include <event2/event.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#define BACKEND "/local/domain/%u/acctring/backend"
#define LINKS "/local/domain/%u/data/acctring/link"
#define PEERS "/local/domain/%u/data/acctring/peer"

struct snapshot;
struct lines;

/* An epoch that is open in the ledger and not attached. */
struct pending {
	struct pending *next;
	struct epoch e;
};

enum own_cpu_from { OWN_CPU_UNKNOWN, OWN_CPU_HYPERCALL, OWN_CPU_TOLD };

struct worker {
	const struct options *options;
	struct conf conf;
	uint16_t domid; /* A */
	int holder; /* socket */
	struct outbox to_holder;
	struct event_base *base;
	struct event *tick, *on_store, *on_port, *on_holder, *on_question;
	struct xs_handle *xs; /* has no watch, so the store never closes it */
	struct xs_handle *watches; /* NULL: it takes none from us */
	xengnttab_handle *gnttab;
	xenevtchn_handle *evtchn;
	struct measure *measure; /* NULL: no hypercalls */
	enum own_cpu_from own_from;
	const char *proc; /* of our domain's kernel */
	struct busy busy;
	struct statement *statement;
	struct snapshot *snapshot;
	struct lines *control;

	struct ledger *ledger; /* NULL: cannot be opened at the moment */
	uint64_t incarnation;
	struct accounts accounts;
	struct served_table served;
	struct domain *domains;
	struct link *links;
	uint64_t serial; /* of links */
	struct allow *allow;
	struct quotas quotas; /* commanded */
	int share_commanded; /* 0, 1; less than 0: not */
	bool share_dirty;
	bool share; /* as it is */
	bool reshaped; /* allow.h: look at all again */
	struct pending *pending;
	struct hold *holds; /* what the holder holds */
	bool listed; /* the holder has told all its holds */
	bool ever; /* the ledger was open once */
	bool named; /* look at dom0's list of driver domains */
	bool sweep; /* look what stands there of others */
	bool deaf; /* without watches */
	bool rang; /* a port fired */
	bool told_idle; /* said that dom0 names nobody */
	bool stopping;
	bool reload;
	bool renamed; /* a VM, or the configuration's rules about them */
	uint64_t owed_until_ms; /* some VM is limited for its debt, at the latest until then */
	bool complained; /* about the ledger, since it last worked */

	uint64_t born_ms, started_ms, committed_ms, published_ms, retry_ms, purged_ms, held_ms;
	uint64_t idle_ms; /* when dom0 named somebody last, or we began */
	uint64_t looked_ms, again_ms; /* watch.c */
	unsigned int store_failures;
	uint64_t ticked_ms; /* when the last tick ended */
	uint64_t backoff_ms; /* until the ledger is tried again */
	unsigned int interval; /* of the tick, ms */
	bool unpublished; /* something was committed since */
	uint64_t own_base; /* CPU of acctringd that the ledger has */
	uint64_t own_seen;
};

int worker_main(const struct options *options, int holder);

/* worker.c: commits now; when that fails there is no ledger afterwards, and all is forgotten. */
void worker_try_commit(struct worker *w);
/* worker.c: after a failed commit: forget all, try again later. */
void worker_forget(struct worker *w);
/* Opens the ledger, loads it, attaches what is held. */
void worker_resume(struct worker *w);

/* scan.c: from xenstore.  All bounded: called again on the next tick. */
void scan_tick(struct worker *w);
void scan_reset(struct worker *w);
struct served *scan_served(struct worker *w, unsigned int backend, unsigned int domid);
void scan_add_pending(struct worker *w, const struct epoch *e);
void scan_left(struct worker *w, const struct epoch *e); /* detached just now, still open */
void scan_drop_pending(struct worker *w, const struct acctring_link_id *id);
bool scan_is_held(const struct worker *w, const struct acctring_link_id *id);
struct domain *scan_domain(struct worker *w, unsigned int domid);

/* watch.c: what changed in xenstore since; ends the process when that is lost. */
void watch_open(struct worker *w);
void watch_close(struct worker *w);
void watch_tick(struct worker *w);
void watch_events(struct worker *w);
/* Asks about all whom it serves; of changes a watch tells. */
void watch_served(struct worker *w, const struct domain *d);
/* Follows that domain's links, or no more. */
void watch_links(struct worker *w, struct domain *d, bool on);

/* ended.c: dom0's store knows it no more; always false elsewhere. */
bool domain_ended(struct worker *w, const struct domain *d);
/* The domain that had this domid is no more: reads its links to their end. */
void end_links(struct worker *w, struct domain *d);
/* And nobody has it now.  May be called again and again. */
void end_domain(struct worker *w, struct domain *d);
/* Removes what we told domains that we have no business with any more. */
void sweep_peers(struct worker *w);
/* Nobody will offer it any more. */
bool epoch_forgotten(const struct domain *d, const struct epoch *e);

/* commit.c: 0 or -errno (then memory and database differ). */
int worker_commit(struct worker *w);
bool worker_commit_wanted(const struct worker *w);

#endif
