/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c - acctsim [--seed N] [--out DIR] CASE...: simulations of the debt law and the guard.
 * Prints lines of key=value; --out writes a TSV for each figure.  Without CASE: all.
 */
#include "tests/sim/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world world;
uint64_t seed = 1;

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "debt", case_debt },	     { "time", case_time },   { "step", case_step },
	{ "weights", case_weights }, { "guard", case_guard }, { "limit", case_limit },
	{ "share", case_share },     { "flood", case_flood }, { "chain", case_chain },
	{ "split", case_split },     { "edge", case_edge },
};

#define CASES (sizeof(cases) / sizeof(*cases))

static int usage(const char *what)
{
	fprintf(stderr, "acctsim: %s, allowed: [--seed N] [--out DIR] CASE..., CASE:", what);
	for (size_t i = 0; i < CASES; i++)
		fprintf(stderr, " %s", cases[i].name);
	fputc('\n', stderr);
	return 2;
}

static bool run(const char *name)
{
	for (size_t i = 0; i < CASES; i++)
		if (!name || !strcmp(cases[i].name, name)) {
			cases[i].run();
			if (name)
				return true;
		}
	return !name;
}

int main(int argc, char **argv)
{
	int i = 1;

	for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--out"))
			out_dir = argv[i + 1];
		else
			return usage(argv[i]);
	}
	if (i == argc)
		run(NULL);
	for (; i < argc; i++)
		if (!run(argv[i]))
			return usage(argv[i]);
	return 0;
}
