/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config_debt.c - modes, and the law of debt as configured.
 */
#include "collector/config.h"
#include "collector/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const modes[] = { "observe", "guard", "debt" };
static const char *const scopes[] = { "auto", "all", "none" };

static int index_of(const char *const list[3], const char *text)
{
	int i;

	for (i = 0; i < 3; i++)
		if (!strcmp(list[i], text))
			return i;
	return -1;
}

const char *mode_name(enum mode mode)
{
	return modes[mode];
}

bool mode_parse(const char *text, enum mode *mode)
{
	int i = index_of(modes, text);

	if (i >= 0)
		*mode = (enum mode)i;
	return i >= 0;
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
	int scope = index_of(scopes, d->scope);

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
