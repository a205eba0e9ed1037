/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/conf.h"
#include "accountant/limits.h"
#include "common/conf.h"

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
		.statement_ms = 200,
		.restart_ms = 5000,
		.accounts_per_vm = ACCOUNTS_PER_VM,
	};
	return c->database && c->socket && c->synchronous;
}

static bool from_file(struct conf *c, const char *file, char **error)
{
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
		  .max = 107,
		  .allowed = "a path of at most 107 bytes" },
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
		{ .key = NULL },
	};

	return conf_read(file, keys, c, error);
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
	memset(c, 0, sizeof(*c));
}
