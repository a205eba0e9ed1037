/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config_debt.c - the law of debt as configured.
 */
#include "collector/config.h"
#include "collector/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const scopes[] = { "auto", "all", "none" };

static int scope_of(const char *text)
{
	int i;

	for (i = 0; i < 3; i++)
		if (!strcmp(scopes[i], text))
			return i;
	return -1;
}

bool config_debt_begin(struct config_debt *d)
{
	struct balance_params law;

	balance_defaults(&law);
	d->mode = strdup("observe");
	d->scope = strdup("auto");
	d->entitlements = strdup(KEEP_DIR);
	d->max_debt_share = law.max_share_pm / 10;
	d->max_debt_ms = law.max_debt_ms;
	d->burst_ms = law.burst_ms;
	d->charge_factor = law.charge_pm / 10;
	return d->mode && d->scope && d->entitlements;
}

void config_debt_free(struct config_debt *d)
{
	free(d->mode);
	free(d->scope);
	free(d->entitlements);
}

static bool bad(char **error, const char *file, const char *key, const char *value,
		const char *allowed)
{
	if (asprintf(error, "%s: %s: \"%s\", allowed: %s", file, key, value, allowed) < 0)
		*error = NULL;
	return false;
}

bool config_debt_settle(struct config *c, const char *file, char **error)
{
	struct config_debt *d = &c->debt;
	int scope = scope_of(d->scope);

	if (!mode_parse(d->mode, &c->mode))
		return bad(error, file, "mode", d->mode, "\"observe\", \"guard\", \"debt\"");
	if (scope < 0)
		return bad(error, file, "scope", d->scope, "\"auto\", \"all\", \"none\"");
	c->scope = (enum balance_scope)scope;
	balance_defaults(&c->law);
	c->law.max_share_pm = (unsigned int)d->max_debt_share * 10;
	c->law.max_debt_ms = (unsigned int)d->max_debt_ms;
	c->law.burst_ms = (unsigned int)d->burst_ms;
	c->law.charge_pm = (unsigned int)d->charge_factor * 10;
	c->law.included = (uint64_t)(d->included * BALANCE_GRAIN);
	c->law.floor = (uint64_t)(d->floor * BALANCE_GRAIN);
	return true;
}
