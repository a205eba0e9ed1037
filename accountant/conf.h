/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf.h - command line and configuration of acctringd.
 */
#ifndef ACCOUNTANT_CONF_H
#define ACCOUNTANT_CONF_H

#include "accountant/quota.h"
#include "accountant/rules.h"

#include <stdbool.h>
#include <stdint.h>

#define CONF_DEFAULT "/etc/acctring/acctringd.conf"

/* Of the default ledger and socket. */
#define DATABASE_DIR "/var/lib/acctring"
#define SOCKET_DIR "/run/acctring"

/* From the command line; stands above the file. */
struct options {
	char **argv;
	const char *file; /* -c; NULL: CONF_DEFAULT, which may be absent */
	const char *database; /* -d */
	const char *socket; /* -s */
	bool check, syslog, verbose;
	int worker; /* socket to the holder; -1: we are the holder */
};

/* Whether limits act.  AUTO: where dom0 says guard or debt. */
enum guard_when { GUARD_OBSERVE, GUARD_ON, GUARD_AUTO };

struct conf {
	char *database;
	char *socket;
	char *synchronous;
	bool full_sync;
	int64_t tick_ms, idle_ms, commit_ms, unresolved_ms, statement_ms, restart_ms;
	int64_t accounts_per_vm;
	struct rules rules; /* who pays; weights */
	int64_t guard; /* enum guard_when */
	int64_t share; /* 1: on, unless commanded otherwise */
	int64_t unclaimed; /* 1: who uses a driver domain pays what nobody claimed: rest.h */
	struct quotas quotas;
};

/* false: one line in *error (malloc'ed). */
bool settings_load(struct conf *c, const struct options *o, char **error);
void settings_free(struct conf *c);

#endif
