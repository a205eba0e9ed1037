/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c - acctsim [--seed N] [--out DIR] [--kappa K] [--entitled E] CASE...: simulations of the
 * debt law and the guard.  Prints lines of key=value; --out writes a TSV for each figure.  Without
 * CASE: all.  --kappa, --entitled: of the case step.
 */
#include "tests/sim/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world world;
uint64_t seed = 1;
double step_kappa;
unsigned int step_entitled = 60;

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "debt", case_debt },	     { "time", case_time },	  { "step", case_step },
	{ "weights", case_weights }, { "crowded", case_crowded }, { "guard", case_guard },
	{ "limit", case_limit },     { "share", case_share },	  { "flood", case_flood },
	{ "chain", case_chain },     { "split", case_split },	  { "edge", case_edge },
};

#define CASES (sizeof(cases) / sizeof(*cases))

static int usage(const char *what)
{
	fprintf(stderr,
		"acctsim: %s, allowed: [--seed N] [--out DIR] [--kappa K] [--entitled E] CASE..., "
		"CASE:",
		what);
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

/* A number in lo..hi, and nothing behind it. */
static bool number(const char *s, double lo, double hi, double *d)
{
	char *end;

	*d = strtod(s, &end);
	return end != s && !*end && *d >= lo && *d <= hi;
}

static bool option(const char *name, const char *value)
{
	double d;

	if (!strcmp(name, "--seed"))
		seed = strtoull(value, NULL, 0);
	else if (!strcmp(name, "--out"))
		out_dir = value;
	else if (!strcmp(name, "--kappa") && number(value, 0.01, 20, &d))
		step_kappa = d;
	else if (!strcmp(name, "--entitled") && number(value, 5, 100, &d))
		step_entitled = (unsigned int)d;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	int i = 1;

	for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2)
		if (!option(argv[i], argv[i + 1]))
			return usage(argv[i]);
	if (i == argc)
		run(NULL);
	for (; i < argc; i++)
		if (!run(argv[i]))
			return usage(argv[i]);
	return 0;
}
