/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.h - configuration of acctring-collector (docs/configuration.md).
 */
#ifndef COLLECTOR_CONFIG_H
#define COLLECTOR_CONFIG_H

#include "collector/balance.h"
#include "common/mode.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_PATH "/etc/acctring/collector.conf"
#define CONFIG_MAX_DRIVERS 64

/* A driver domain and its accountant: a domid, a UUID or a name each. */
struct config_driver {
	char *domain;
	char *accountant;
	bool untrusted; /* its charges are billed, and become nobody's debt */
};

/* As it stands in the file; balance.h has the meaning, config_debt.c the units. */
struct config_debt {
	char *mode, *scope;
	char *entitlements; /* directory: keep.h */
	int64_t max_debt_share, max_debt_ms, burst_ms, charge_factor, included, floor;
};

struct config {
	struct config_driver driver[CONFIG_MAX_DRIVERS];
	unsigned int drivers;
	int64_t bill_period_ms;
	int64_t measure_period_ms;
	struct config_debt debt;
	/* from it */
	enum mode mode;
	enum balance_scope scope;
	struct balance_params law;
};

/*
 * file NULL: the default path, and where nothing is there, dom0 serves
 * itself (*defaulted).  false: a malloc'ed line in *error, `c` is empty.
 */
bool config_load(struct config *c, const char *file, bool *defaulted, char **error);
void config_free(struct config *c);

/* config_debt.c: the defaults; what was read, checked: false, a malloc'ed line in *error */
bool config_debt_begin(struct config_debt *d);
bool config_debt_settle(struct config *c, const char *file, char **error);
void config_debt_free(struct config_debt *d);

#endif
