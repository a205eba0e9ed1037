/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * accounts.h - who posted what: sums per (driver domain, VM, kind, device)
 * and class.  Numbers in memory; knows no Xen, no clock, no file.
 *
 * One thread writes.  The table is liburcu's cds_lfht: lookups are made in
 * an RCU read-side section, and an account stays valid until
 * accounts_free().
 */
#ifndef ACCOUNTANT_ACCOUNTS_H
#define ACCOUNTANT_ACCOUNTS_H

#include "common/basis.h"

#include <acctring/abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <urcu/rculfhash.h>
#include <urcu/urcu-memb.h>

struct sums {
	uint64_t posts;
	uint64_t units;
	uint64_t bytes;
	uint64_t ns; /* as posted */
};

struct book {
	struct sums klass[ACCTRING_CLASSES];
	uint64_t charged_ns; /* of a book that is held: due */
	uint64_t basis_ns[BASES]; /* of that; their sum is that */
};

struct account_key {
	uint16_t backend; /* domid of the driver domain */
	uint8_t kind;
	uint8_t zero;
	uint32_t device;
	uint8_t uuid[16]; /* of the VM, or one of those below */
};

/*
 * The two accounts of a driver domain that are no VM's: its own work, and
 * what nobody pays.  They are told by their kind, ACCTRING_KIND_OWN, which no
 * VM's account has; any UUID may be a VM's, dom0's is often all zeros.
 */
extern const uint8_t uuid_own[16];
extern const uint8_t uuid_refused[16];

/* bounds.c: what may be a VM's besides what it is charged */
struct beside {
	uint64_t ns;
	uint64_t run_ns; /* of that, what may be taken back */
	uint64_t shared_ns; /* charged to itself on shared pools, since it was looked at */
	bool active; /* since then */
};

struct account {
	struct cds_lfht_node node;
	struct account_key key;
	struct account *next; /* all accounts */
	struct account *later; /* changed since the last accounts_clean() */
	struct account *owing; /* charge.c: next of those with due_ns */
	uint64_t due_ns; /* claimed by lanes, not yet confirmed by the hypervisor */
	uint64_t due_basis_ns[BASES]; /* of that */
	uint64_t due_sent_ns; /* of that, and of what is charged: as the sender */
	uint64_t sent_ns; /* of what others received */
	bool is_owing;
	bool dirty;
	uint16_t domid; /* the VM's latest */
	uint32_t classes; /* bit per class changed */
	uint64_t changed; /* serial number of the last change */
	struct account *vm; /* the VM's of kind OTHER, device 0; NULL: no VM's, or no memory */
	unsigned int siblings; /* of that one: how many the VM has */
	struct beside beside; /* of that one */
	struct account *near; /* next of those whose `beside` is looked at */
	bool is_near;
	bool based; /* the ledger is to keep its bases, all is not of BASIS_THREAD */
	struct book book;
};

struct accounts {
	struct cds_lfht *table;
	struct account *first; /* all */
	struct account *dirty;
	struct account *near;
	unsigned int count;
	unsigned int per_vm; /* ACCOUNTS_PER_VM, or as configured */
	uint64_t changes;
};

/* false: no memory. */
bool accounts_init(struct accounts *a);
/* The thread must be registered with RCU and outside a read section. */
void accounts_free(struct accounts *a);

/* Finds or makes; NULL: no memory. */
struct account *accounts_get(struct accounts *a, const struct account_key *key);
/*
 * The account of a VM's device, as a backend names it: no such kind is
 * OTHER, and so is what exceeds ACCOUNTS_PER_VM.
 */
struct account *accounts_get_vm(struct accounts *a, const struct account_key *key);
bool account_is_vm(const struct account *x);
/* NULL when there is none.  In a read-side section. */
struct account *accounts_find(struct accounts *a, const struct account_key *key);

/* Sums of what a peer claims: at the end of the range they stay there. */
static inline uint64_t sat_add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

void sums_add(struct sums *to, const struct sums *s);
void book_add(struct book *b, unsigned int klass, const struct sums *s);

void account_post(struct accounts *a, struct account *x, unsigned int klass, const struct sums *s);
/* Charges what was never due: a part of a pool. */
void account_charge_pool(struct accounts *a, struct account *x, uint64_t ns);
/* Charges ns of what is due, by its bases. */
void account_charge(struct accounts *a, struct account *x, uint64_t ns);
/* Adds the posts of a book, e.g. one that was held until its payer was known. */
void account_add(struct accounts *a, struct account *x, const struct book *b);
void account_touch(struct accounts *a, struct account *x);
/* The VM uses the driver domain in this window. */
void account_active(struct accounts *a, struct account *x);
/* It is to be stored, though it does not count as changed. */
void account_store(struct accounts *a, struct account *x);
/* Everything is durable: nothing is dirty any more. */
void accounts_clean(struct accounts *a);

#endif
