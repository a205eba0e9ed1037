/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.h - configuration of acctring-collector (docs/configuration.md).
 */
#ifndef COLLECTOR_CONFIG_H
#define COLLECTOR_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_PATH "/etc/acctring/collector.conf"
#define CONFIG_MAX_DRIVERS 64

/* A driver domain and its accountant: a domid, a UUID or a name each. */
struct config_driver {
	char *domain;
	char *accountant;
};

struct config {
	struct config_driver driver[CONFIG_MAX_DRIVERS];
	unsigned int drivers;
	int64_t bill_period_ms;
	int64_t measure_period_ms;
};

/*
 * file NULL: the default path, and where nothing is there, dom0 serves
 * itself (*defaulted).  false: a malloc'ed line in *error, `c` is empty.
 */
bool config_load(struct config *c, const char *file, bool *defaulted, char **error);
void config_free(struct config *c);

#endif
