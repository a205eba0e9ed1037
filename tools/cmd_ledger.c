/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_ledger.c - acctctl ledger: who makes the driver domains work.
 */
#include "common/log.h"
#include "tools/bases.h"
#include "tools/command.h"
#include "tools/ledger.h"
#include "tools/owed.h"
#include "tools/owncpu.h"
#include "tools/source.h"
#include "tools/table.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_WIDE 36 /* a UUID; with it a line has at most 100 columns */
#define LEGEND \
	"percent of one CPU (SHARE %: of its drivers' total); TOTAL CPU since the account began"
#define POLL_S 0.25
#define WAIT_S 10 /* without --watch, for figures of the collector */

/* One look at the accountant and at the hypervisor. */
struct look {
	struct snapshot snap;
	struct owncpu own;
	struct owed owed; /* last, where mode debt is on */
};

enum { NAME, DOMID, OWN, PERCENT, SHARE, TOTAL, REQUESTS, BYTES, DEBT, COLUMNS };

static void head(struct table *t, bool debt)
{
	/* two lines: in one they would not leave 36 columns to a name */
	static const char *const title[2][COLUMNS] = {
		{ "", "", "VM", "DRIVER", "", "TOTAL", "", "", "" },
		{ "VM", "DOMID", "CPU %", "CPU %", "SHARE %", "CPU", "REQ/S", "BYTES/S", "DEBT" },
	};
	unsigned int line, i;

	t->columns = debt ? COLUMNS : DEBT;
	t->left = 1u << NAME;
	for (line = 0; line < 2; line++) {
		struct table_row *row = table_add(t, TABLE_BOLD);

		for (i = 0; i < t->columns; i++)
			table_cell(row, i, "%s", title[line][i]);
	}
}

static void share_cell(struct table_row *row, double share)
{
	if (share < 0)
		table_cell(row, SHARE, "-");
	else
		table_cell(row, SHARE, "%.1f", share);
}

static void vm_row(struct table *t, const struct ledger_vm *vm, const struct look *before,
		   const struct look *now)
{
	struct table_row *row = table_add(t, TABLE_PLAIN);
	char buf[HUMAN];
	uint64_t debt;
	double own;

	table_cell(row, NAME, "%.*s", NAME_WIDE, vm->name[0] ? vm->name : vm->uuid);
	table_cell(row, DOMID, "%" PRIu64, vm->domid);
	if (owncpu_percent(&before->own, &now->own, vm->domid, vm->uuid, &own))
		table_cell(row, OWN, "%.1f", own);
	else
		table_cell(row, OWN, "-");
	table_cell(row, TOTAL, "%s", human_time(buf, (int64_t)vm->charged_ns));
	if (owed_of(&now->owed, vm->uuid, &debt))
		table_cell(row, DEBT, "%s", human_time(buf, (int64_t)debt));
	if (!vm->rates) {
		table_cell(row, PERCENT, "-");
		table_cell(row, SHARE, "-");
		table_cell(row, REQUESTS, "-");
		table_cell(row, BYTES, "-");
		return;
	}
	table_cell(row, PERCENT, "%.1f", vm->percent);
	share_cell(row, vm->share);
	table_cell(row, REQUESTS, "%s", human_count(buf, vm->units_s));
	table_cell(row, BYTES, "%s", human_bytes(buf, vm->bytes_s));
}

static void foot_row(struct table *t, const struct ledger_domain *d, bool many, const char *what,
		     double percent, int64_t ns, enum table_style style)
{
	struct table_row *row = table_add(t, style);
	char buf[HUMAN];

	if (many)
		table_cell(row, NAME, "%.20s: %s", d->now->name[0] ? d->now->name : d->now->uuid,
			   what);
	else
		table_cell(row, NAME, "driver: %s", what);
	table_cell(row, DOMID, "%" PRIu64, d->now->domid);
	if (d->rates)
		table_cell(row, PERCENT, "%.1f", percent);
	else
		table_cell(row, PERCENT, "-");
	if (d->rates && d->measured > 0)
		table_cell(row, SHARE, "%.1f",
			   percent < d->measured ? 100 * percent / d->measured : 100.0);
	else
		table_cell(row, SHARE, "-");
	table_cell(row, TOTAL, "%s", human_time(buf, ns));
}

static void foot(struct table *t, const struct ledger *l)
{
	bool many = l->domains > 1;
	size_t i;

	for (i = 0; i < l->domains; i++) {
		const struct ledger_domain *d = &l->domain[i];

		foot_row(t, d, many, "own work", d->own, (int64_t)d->now->own_ns, TABLE_DIM);
		foot_row(t, d, many, "unattributed", d->unattributed, d->now->unattributed_ns,
			 TABLE_DIM);
		foot_row(t, d, many, "total measured", d->measured, (int64_t)d->now->measured_ns,
			 TABLE_BOLD);
	}
}

static void show_table(const struct ledger *l, const struct look *before, const struct look *now)
{
	bool colours = table_colours(stdout);
	struct table t = { 0 };
	size_t i;

	head(&t, now->owed.n > 0);
	for (i = 0; i < l->vms; i++)
		vm_row(&t, &l->vm[i], before, now);
	foot(&t, l);
	table_print(&t, stdout, colours);
	printf("%s%s\n", colours ? "\033[2m" : "", LEGEND);
	for (i = 0; i < l->domains && l->domains > 1; i++)
		printf("%s %.20s (%" PRIu64 ")",
		       i ? "," : "driver domains:", l->domain[i].now->name,
		       l->domain[i].now->domid);
	printf("%s%s", l->domains > 1 ? "; one alone: --driver DOMAIN\n" : "",
	       colours ? "\033[0m" : "");
	table_free(&t);
}

static json_t *rate(bool known, double value)
{
	return known ? json_real(value) : json_null();
}

static json_t *vm_json(const struct ledger_vm *vm, const struct look *before,
		       const struct look *now)
{
	uint64_t debt = 0;
	double own = 0;
	json_t *o;
	bool owes = owed_of(&now->owed, vm->uuid, &debt);
	bool known = owncpu_percent(&before->own, &now->own, vm->domid, vm->uuid, &own);

	o = json_pack(
		"{s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}, "
		"s:o}",
		"uuid", vm->uuid, "domid", (json_int_t)vm->domid, "name", vm->name,
		"own_cpu_percent", rate(known, own), "driver_cpu_percent",
		rate(vm->rates, vm->percent), "driver_share_percent",
		rate(vm->rates && vm->share >= 0, vm->share), "units_per_s",
		rate(vm->rates, vm->units_s), "bytes_per_s", rate(vm->rates, vm->bytes_s),
		"charged_ns", (json_int_t)vm->charged_ns, "posted_ns", (json_int_t)vm->posted_ns,
		"units", (json_int_t)vm->units, "bytes", (json_int_t)vm->bytes, "kinds", "vbd",
		(json_int_t)vm->vbd_ns, "vif", (json_int_t)vm->vif_ns, "other",
		(json_int_t)vm->other_ns, "debt_ns",
		owes ? json_integer((json_int_t)debt) : json_null());
	bases_json(o, &vm->basis);
	return o;
}

static json_t *domain_json(const struct ledger_domain *d)
{
	const struct snap_domain *n = d->now;

	return json_pack("{s:s, s:I, s:s, s:I, s:f, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "uuid",
			 n->uuid, "domid", (json_int_t)n->domid, "name", n->name, "accountant",
			 (json_int_t)n->accountant, "t", n->t, "measured_ns",
			 (json_int_t)n->measured_ns, "charged_ns", (json_int_t)n->charged_ns,
			 "own_ns", (json_int_t)n->own_ns, "unattributed_ns",
			 (json_int_t)n->unattributed_ns, "measured_percent",
			 rate(d->rates, d->measured), "own_percent", rate(d->rates, d->own),
			 "unattributed_percent", rate(d->rates, d->unattributed));
}

static void show_json(const struct ledger *l, const struct look *before, const struct look *now)
{
	json_t *vms = json_array(), *domains = json_array(), *all;
	size_t i;

	for (i = 0; i < l->vms; i++)
		json_array_append_new(vms, vm_json(&l->vm[i], before, now));
	for (i = 0; i < l->domains; i++)
		json_array_append_new(domains, domain_json(&l->domain[i]));
	all = json_pack("{s:i, s:s, s:f, s:f, s:s, s:o, s:o}", "v", 1, "source",
			now->snap.store ? "store" : "socket", "t", now->snap.t, "interval_s",
			l->interval, "incarnation", now->snap.incarnation, "vms", vms, "domains",
			domains);
	if (!all || json_dumpf(all, stdout, JSON_COMPACT))
		die(EXIT_RUNTIME, "cannot write JSON");
	putchar('\n');
	json_decref(all);
}

static void look_free(struct look *l)
{
	snap_free(&l->snap);
	owncpu_free(&l->own);
	owed_free(&l->owed);
}

static int look(struct look *l, struct source *src, struct owncpu_handle *xen)
{
	int status = source_get(src, &l->snap);

	if (!status) {
		owncpu_read(xen, &l->own);
		owed_read(&l->owed);
	}
	return status;
}

static void show(const struct common *o, const struct look *before, const struct look *now,
		 bool again)
{
	struct ledger l;

	if (!ledger_make(&l, &before->snap, &now->snap))
		die(EXIT_RUNTIME, "no memory");
	if (o->json)
		show_json(&l, before, now);
	else if (o->watch && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	else if (again)
		putchar('\n');
	if (!o->json && o->basis)
		bases_table(&l);
	else if (!o->json)
		show_table(&l, before, now);
	fflush(stdout);
	ledger_free(&l);
}

/* The longest time until the collector writes again. */
static double store_wait(const struct snapshot *s)
{
	double wait = 0;
	size_t i;

	for (i = 0; i < s->domains; i++)
		if (s->domain[i].period > wait)
			wait = s->domain[i].period;
	return wait + 1 < WAIT_S ? wait + 1 : WAIT_S;
}

/*
 * A second look, for rates: the accountant always has figures, the store
 * when the collector writes.  They may be the same in the end, where that
 * takes too long.  < 0: interrupted.
 */
static int look_again(struct look *before, struct look *now, struct source *src,
		      struct owncpu_handle *xen)
{
	double left = before->snap.store ? store_wait(&before->snap) : 0;
	double step = before->snap.store ? POLL_S : 1;
	int status;

	if (before->snap.store && isatty(STDERR_FILENO))
		log_info("measuring until the collector writes again, for at most %.0f s", left);
	do {
		look_free(now);
		if (!watch_sleep(step))
			return -1;
		left -= step;
		status = look(now, src, xen);
	} while (!status && left > 0 && !ledger_moved(&before->snap, &now->snap));
	if (!status && !ledger_moved(&before->snap, &now->snap))
		log_warn("nothing new from the collector: no rates; try --watch");
	return status;
}

/*
 * An accountant that restarts is waited for: nobody answers meanwhile, or it
 * ended in the middle of its answer.
 */
static int look_patiently(struct look *l, struct source *src, struct owncpu_handle *xen,
			  bool *waiting)
{
	int status = look(l, src, xen);

	if (status == EXIT_ENV || (status && !*waiting)) {
		if (!*waiting)
			log_info("waiting for the accountant");
		*waiting = true;
		return 0;
	}
	if (status)
		log_error("%s", src->error);
	*waiting = false;
	return status;
}

static int watch(const struct common *o, struct look *before, struct look *now, struct source *src,
		 struct owncpu_handle *xen)
{
	bool again = false, waiting = false;
	int status = 0;

	src->patient = true;
	/* of the store the next figures may be seconds away */
	if (before->snap.store && !o->json) {
		show(o, before, before, again);
		again = true;
	}
	while (!status && watch_sleep(o->seconds)) {
		status = look_patiently(now, src, xen, &waiting);
		/* the same figures again are no news, and tell no rates */
		if (!status && !waiting && ledger_moved(&before->snap, &now->snap)) {
			show(o, before, now, again);
			again = true;
			look_free(before);
			*before = *now;
			memset(now, 0, sizeof(*now));
		}
		look_free(now);
	}
	return status;
}

int cmd_ledger(int argc, char **argv)
{
	struct look before = { 0 }, now = { 0 };
	struct owncpu_handle *xen;
	struct source src;
	struct common o;
	int status;

	common_parse(&o, argc, argv,
		     TAKES_JSON | TAKES_WATCH | TAKES_SOURCE | TAKES_DRIVER | TAKES_BASIS);
	source_begin(&src, &o);
	xen = owncpu_open();
	watch_begin();
	status = look(&before, &src, xen);
	if (!status && o.watch) {
		status = watch(&o, &before, &now, &src, xen);
	} else if (!status && o.basis && !o.json) {
		show(&o, &before, &before, false); /* sums: nothing to wait for */
	} else if (!status) {
		status = look_again(&before, &now, &src, xen);
		if (!status)
			show(&o, &before, &now, false);
		else if (status < 0)
			status = 0;
	}
	look_free(&before);
	look_free(&now);
	owncpu_close(xen);
	source_end(&src);
	return status;
}
