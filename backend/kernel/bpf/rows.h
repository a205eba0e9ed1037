/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rows.h - sums of ns by name, for people.  Pure.
 */
#ifndef BPF_ROWS_H
#define BPF_ROWS_H

#include <stdint.h>
#include <stdio.h>

#define ROWS 48u

struct rows {
	unsigned int n;
	struct {
		const char *name; /* the caller's, and stays */
		uint64_t ns;
	} row[ROWS];
};

/* What finds no row is in the last. */
void rows_add(struct rows *r, const char *name, uint64_t ns);
/* A line each: head, name, ns; tabs between. */
void rows_print(const struct rows *r, const char *head, FILE *f);
/* What a context is called. */
const char *rows_pool(unsigned int pool);

#endif
