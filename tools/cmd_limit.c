/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_limit.c - acctctl limit, acctctl share: commands to the accountant of
 * this domain, on its control socket; and what limits there are.
 */
#include "common/domtext.h"
#include "common/log.h"
#include "common/percent.h"
#include "tools/command.h"
#include "tools/source.h"
#include "tools/table.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ */
/* Commands                                                            */

/* Prints what the accountant answers; its exit status. */
static int command(const char *socket, const char *line)
{
	char reply[SNAP_ERROR], text[SNAP_ERROR];
	int status = snap_command(snap_path(socket), line, reply, sizeof(reply)), code, at;

	if (status) {
		log_error("%s", reply);
		return status;
	}
	snap_text(text, sizeof(text), reply);
	if (!strncmp(text, "ok ", 3)) {
		puts(text + 3);
		return 0;
	}
	if (sscanf(text, "error %d %n", &code, &at) == 1 && code > 0 && code < 5) {
		log_error("%s", text + at);
		return code;
	}
	log_error("the accountant's answer is not understood: %s", text);
	return EXIT_RUNTIME;
}

static int set_limit(const struct common *o)
{
	char vm[DOMTEXT], driver[DOMTEXT] = "-", line[SNAP_ERROR];
	uint64_t ppm = 0;

	snprintf(vm, sizeof(vm), "%s", o->argument);
	if (strlen(o->argument) >= sizeof(vm) || !domtext_ok(vm))
		die(EXIT_USAGE, "limit: %s: not a VM, allowed: " DOMTEXT_ALLOWED, o->argument);
	if (!o->clear && !percent_parse(o->second, &ppm))
		die(EXIT_USAGE, "limit: %s: not a limit, allowed: %s, --clear", o->second,
		    PERCENT_ALLOWED);
	if (o->driver) {
		snprintf(driver, sizeof(driver), "%s", o->driver);
		if (strlen(o->driver) >= sizeof(driver) || !domtext_ok(driver))
			die(EXIT_USAGE,
			    "limit: --driver %s: not a domain, allowed: " DOMTEXT_ALLOWED,
			    o->driver);
	}
	snprintf(line, sizeof(line), "limit vm=%s driver=%s ppm=%" PRIu64 "\n", vm, driver, ppm);
	return command(o->socket, line);
}

int cmd_share(int argc, char **argv)
{
	struct common o;
	bool on;

	common_parse(&o, argc, argv, TAKES_ARGUMENT | TAKES_SOCKET);
	on = o.argument && !strcmp(o.argument, "on");
	if (!on && (!o.argument || strcmp(o.argument, "off") != 0))
		die(EXIT_USAGE, "share: %s, allowed: on, off",
		    o.argument ? o.argument : "what is missing");
	return command(o.socket, on ? "share on=1\n" : "share on=0\n");
}

/* ------------------------------------------------------------------ */
/* The list                                                            */

static void show_json(const struct snapshot *s)
{
	json_t *list = json_array(), *modes = json_array(), *all;

	for (size_t i = 0; i < s->limits; i++) {
		const struct snap_limit *m = &s->limit[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:o, s:s, s:s, s:f, s:s, s:I, s:I, s:I, s:I}", "vm",
				  m->vm, "uuid", m->uuid, "domid",
				  m->found ? json_integer((json_int_t)m->domid) : json_null(),
				  "name", m->name, "driver", m->driver, "percent",
				  (double)m->ppm / 10000, "from", m->commanded ? "command" : "file",
				  "lanes", (json_int_t)m->lanes, "open_lanes",
				  (json_int_t)m->open_lanes, "never_asks",
				  (json_int_t)m->never_asks, "let_go_ns",
				  (json_int_t)m->let_go_ns));
	}
	for (size_t i = 0; i < s->domains; i++)
		if (s->domain[i].mode[0])
			json_array_append_new(modes, json_pack("{s:I, s:s, s:s}", "domid",
							       (json_int_t)s->domain[i].domid,
							       "name", s->domain[i].name, "mode",
							       s->domain[i].mode));
	all = json_pack("{s:i, s:s, s:s, s:b, s:o, s:o}", "v", 1, "guard", s->guard, "guard_set",
			s->guard_set, "share", s->share, "drivers", modes, "limits", list);
	if (!all || json_dumpf(all, stdout, JSON_COMPACT))
		die(EXIT_RUNTIME, "cannot write JSON");
	putchar('\n');
	json_decref(all);
}

static void limit_row(struct table *t, const struct snap_limit *m)
{
	struct table_row *row = table_add(t, m->found ? TABLE_PLAIN : TABLE_DIM);
	char part[PERCENT_TEXT], buf[HUMAN];

	table_cell(row, 0, "%.36s", m->name[0] ? m->name : m->vm);
	if (m->found)
		table_cell(row, 1, "%" PRIu64, m->domid);
	else
		table_cell(row, 1, "-");
	table_cell(row, 2, "%s", percent_format(part, m->ppm));
	table_cell(row, 3, "%.36s", m->driver[0] ? m->driver : "all");
	table_cell(row, 4, "%s", m->commanded ? "command" : "file");
	table_cell(row, 5, "%" PRIu64, m->lanes);
	table_cell(row, 6, "%" PRIu64, m->open_lanes);
	table_cell(row, 7, "%" PRIu64, m->never_asks);
	table_cell(row, 8, "%s", human_time(buf, (int64_t)m->let_go_ns));
}

static void show_table(const struct snapshot *s)
{
	static const char *const title[] = { "VM",    "DOMID",	     "LIMIT",	  "AT",	   "FROM",
					     "LANES", "NOT LIMITED", "NEVER ASK", "LET GO" };
	struct table t = { .columns = 9, .left = 1 | 1 << 3 | 1 << 4 };
	struct table_row *row = table_add(&t, TABLE_BOLD);
	char guard[SNAP_GUARD];
	uint64_t never = 0;

	for (unsigned int i = 0; i < t.columns; i++)
		table_cell(row, i, "%s", title[i]);
	for (size_t i = 0; i < s->limits; i++) {
		limit_row(&t, &s->limit[i]);
		never += s->limit[i].never_asks;
	}
	table_print(&t, stdout, table_colours(stdout));
	table_free(&t);
	snap_guard(s, guard);
	if (never)
		puts("NEVER ASK: connections at backends that serve without asking (acctctl "
		     "status\n"
		     "tells which): no limit holds there; acctring-kernback has --guard. There is "
		     "acctctl debt, in dom0");
	printf("guard %s, share %s\n", guard, s->share ? "on" : "off");
}

static int list_limits(const struct common *o)
{
	struct common from = *o;
	struct source src;
	struct snapshot s;
	int status;

	from.from = "socket";
	source_begin(&src, &from);
	status = source_get(&src, &s);
	if (!status && !s.guard[0]) {
		log_error("limit: this acctringd knows no limits, it is older than this acctctl");
		status = EXIT_RUNTIME;
	} else if (!status && o->json) {
		show_json(&s);
	} else if (!status) {
		show_table(&s);
	}
	source_end(&src);
	snap_free(&s);
	return status;
}

int cmd_limit(int argc, char **argv)
{
	struct common o;

	common_parse(&o, argc, argv,
		     TAKES_ARGUMENT | TAKES_LIMIT | TAKES_DRIVER | TAKES_SOCKET | TAKES_JSON);
	if (o.list) {
		if (o.argument || o.clear || o.driver)
			die(EXIT_USAGE, "limit: --list with more, allowed: --list [--json]");
		return list_limits(&o);
	}
	if (!o.argument || !o.clear != !!o.second || o.json)
		die(EXIT_USAGE, "limit: %s, allowed: VM PERCENT, VM --clear, --list",
		    o.argument ? "not understood" : "a VM is missing");
	return set_limit(&o);
}
