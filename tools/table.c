/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.c - see table.h.
 */
#include "tools/table.h"

#include "common/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct table_row *table_add(struct table *t, enum table_style style)
{
	struct table_row *row = realloc(t->row, (t->rows + 1) * sizeof(*row));

	if (!row)
		die(EXIT_RUNTIME, "no memory");
	t->row = row;
	row += t->rows++;
	memset(row, 0, sizeof(*row));
	row->style = style;
	return row;
}

void table_cell(struct table_row *row, unsigned int column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row->cell[column], TABLE_CELL, fmt, ap);
	va_end(ap);
}

/* Columns on the screen: bytes but those that continue a UTF-8 character. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_row(const struct table *t, const struct table_row *row, const int *wide,
		      FILE *out)
{
	unsigned int i, last = 0;
	int pad;

	for (i = 0; i < t->columns; i++)
		if (row->cell[i][0])
			last = i;
	for (i = 0; i <= last; i++) {
		pad = wide[i] - width(row->cell[i]);
		if (t->left & 1u << i)
			fprintf(out, "%s%*s", row->cell[i], i == last ? 0 : pad, "");
		else
			fprintf(out, "%*s%s", pad, "", row->cell[i]);
		if (i < last)
			fputs("  ", out);
	}
}

void table_print(const struct table *t, FILE *out, bool colours)
{
	static const char *const on[] = { "", "\033[1m", "\033[2m", "\033[32m", "\033[31m" };
	int wide[TABLE_COLUMNS] = { 0 };
	unsigned int i;
	size_t k;

	for (k = 0; k < t->rows; k++)
		for (i = 0; i < t->columns; i++)
			if (width(t->row[k].cell[i]) > wide[i])
				wide[i] = width(t->row[k].cell[i]);
	for (k = 0; k < t->rows; k++) {
		bool styled = colours && t->row[k].style != TABLE_PLAIN;

		if (styled)
			fputs(on[t->row[k].style], out);
		print_row(t, &t->row[k], wide, out);
		fputs(styled ? "\033[0m\n" : "\n", out);
	}
}

void table_free(struct table *t)
{
	free(t->row);
	t->row = NULL;
	t->rows = 0;
}

bool table_colours(FILE *out)
{
	const char *no = getenv("NO_COLOR");

	return isatty(fileno(out)) && !(no && *no);
}

const char *human_time(char buf[HUMAN], int64_t ns)
{
	const char *sign = ns < 0 ? "-" : "";
	double s = (ns < 0 ? -(double)ns : (double)ns) / 1e9;

	if (s >= 36000)
		snprintf(buf, HUMAN, "%s%" PRIu64 " h %02d min", sign, (uint64_t)s / 3600,
			 (int)((uint64_t)s / 60 % 60));
	else if (s >= 600)
		snprintf(buf, HUMAN, "%s%d min %02d s", sign, (int)s / 60, (int)s % 60);
	else if (s >= 1 || ns == 0)
		snprintf(buf, HUMAN, "%s%.2f s", sign, s);
	else if (s >= 1e-3)
		snprintf(buf, HUMAN, "%s%.2f ms", sign, s * 1e3);
	else
		snprintf(buf, HUMAN, "%s%.2f us", sign, s * 1e6);
	return buf;
}

static const char *scaled(char buf[HUMAN], double value, double step, const char *const *unit)
{
	unsigned int i = 0;

	while (value >= step && unit[i + 1]) {
		value /= step;
		i++;
	}
	snprintf(buf, HUMAN,
		 value < 10 && i    ? "%.2f%s"
		 : value < 100 && i ? "%.1f%s"
				    : "%.0f%s",
		 value, unit[i]);
	return buf;
}

const char *human_count(char buf[HUMAN], double count)
{
	static const char *const unit[] = { "", " k", " M", " G", " T", " P", NULL };

	return scaled(buf, count, 1000, unit);
}

const char *human_bytes(char buf[HUMAN], double bytes)
{
	static const char *const unit[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB", NULL };

	return scaled(buf, bytes, 1024, unit);
}
