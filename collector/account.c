/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * account.c - the bills in the store: what all statements say of a VM that
 * lives, as far as it is believed, in one line that the VM can read.
 */
#include "collector/collector.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void add_source(const struct source *s, bool all, struct bill_book *book)
{
	struct acctring_statement_row above;
	struct bill *bill;
	size_t i;

	for (i = 0; i < s->rows; i++) {
		struct kept *k = &s->row[i];

		bill_above(&k->is, &k->base, &above);
		bill = bill_of(book, k->is.uuid);
		if (!bill || bill_add(bill, all ? &k->is : &above) || k->said)
			continue;
		log_warn("domain %u: a row about domain %u is left out: the bill would exceed 64 "
			 "bits",
			 (unsigned int)s->domid, (unsigned int)k->is.backend);
		k->said = true;
	}
}

static void bill_path(char path[64], uint16_t domid)
{
	snprintf(path, 64, "/local/domain/%u/acctring/bill", (unsigned int)domid);
}

/* With what an earlier collector wrote, if it was the same VM's. */
static struct account *account_of(struct collector *c, const struct domain *vm)
{
	struct account *a;
	char path[64], *line;
	size_t i;

	for (i = 0; i < c->accounts; i++)
		if (c->account[i].domid == vm->domid)
			return &c->account[i];
	a = reallocarray(c->account, c->accounts + 1, sizeof(*a));
	if (!a)
		return NULL;
	c->account = a;
	a += c->accounts++;
	memset(a, 0, sizeof(*a));
	a->domid = vm->domid;
	bill_path(path, vm->domid);
	line = xs_readf(c->xsh, "%s", path);
	a->shown = line && bill_parse(line, &a->bill) && uuid_equal(a->bill.uuid, vm->uuid);
	free(line);
	return a;
}

void accounts_forget(struct collector *c, uint16_t domid)
{
	size_t i;

	for (i = 0; i < c->accounts; i++) {
		if (c->account[i].domid != domid)
			continue;
		c->account[i] = c->account[--c->accounts];
		return;
	}
}

/* A sum that is less than what was billed is not published unnoticed. */
static bool may_go_back(struct collector *c, struct account *a, const struct bill *now)
{
	bool missing = sources_missing(c);

	if (!missing)
		log_warn("domain %u: its bill goes back from %" PRIu64 " to %" PRIu64
			 " ns: a ledger is older or not the same",
			 (unsigned int)a->domid, a->bill.charged_ns, now->charged_ns);
	else if (!a->held)
		log_warn("domain %u: its bill stands still: not all accountants can be read",
			 (unsigned int)a->domid);
	a->held = missing;
	return !missing;
}

static void add_debt(const struct collector *c, struct bill *bill)
{
	const struct debt_vm *v = vm_by_uuid(c, bill->uuid);

	if (!v)
		return;
	bill->passed_ns = v->passed_ns;
	if (c->debt.mode != MODE_DEBT)
		return;
	bill->debt_ns = v->law.is.debt_ns;
	bill->uncollected_ns = v->law.balance.uncollected_ns;
}

static void show(struct collector *c, const struct domain *vm, const struct bill *now)
{
	struct account *a = account_of(c, vm);
	char path[64], line[BILL_LINE];

	if (!a || (a->shown && bill_equal(&a->bill, now)))
		return;
	if (a->shown && bill_went_back(&a->bill, now) && !may_go_back(c, a, now))
		return;
	bill_path(path, vm->domid);
	bill_line(now, (uint64_t)time(NULL), line);
	if (!a->shown && !node_dir(c, vm->domid, NULL))
		return;
	if (!(a->shown ? xs_writef(c->xsh, path, "%s", line) : node_put(c, vm->domid, path, line)))
		return;
	a->bill = *now;
	a->shown = true;
	a->held = false;
}

bool account_served(const struct collector *c, uint16_t domid, const uint8_t uuid[16])
{
	size_t i;

	for (i = 0; i < c->serving.pairs; i++) {
		const struct serving_pair *p = &c->serving.pair[i];

		if (p->domid == domid && uuid_equal(p->uuid, uuid) && tree_of(c, p->backend))
			return true;
	}
	return false;
}

void accounts_publish(struct collector *c)
{
	struct bill_book book = { 0 };
	struct bill none, *bill;
	size_t i, k;

	for (i = 0; i < c->sources; i++)
		add_source(c->source[i], is_dom0(c, c->source[i]->uuid), &book);
	for (i = 0; i < c->domains.n; i++) {
		const struct domain *vm = &c->domains.domain[i];

		bill = NULL;
		for (k = 0; k < book.bills && !bill; k++)
			if (uuid_equal(book.bill[k].uuid, vm->uuid))
				bill = &book.bill[k];
		if (!bill && !account_served(c, vm->domid, vm->uuid))
			continue;
		memset(&none, 0, sizeof(none));
		memcpy(none.uuid, vm->uuid, 16);
		bill = bill ? bill : &none;
		add_debt(c, bill);
		show(c, vm, bill);
	}
	bill_book_free(&book);
}
