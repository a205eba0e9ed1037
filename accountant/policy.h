/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy.h - who pays for what a record tells.  Pure.
 *
 * A record names who is served (payer) and who made the work happen (cause).  For
 * most work the two are one, and the VM pays.  For what a VM receives they are
 * not: nobody can help what others send to him.  Posts stay their payer's,
 * whoever pays; only CPU time is moved.
 */
#ifndef ACCOUNTANT_POLICY_H
#define ACCOUNTANT_POLICY_H

#include <acctring/abi.h>
#include <stdbool.h>
#include <stdint.h>

/* What is configured.  The same order as policy_rules. */
enum policy_rule {
	POLICY_RECEIVE, /* from a VM of this host */
	POLICY_RECEIVE_OUTSIDE,
	POLICY_BROADCAST, /* from a VM of this host */
	POLICY_BROADCAST_OUTSIDE,
	POLICY_DROP, /* caused by a VM of this host; by others: the host */
	POLICY_RULES
};

enum policy_who {
	POLICY_SENDER,
	POLICY_RECEIVER,
	POLICY_HALF, /* sender and receiver, each half */
	POLICY_HOST, /* the driver domain */
	POLICY_NOBODY, /* unattributed */
};

/* enum policy_who, by rule; less than 0: as the host's. */
struct policy {
	int8_t who[POLICY_RULES];
};

/* The keys of the configuration, and the words that each may be. */
extern const struct policy_key {
	const char *key;
	const char *const *words; /* ended by NULL */
	const int8_t *who; /* what each means */
	const char *allowed;
} policy_keys[POLICY_RULES];

struct policy policy_default(void);
/* From the number of a word for each rule; less than 0 stays. */
struct policy policy_of_words(const int64_t word[POLICY_RULES]);

/* Halves of a record's cost; they add up to POLICY_WHOLE. */
#define POLICY_WHOLE 2u
struct policy_shares {
	uint8_t payer, cause, host, nobody;
};

/* Classes for which others than the payer may pay, a bit each. */
#define POLICY_CLASSES \
	(1u << ACCTRING_CLASS_RX | 1u << ACCTRING_CLASS_BROADCAST | 1u << ACCTRING_CLASS_DROP)

/*
 * Who pays for a record of that class.  `payer`, `cause`: rows; `known`: the
 * backend opened the cause's row, and dom0 has not said no to it.  What has
 * no known cause came from outside.  `vm` (may be NULL) stands above `host`.
 */
struct policy_shares policy_decide(const struct policy *host, const struct policy *vm,
				   unsigned int klass, unsigned int payer, unsigned int cause,
				   bool known);

#endif
