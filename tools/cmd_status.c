/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_status.c - acctctl status: the links, and what the accountant knows
 * of each driver domain.  From the store: the latter only.
 */
#include "common/log.h"
#include "tools/command.h"
#include "tools/ledger.h"
#include "tools/source.h"
#include "tools/table.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	PROGRAM,
	BACKEND,
	SLOT,
	EPOCH,
	STATE,
	RATE,
	RECORDS,
	SPILLED,
	OVERFLOWED,
	LANES,
	CPU,
	REASON
};

static void link_head(struct table *t)
{
	static const char *const title[] = { "PROGRAM",	   "DOMAIN", "SLOT",	"EPOCH",
					     "STATE",	   "REC/S",  "RECORDS", "SPILLED",
					     "OVERFLOWED", "LANES",  "CPU",	"REASON" };
	struct table_row *row = table_add(t, TABLE_BOLD);
	unsigned int i;

	t->columns = REASON + 1;
	t->left = 1u << PROGRAM | 1u << EPOCH | 1u << STATE | 1u << REASON;
	for (i = 0; i < t->columns; i++)
		table_cell(row, i, "%s", title[i]);
}

static void link_row(struct table *t, const struct snap_link *l, double rate)
{
	enum table_style style = TABLE_PLAIN;
	struct table_row *row;
	char buf[HUMAN];

	if (!strcmp(l->state, "attached"))
		style = TABLE_GOOD;
	else if (!strcmp(l->state, "refused"))
		style = TABLE_BAD;
	row = table_add(t, style);
	table_cell(row, PROGRAM, "%s", l->program[0] ? l->program : "-");
	table_cell(row, BACKEND, "%" PRIu64, l->backend);
	table_cell(row, SLOT, "%" PRIu64, l->slot);
	table_cell(row, EPOCH, "%s", l->epoch);
	table_cell(row, STATE, "%s", l->state);
	table_cell(row, RATE, "%s", rate < 0 ? "-" : human_count(buf, rate));
	table_cell(row, RECORDS, "%s", human_count(buf, (double)l->records));
	table_cell(row, SPILLED, "%s", human_count(buf, (double)l->spilled));
	table_cell(row, OVERFLOWED, "%s", human_count(buf, (double)l->overflowed));
	table_cell(row, LANES, "%" PRIu64, l->lanes);
	table_cell(row, CPU, "%s", human_time(buf, (int64_t)l->cpu_ns));
	table_cell(row, REASON, "%s",
		   l->reason[0] || !l->never_asks ? l->reason : "never asks: not limited");
}

static void show_links(const struct snapshot *before, const struct snapshot *now, bool colours)
{
	struct table t = { 0 };
	size_t i;

	link_head(&t);
	for (i = 0; i < now->links; i++)
		link_row(&t, &now->link[i], ledger_link_rate(before, now, &now->link[i]));
	table_print(&t, stdout, colours);
	table_free(&t);
}

static void domain_row(struct table *t, const struct snap_domain *d)
{
	struct table_row *row =
		table_add(t, d->epochs_lost || d->refused_units ? TABLE_BAD : TABLE_PLAIN);
	char buf[HUMAN];

	table_cell(row, 0, "%.40s", d->name[0] ? d->name : d->uuid);
	table_cell(row, 1, "%" PRIu64, d->domid);
	table_cell(row, 2, "%s", human_time(buf, (int64_t)d->measured_ns));
	table_cell(row, 3, "%s", human_time(buf, (int64_t)d->charged_ns));
	table_cell(row, 4, "%s", human_time(buf, (int64_t)d->own_ns));
	table_cell(row, 5, "%s", human_time(buf, d->unattributed_ns));
	table_cell(row, 6, "%s", human_count(buf, (double)d->refused_units));
	table_cell(row, 7, "%" PRIu64, d->epochs_lost);
}

/* What only one of the sources knows. */
static void domain_more(struct table_row *row, const struct snap_domain *d, bool store)
{
	double age = (double)time(NULL) - d->t;
	char buf[HUMAN];

	if (!store) {
		table_cell(row, 8, "%s", human_time(buf, (int64_t)d->refused_ns));
		return;
	}
	table_cell(row, 8, "%" PRIu64, d->accountant);
	table_cell(row, 9, "%" PRIu64, d->links);
	table_cell(row, 10, "%.0f s", age > 0 ? age : 0);
}

static void show_domains(const struct snapshot *now, bool colours)
{
	static const char *const title[] = { "DRIVER DOMAIN", "DOMID",	      "MEASURED", "CHARGED",
					     "OWN",	      "UNATTRIBUTED", "REFUSED",  "LOST",
					     "REFUSED CPU",   "ACCOUNTANT",   "LINKS",	  "AGE" };
	struct table t = { .columns = now->store ? 11 : 9, .left = 1 };
	struct table_row *row = table_add(&t, TABLE_BOLD);
	unsigned int i;
	size_t k;

	for (i = 0; i < t.columns; i++)
		table_cell(row, i, "%s", title[i < 8 || !now->store ? i : i + 1]);
	for (k = 0; k < now->domains; k++) {
		domain_row(&t, &now->domain[k]);
		domain_more(&t.row[t.rows - 1], &now->domain[k], now->store);
	}
	table_print(&t, stdout, colours);
	table_free(&t);
}

static json_t *link_json(const struct snap_link *l, double rate)
{
	return json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:b}",
			 "program", l->program, "backend", (json_int_t)l->backend, "slot",
			 (json_int_t)l->slot, "epoch", l->epoch, "state", l->state, "reason",
			 l->reason, "records_per_s", rate < 0 ? json_null() : json_real(rate),
			 "records", (json_int_t)l->records, "spilled", (json_int_t)l->spilled,
			 "overflowed", (json_int_t)l->overflowed, "lanes", (json_int_t)l->lanes,
			 "cpu_ns", (json_int_t)l->cpu_ns, "never_asks", l->never_asks);
}

static json_t *domain_json(const struct snap_domain *d, bool store)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:f}",
			 "uuid", d->uuid, "name", d->name, "domid", (json_int_t)d->domid,
			 "measured_ns", (json_int_t)d->measured_ns, "charged_ns",
			 (json_int_t)d->charged_ns, "own_ns", (json_int_t)d->own_ns,
			 "unattributed_ns", (json_int_t)d->unattributed_ns, "refused_units",
			 (json_int_t)d->refused_units, "refused_ns",
			 store ? json_null() : json_integer((json_int_t)d->refused_ns),
			 "epochs_lost", (json_int_t)d->epochs_lost, "accountant",
			 (json_int_t)d->accountant, "links", (json_int_t)d->links, "t", d->t);
}

static void show_json(const struct snapshot *before, const struct snapshot *now)
{
	json_t *links = json_array(), *domains = json_array(), *all;
	size_t i;

	for (i = 0; i < now->links; i++)
		json_array_append_new(
			links,
			link_json(&now->link[i], ledger_link_rate(before, now, &now->link[i])));
	for (i = 0; i < now->domains; i++)
		json_array_append_new(domains, domain_json(&now->domain[i], now->store));
	all = json_pack("{s:i, s:s, s:f, s:o, s:s, s:o, s:o, s:o, s:b, s:I}", "v", 1, "source",
			now->store ? "store" : "socket", "t", now->t, "domid",
			now->store ? json_null() : json_integer((json_int_t)now->domid),
			"incarnation", now->incarnation, "links", links, "domains", domains,
			"guard", now->guard[0] ? json_string(now->guard) : json_null(), "share",
			now->share, "limits", (json_int_t)now->limits);
	if (!all || json_dumpf(all, stdout, JSON_COMPACT))
		die(EXIT_RUNTIME, "cannot write JSON");
	putchar('\n');
	json_decref(all);
}

static void show(const struct snapshot *before, const struct snapshot *now)
{
	bool colours = table_colours(stdout);
	char guard[SNAP_GUARD];

	if (now->store) {
		show_domains(now, colours);
		puts("\nLinks, one by one: acctctl status, in the domain of the accountant.");
		return;
	}
	printf("accountant in domain %" PRIu64 ", ledger %s\n", now->domid, now->incarnation);
	snap_guard(now, guard);
	if (now->guard[0])
		printf("guard %s, share %s, %zu limit%s: acctctl limit --list\n", guard,
		       now->share ? "on" : "off", now->limits, now->limits == 1 ? "" : "s");
	putchar('\n');
	show_links(before, now, colours);
	putchar('\n');
	show_domains(now, colours);
}

int cmd_status(int argc, char **argv)
{
	struct snapshot before, now = { 0 };
	struct source src;
	struct common o;
	int status;

	common_parse(&o, argc, argv, TAKES_JSON | TAKES_SOURCE);
	source_begin(&src, &o);
	status = source_get(&src, &before);
	/* links have rates; the store tells of none */
	if (!status && !before.store) {
		watch_sleep(1);
		status = source_get(&src, &now);
	}
	if (!status && o.json)
		show_json(&before, before.store ? &before : &now);
	else if (!status)
		show(&before, before.store ? &before : &now);
	source_end(&src);
	snap_free(&before);
	snap_free(&now);
	return status;
}
