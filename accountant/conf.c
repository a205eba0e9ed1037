/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/conf.h"
#include "accountant/limits.h"
#include "common/conf.h"
#include "common/percent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool defaults(struct conf *c)
{
	*c = (struct conf){
		.database = strdup(DATABASE_DIR "/ledger.db"),
		.socket = strdup(SOCKET_DIR "/acctringd.sock"),
		.synchronous = strdup("normal"),
		.tick_ms = 10,
		.idle_ms = 100,
		.commit_ms = 100,
		.unresolved_ms = 10000,
		.statement_ms = 100,
		.restart_ms = 5000,
		.accounts_per_vm = ACCOUNTS_PER_VM,
		.guard = GUARD_AUTO,
		.rules.host = policy_default(),
	};
	return c->database && c->socket && c->synchronous;
}

/* What is read before it is known to be right; numbers of words, less than 0: not there. */
struct loading {
	struct conf *c;
	int64_t pays[POLICY_RULES];
	char *vm;
	int64_t vm_pays[POLICY_RULES], weight;
	char *percent, *driver;
};

static const char *add_vm(void *ctx)
{
	struct loading *l = ctx;
	struct rule r;

	if (!l->vm)
		return "vm is missing, allowed: { vm = \"..\"; receive = \"..\"; .. }";
	if (!domtext_ok(l->vm))
		return "vm: not a VM, allowed: " DOMTEXT_ALLOWED;
	snprintf(r.vm, sizeof(r.vm), "%s", l->vm);
	r.policy = policy_of_words(l->vm_pays);
	r.weight = (unsigned int)l->weight;
	return rules_add(&l->c->rules, &r) ? NULL : "no memory";
}

static const char *add_limit(void *ctx)
{
	struct loading *l = ctx;
	uint64_t ppm;

	if (!l->vm || !l->percent)
		return "vm or cpu is missing, allowed: { vm = \"..\"; cpu = \"5%\"; driver = "
		       "\"..\"; }";
	if (!domtext_ok(l->vm))
		return "vm: not a VM, allowed: " DOMTEXT_ALLOWED;
	if (l->driver && !domtext_ok(l->driver))
		return "driver: not a domain, allowed: " DOMTEXT_ALLOWED;
	if (!percent_parse(l->percent, &ppm))
		return "cpu: not a part of a CPU, allowed: " PERCENT_ALLOWED;
	return quota_load(&l->c->quotas, l->vm, l->driver ? l->driver : "", ppm) ? NULL
										 : "no memory";
}

#define DOMAIN_KEY(name, to)                                                                   \
	{                                                                                      \
		.key = (name), .type = CONF_STRING, .out = (to), .min = 1, .max = DOMTEXT - 1, \
		.allowed = DOMTEXT_ALLOWED                                                     \
	}
#define PAYS(to, rule)                                                                 \
	{                                                                              \
		.key = policy_keys[rule].key, .type = CONF_CHOICE, .out = &(to)[rule], \
		.words = policy_keys[rule].words, .allowed = policy_keys[rule].allowed \
	}
#define ALL_PAYS(to)                                                                            \
	PAYS(to, POLICY_RECEIVE), PAYS(to, POLICY_RECEIVE_OUTSIDE), PAYS(to, POLICY_BROADCAST), \
		PAYS(to, POLICY_BROADCAST_OUTSIDE), PAYS(to, POLICY_DROP)

static bool read_file(struct loading *l, const char *file, char **error)
{
	struct conf *c = l->c;
	const struct conf_key pays[] = { ALL_PAYS(l->pays), { .key = NULL } };
	const struct conf_key vm[] = {
		DOMAIN_KEY("vm", &l->vm),
		{ .key = "weight",
		  .type = CONF_INT,
		  .out = &l->weight,
		  .min = 0,
		  .max = 65535,
		  .allowed = "0..65535, 0: never limited" },
		ALL_PAYS(l->vm_pays),
		{ .key = NULL },
	};
	const struct conf_key limit[] = {
		DOMAIN_KEY("vm", &l->vm),
		{ .key = "cpu",
		  .type = CONF_STRING,
		  .out = &l->percent,
		  .min = 1,
		  .max = 32,
		  .allowed = "\"5%\", " PERCENT_ALLOWED },
		DOMAIN_KEY("driver", &l->driver),
		{ .key = NULL },
	};
	static const char *const guards[] = { "observe", "on", "auto", NULL };
	static const char *const shares[] = { "off", "on", NULL };
	static const char *const unclaimed[] = { "host", "users", NULL };
	const struct conf_key keys[] = {
		{ .key = "database",
		  .type = CONF_STRING,
		  .out = &c->database,
		  .min = 1,
		  .max = 4000,
		  .allowed = "a path" },
		{ .key = "socket",
		  .type = CONF_STRING,
		  .out = &c->socket,
		  .min = 1,
		  .max = 99,
		  .allowed = "a path of at most 99 bytes" },
		{ .key = "synchronous",
		  .type = CONF_STRING,
		  .out = &c->synchronous,
		  .min = 1,
		  .max = 16,
		  .allowed = "\"normal\", \"full\"" },
		{ .key = "tick_ms",
		  .type = CONF_INT,
		  .out = &c->tick_ms,
		  .min = 1,
		  .max = 1000,
		  .allowed = "1..1000" },
		{ .key = "idle_ms",
		  .type = CONF_INT,
		  .out = &c->idle_ms,
		  .min = 1,
		  .max = 1000,
		  .allowed = "1..1000" },
		{ .key = "commit_ms",
		  .type = CONF_INT,
		  .out = &c->commit_ms,
		  .min = 10,
		  .max = 10000,
		  .allowed = "10..10000" },
		{ .key = "unresolved_ms",
		  .type = CONF_INT,
		  .out = &c->unresolved_ms,
		  .min = 0,
		  .max = 3600000,
		  .allowed = "0..3600000" },
		{ .key = "statement_ms",
		  .type = CONF_INT,
		  .out = &c->statement_ms,
		  .min = 10,
		  .max = 60000,
		  .allowed = "10..60000" },
		{ .key = "restart_ms",
		  .type = CONF_INT,
		  .out = &c->restart_ms,
		  .min = 10,
		  .max = 60000,
		  .allowed = "10..60000" },
		{ .key = "accounts_per_vm",
		  .type = CONF_INT,
		  .out = &c->accounts_per_vm,
		  .min = 2,
		  .max = 100000,
		  .allowed = "2..100000" },
		{ .key = "pays",
		  .type = CONF_GROUP,
		  .item = pays,
		  .allowed = "{ receive = \"..\"; .. }" },
		{ .key = "vms",
		  .type = CONF_LIST,
		  .min = 0,
		  .max = RULES_MAX,
		  .allowed = "( { vm = \"..\"; receive = \"..\"; .. }, .. ), at most 1024 of them",
		  .item = vm,
		  .add = add_vm },
		{ .key = "guard",
		  .type = CONF_CHOICE,
		  .out = &c->guard,
		  .words = guards,
		  .allowed = "\"auto\", \"on\", \"observe\"" },
		{ .key = "share",
		  .type = CONF_CHOICE,
		  .out = &c->share,
		  .words = shares,
		  .allowed = "\"off\", \"on\"" },
		{ .key = "unclaimed",
		  .type = CONF_CHOICE,
		  .out = &c->unclaimed,
		  .words = unclaimed,
		  .allowed = "\"host\", \"users\"" },
		{ .key = "limits",
		  .type = CONF_LIST,
		  .min = 0,
		  .max = RULES_MAX,
		  .allowed = "( { vm = \"..\"; cpu = \"5%\"; driver = \"..\"; }, .. ), at most "
			     "1024 of them",
		  .item = limit,
		  .add = add_limit },
		{ .key = NULL },
	};

	return conf_read(file, keys, l, error);
}

static bool from_file(struct conf *c, const char *file, char **error)
{
	struct loading l = { .c = c, .weight = WEIGHT_PRESET };
	struct policy p;
	bool ok;

	for (unsigned int i = 0; i < POLICY_RULES; i++)
		l.pays[i] = l.vm_pays[i] = -1;
	ok = read_file(&l, file, error);
	free(l.vm);
	free(l.percent);
	free(l.driver);
	p = policy_of_words(l.pays);
	for (unsigned int i = 0; i < POLICY_RULES; i++)
		if (p.who[i] >= 0)
			c->rules.host.who[i] = p.who[i];
	return ok;
}

static bool settle(struct conf *c, const char *file, char **error)
{
	if (!strcmp(c->synchronous, "full"))
		c->full_sync = true;
	else if (strcmp(c->synchronous, "normal")) {
		if (asprintf(error, "%s: synchronous: \"%s\", allowed: \"normal\", \"full\"", file,
			     c->synchronous) < 0)
			*error = NULL;
		return false;
	}
	if (c->idle_ms < c->tick_ms)
		c->idle_ms = c->tick_ms;
	return true;
}

static void replace(char **to, const char *by)
{
	if (!by)
		return;
	free(*to);
	*to = strdup(by);
}

bool settings_load(struct conf *c, const struct options *o, char **error)
{
	const char *file = o->file ? o->file : CONF_DEFAULT;

	*error = NULL;
	if (!defaults(c) || ((o->file || !access(file, F_OK)) && !from_file(c, file, error)) ||
	    !settle(c, file, error)) {
		settings_free(c);
		return false;
	}
	replace(&c->database, o->database);
	replace(&c->socket, o->socket);
	return c->database && c->socket;
}

void settings_free(struct conf *c)
{
	free(c->database);
	free(c->socket);
	free(c->synchronous);
	rules_free(&c->rules);
	quota_free(&c->quotas);
	memset(c, 0, sizeof(*c));
}
