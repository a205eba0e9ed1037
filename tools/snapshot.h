/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot.h - what accountants say: one JSON document, read from the unix
 * socket of this domain's accountant; or, in dom0, what the collector wrote of
 * all of them into xenstore.  Text in it is made printable, so that nothing
 * that a backend calls itself reaches a terminal as it is.
 */
#ifndef TOOLS_SNAPSHOT_H
#define TOOLS_SNAPSHOT_H

#include "common/basis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xenstore.h>

#define SNAP_SOCKET "/run/acctring/acctringd.sock"
#define SNAP_ERROR 512

struct snap_domain { /* a driver domain */
	uint64_t domid;
	char uuid[40], name[64];
	uint64_t measured_ns, charged_ns, own_ns;
	int64_t unattributed_ns; /* the lanes' clocks may be ahead of the hypervisor's */
	uint64_t refused_units, refused_ns, epochs_lost; /* store: refused_ns is not known */
	uint64_t accountant; /* its domid */
	uint64_t links; /* attached */
	double t; /* unix seconds; store: when it was read from the accountant */
	char mode[16]; /* of the collector, as the accountant was told; "" not known */
	/* only from the store: */
	double clock; /* seconds of the accountant's clock */
	double period; /* seconds between two such */
	char incarnation[20];
};

struct snap_account {
	char kind[16], klass[16];
	uint64_t device, posts, units, bytes, posted_ns;
};

/* On what a charge rests, and what it is at least and at most (docs/debt.md, 4.1). */
struct snap_basis {
	bool known; /* store, older accountant: not */
	bool low_known; /* older accountant: not */
	uint64_t ns[BASES], low_ns, high_ns;
};

struct snap_vm { /* a VM at one driver domain */
	char uuid[40], name[64];
	uint64_t domid, backend;
	uint64_t charged_ns, posted_ns, units, bytes;
	uint64_t vbd_ns, vif_ns, other_ns;
	uint64_t sender_ns; /* of charged_ns: for what others received; store: not known */
	struct snap_basis basis;
	struct snap_account *account;
	size_t accounts;
};

struct snap_link {
	uint64_t backend, slot, records, spilled, overflowed, lanes, cpu_ns;
	char epoch[20], program[64], state[16], reason[128];
	bool never_asks; /* no limit holds there */
};

struct snap_limit {
	char vm[64], uuid[40], name[64], driver[64];
	bool found, commanded;
	uint64_t domid, ppm, lanes, open_lanes, let_go_ns;
	uint64_t never_asks; /* connections to such backends */
};

struct snapshot {
	bool store; /* from xenstore: no accounts, no links, domid or incarnation */
	double t; /* unix seconds; store: the latest */
	uint64_t domid; /* the accountant's */
	char incarnation[20]; /* of its ledger */
	struct snap_domain *domain;
	struct snap_vm *vm;
	struct snap_link *link;
	size_t domains, vms, links;
	/* only from the accountant itself: */
	char guard[16]; /* "on" or "observe": whether limits act */
	char guard_set[16]; /* as configured: these or "auto"; "" not known */
	bool share;
	struct snap_limit *limit;
	size_t limits;
};

#define SNAP_STORE "/tool/acctring/domain"

/* --socket, else ACCTRING_SOCKET, else the default. */
const char *snap_path(const char *option);
/*
 * 0, or an exit status and one line in error; EXIT_ENV: no accountant answers.
 */
int snap_get(const char *path, struct snapshot *s, char error[SNAP_ERROR]);
/*
 * Says a line to the accountant's control socket and reads its answer, one line, into
 * `reply`.  0, or an exit status and one line in `reply`.
 */
int snap_command(const char *path, const char *line, char *reply, size_t size);
/* The same from a text. */
int snap_parse(const char *text, size_t len, struct snapshot *s, char error[SNAP_ERROR]);
void snap_free(struct snapshot *s);
/* Whether limits act, and who says so. */
#define SNAP_GUARD 160
void snap_guard(const struct snapshot *s, char text[SNAP_GUARD]);
/* Leaves one driver domain, by domid or name, and what VMs are there; false: unknown. */
bool snap_only(struct snapshot *s, const char *driver);
/* Text from others: what is not printable becomes '?'. */
void snap_text(char *to, size_t size, const char *text);

/* The other source: warns of nodes that are not understood, and of old ones. */
struct snap_store {
	struct xs_handle *xsh; /* zeroed: opened when needed */
	bool warned;
	size_t stale;
};

/* As snap_get(); EXIT_ENV: no such nodes, or not for us. */
int snap_from_store(struct snap_store *store, struct snapshot *s, char error[SNAP_ERROR]);
/* Does it tell of driver domains that are not in *s? */
bool snap_store_more(struct snap_store *store, const struct snapshot *s);
void snap_store_close(struct snap_store *store);

#endif
