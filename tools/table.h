/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table.h - aligned columns for people, and numbers as people read them.
 */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS 12
#define TABLE_CELL 136

enum table_style { TABLE_PLAIN, TABLE_BOLD, TABLE_DIM, TABLE_GOOD, TABLE_BAD };

struct table_row {
	char cell[TABLE_COLUMNS][TABLE_CELL];
	enum table_style style;
};

struct table {
	unsigned int columns;
	unsigned int left; /* bits: columns that are aligned to the left */
	struct table_row *row;
	size_t rows;
};

/* A row with empty cells; ends the program when memory is out. */
struct table_row *table_add(struct table *t, enum table_style style);
void table_cell(struct table_row *row, unsigned int column, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Columns two blanks apart, nothing behind the last. */
void table_print(const struct table *t, FILE *out, bool colours);
void table_free(struct table *t);

/* Colours are for terminals, unless NO_COLOR says otherwise. */
bool table_colours(FILE *out);

#define HUMAN 32
const char *human_time(char buf[HUMAN], int64_t ns); /* 12.3 ms */
const char *human_count(char buf[HUMAN], double count); /* 1.25 k */
const char *human_bytes(char buf[HUMAN], double bytes); /* 4.7 MiB */

#endif
