/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * config.c - see config.h.
 */
#include "collector/config.h"

#include "common/conf.h"
#include "common/domtext.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct loading {
	struct config *config;
	struct config_driver item;
	char *trust; /* of that item */
};

static const char *add_driver(void *ctx)
{
	struct loading *l = ctx;
	struct config *c = l->config;
	struct config_driver *d = &c->driver[c->drivers];
	unsigned int i;

	if (!l->item.domain)
		return "domain is missing, allowed: { domain = \"..\"; accountant = \"..\"; }";
	if (!l->item.accountant)
		l->item.accountant = strdup("0");
	if (!l->item.accountant)
		return "no memory";
	if (!domtext_ok(l->item.domain))
		return "domain: not a domain, allowed: " DOMTEXT_ALLOWED;
	if (!domtext_ok(l->item.accountant))
		return "accountant: not a domain, allowed: " DOMTEXT_ALLOWED;
	if (l->trust && strcmp(l->trust, "full") != 0 && strcmp(l->trust, "none") != 0)
		return "trust: unknown, allowed: \"full\", \"none\"";
	l->item.untrusted = l->trust && !strcmp(l->trust, "none");
	for (i = 0; i < c->drivers; i++)
		if (!strcmp(c->driver[i].domain, l->item.domain))
			return "domain: named twice, allowed: one accountant for each domain";
	*d = l->item;
	l->item.domain = l->item.accountant = NULL;
	c->drivers++;
	return NULL;
}

static bool load_default(struct config *c)
{
	c->driver[0].domain = strdup("0");
	c->driver[0].accountant = strdup("0");
	c->drivers = 1;
	return c->driver[0].domain && c->driver[0].accountant;
}

static bool load_file(struct loading *l, const char *file, char **error)
{
	struct config *c = l->config;
	struct config_debt *d = &c->debt;
	const struct conf_key item[] = {
		{ .key = "domain",
		  .type = CONF_STRING,
		  .out = &l->item.domain,
		  .min = 1,
		  .max = 63,
		  .allowed = DOMTEXT_ALLOWED },
		{ .key = "accountant",
		  .type = CONF_STRING,
		  .out = &l->item.accountant,
		  .min = 1,
		  .max = 63,
		  .allowed = DOMTEXT_ALLOWED },
		{ .key = "trust",
		  .type = CONF_STRING,
		  .out = &l->trust,
		  .min = 1,
		  .max = 16,
		  .allowed = "\"full\", \"none\"" },
		{ .key = NULL },
	};
	const struct conf_key keys[] = {
		{ .key = "drivers",
		  .type = CONF_LIST,
		  .min = 1,
		  .max = CONFIG_MAX_DRIVERS,
		  .allowed = "( { domain = \"..\"; accountant = \"..\"; }, .. ), 1..64 of them",
		  .item = item,
		  .add = add_driver },
		{ .key = "bill_period_ms",
		  .type = CONF_INT,
		  .out = &c->bill_period_ms,
		  .min = 1000,
		  .max = 3600000,
		  .allowed = "1000..3600000 ms" },
		{ .key = "measure_period_ms",
		  .type = CONF_INT,
		  .out = &c->measure_period_ms,
		  .min = 100,
		  .max = 60000,
		  .allowed = "100..60000 ms" },
		{ .key = "mode",
		  .type = CONF_STRING,
		  .out = &d->mode,
		  .min = 1,
		  .max = 16,
		  .allowed = "\"observe\", \"guard\", \"debt\"" },
		{ .key = "scope",
		  .type = CONF_STRING,
		  .out = &d->scope,
		  .min = 1,
		  .max = 16,
		  .allowed = "\"auto\", \"all\", \"none\"" },
		{ .key = "entitlements",
		  .type = CONF_STRING,
		  .out = &d->entitlements,
		  .min = 1,
		  .max = 4000,
		  .allowed = "a path" },
		{ .key = "max_debt_share",
		  .type = CONF_INT,
		  .out = &d->max_debt_share,
		  .min = 0,
		  .max = 1000,
		  .allowed = "0..1000 % of an entitlement" },
		{ .key = "max_debt_ms",
		  .type = CONF_INT,
		  .out = &d->max_debt_ms,
		  .min = 0,
		  .max = 60000,
		  .allowed = "0..60000 ms of an entitlement" },
		{ .key = "burst_ms",
		  .type = CONF_INT,
		  .out = &d->burst_ms,
		  .min = 0,
		  .max = 60000,
		  .allowed = "0..60000 ms of an entitlement" },
		{ .key = "charge_factor",
		  .type = CONF_INT,
		  .out = &d->charge_factor,
		  .min = 0,
		  .max = 1000,
		  .allowed = "0..1000 %" },
		{ .key = "included",
		  .type = CONF_INT,
		  .out = &d->included,
		  .min = 0,
		  .max = 100000,
		  .allowed = "0..100000 % of a CPU" },
		{ .key = "floor",
		  .type = CONF_INT,
		  .out = &d->floor,
		  .min = 0,
		  .max = 100000,
		  .allowed = "0..100000 % of a CPU" },
		{ .key = NULL },
	};

	return conf_read(file, keys, l, error);
}

bool config_load(struct config *c, const char *file, bool *defaulted, char **error)
{
	struct loading l = { .config = c };
	bool ok;

	memset(c, 0, sizeof(*c));
	c->bill_period_ms = 5000;
	c->measure_period_ms = 1000;
	*error = NULL;
	ok = config_debt_begin(&c->debt);
	*defaulted = !file && access(CONFIG_PATH, F_OK);
	if (ok && !*defaulted)
		ok = load_file(&l, file ? file : CONFIG_PATH, error);
	ok = ok && config_debt_settle(c, file ? file : CONFIG_PATH, error);
	if (ok && !c->drivers)
		ok = load_default(c);
	free(l.item.domain);
	free(l.item.accountant);
	free(l.trust);
	if (!ok)
		config_free(c);
	return ok;
}

void config_free(struct config *c)
{
	unsigned int i;

	for (i = 0; i < c->drivers; i++) {
		free(c->driver[i].domain);
		free(c->driver[i].accountant);
	}
	config_debt_free(&c->debt);
	memset(c, 0, sizeof(*c));
}
