/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bases.c - see bases.h.
 */
#include "tools/bases.h"

#include "tools/table.h"

#include <inttypes.h>
#include <stdio.h>

#define NAME_WIDE 36 /* a UUID */

enum { NAME, DOMID, TOTAL, DIRECT, THREAD, POOL, MODEL, LOW, HIGH, COLUMNS };

static const struct {
	unsigned int column;
	enum basis basis;
} places[BASES] = {
	{ DIRECT, BASIS_DIRECT },
	{ THREAD, BASIS_THREAD },
	{ POOL, BASIS_POOL },
	{ MODEL, BASIS_MODEL },
};

static void cell(struct table_row *row, unsigned int column, bool known, uint64_t ns, uint64_t of)
{
	if (known && of)
		table_cell(row, column, "%.1f", 100 * (double)ns / (double)of);
	else
		table_cell(row, column, "-");
}

static void vm_row(struct table *t, const struct ledger_vm *vm)
{
	const struct snap_basis *b = &vm->basis;
	struct table_row *row = table_add(t, TABLE_PLAIN);
	uint64_t all = vm->charged_ns;
	char buf[HUMAN];

	table_cell(row, NAME, "%.*s", NAME_WIDE, vm->name[0] ? vm->name : vm->uuid);
	table_cell(row, DOMID, "%" PRIu64, vm->domid);
	table_cell(row, TOTAL, "%s", human_time(buf, (int64_t)all));
	for (unsigned int i = 0; i < BASES; i++)
		cell(row, places[i].column, b->known, b->ns[places[i].basis], all);
	cell(row, LOW, b->low_known, b->low_ns, all);
	cell(row, HIGH, b->known, b->high_ns, all);
}

void bases_table(const struct ledger *l)
{
	/* two lines: in one they would not leave 36 columns to a name */
	static const char *const title[2][COLUMNS] = {
		{ "", "", "TOTAL", "DIRECT", "THREAD", "POOL", "MODEL", "AT", "AT" },
		{ "VM", "DOMID", "CPU", "%", "%", "%", "%", "LEAST", "MOST" },
	};
	struct table t = { .columns = COLUMNS, .left = 1u << NAME };
	bool colours = table_colours(stdout);

	for (unsigned int line = 0; line < 2; line++) {
		struct table_row *row = table_add(&t, TABLE_BOLD);

		for (unsigned int i = 0; i < COLUMNS; i++)
			table_cell(row, i, "%s", title[line][i]);
	}
	for (size_t i = 0; i < l->vms; i++)
		vm_row(&t, &l->vm[i]);
	table_print(&t, stdout, colours);
	printf("%sTOTAL CPU since the account began; percent of it, by what it rests on, and its "
	       "bounds%s\n",
	       colours ? "\033[2m" : "", colours ? "\033[0m" : "");
	table_free(&t);
}

static void put(json_t *o, const char *key, bool known, uint64_t ns)
{
	json_object_set_new(o, key, known ? json_integer((json_int_t)ns) : json_null());
}

void bases_json(json_t *o, const struct snap_basis *b)
{
	char key[16];

	for (unsigned int i = 0; i < BASES; i++) {
		snprintf(key, sizeof(key), "%s_ns", basis_name(places[i].basis));
		put(o, key, b->known, b->ns[places[i].basis]);
	}
	put(o, "low_ns", b->low_known, b->low_ns);
	put(o, "high_ns", b->known, b->high_ns);
}
