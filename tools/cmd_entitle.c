/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_entitle.c - acctctl entitle: what a VM has a right to, whatever its cap
 * or weight is at the moment; acctctl hold: a VM as it was, for a command.
 */
#include "common/kv.h"
#include "common/log.h"
#include "tools/ask.h"
#include "tools/command.h"
#include "tools/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAME, DOMID, STATE, KNOB, FOUND, ENTITLED, NOW, LAW, PASSED, OWES, LOST, COLUMNS };

static void number(struct table_row *row, unsigned int column, const char *line, const char *key)
{
	uint64_t n;

	if (kv_u64(line, key, UINT64_MAX, &n))
		table_cell(row, column, "%" PRIu64, n);
	else
		table_cell(row, column, "-");
}

static void word(struct table_row *row, unsigned int column, const char *line, const char *key)
{
	char text[64];

	table_cell(row, column, "%s", kv_get(line, key, text, sizeof(text)) ? text : "-");
}

static void ns(struct table_row *row, unsigned int column, const char *line, const char *key)
{
	char buf[HUMAN];
	uint64_t n = 0;

	kv_u64(line, key, INT64_MAX, &n);
	table_cell(row, column, "%s", human_time(buf, (int64_t)n));
}

static void add(struct table *t, const char *line)
{
	struct table_row *row = table_add(t, TABLE_PLAIN);
	char text[64];

	word(row, NAME, line, kv_get(line, "name", text, sizeof(text)) ? "name" : "uuid");
	number(row, DOMID, line, "domid");
	word(row, STATE, line, "state");
	word(row, KNOB, line, "knob");
	number(row, FOUND, line, "found");
	number(row, ENTITLED, line, "entitled");
	number(row, NOW, line, "is");
	number(row, LAW, line, "law");
	ns(row, PASSED, line, "passed_ns");
	ns(row, OWES, line, "debt_ns");
	ns(row, LOST, line, "uncollected_ns");
}

static int list(void)
{
	static const char *const title[COLUMNS] = { "VM",     "DOMID",	  "STATE", "BY",
						    "FOUND",  "ENTITLED", "NOW",   "LAW",
						    "PASSED", "DEBT",	  "LOST" };
	struct table t = { .columns = COLUMNS, .left = 1u << NAME | 1u << STATE | 1u << KNOB };
	struct table_row *row;
	unsigned int i;
	char line[1024];
	struct ask a;
	int status = ask(&a, "show");

	if (status) {
		log_error("%s", a.first);
		return status;
	}
	row = table_add(&t, TABLE_BOLD);
	for (i = 0; i < COLUMNS; i++)
		table_cell(row, i, "%s", title[i]);
	while (fgets(line, sizeof(line), a.in)) {
		line[strcspn(line, "\n")] = '\0';
		add(&t, line);
	}
	table_print(&t, stdout, table_colours(stdout));
	printf("%s; LAW: what mode debt writes, or would\n", a.first + strspn(a.first, " "));
	table_free(&t);
	ask_end(&a);
	return 0;
}

static _Noreturn void usage(const char *what)
{
	die(EXIT_USAGE, "entitle: %s, allowed: VM 1..65535%%, VM weight 1..65535, VM --clear",
	    what);
}

/* "50%" */
static bool per_cent(const char *text, uint64_t *n)
{
	size_t len = strlen(text);
	char digits[8];

	if (len < 2 || len > sizeof(digits) || text[len - 1] != '%')
		return false;
	memcpy(digits, text, len - 1);
	digits[len - 1] = '\0';
	return parse_u64(digits, 65535, n) && *n;
}

static int entitle(int argc, char **argv)
{
	struct ask a;
	uint64_t n;

	if (argc == 3 && !strcmp(argv[2], "--clear"))
		return ask_say(&a, ask(&a, "entitle %s clear", argv[1]));
	if (argc == 3 && per_cent(argv[2], &n))
		return ask_say(&a, ask(&a, "entitle %s cap %" PRIu64, argv[1], n));
	if (argc == 4 && !strcmp(argv[2], "weight") && parse_u64(argv[3], 65535, &n) && n)
		return ask_say(&a, ask(&a, "entitle %s weight %" PRIu64, argv[1], n));
	usage(argc > 2 ? argv[argc - 1] : "what it has a right to is missing");
}

int cmd_entitle(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return cmd_help(2, (char *[]){ (char *)"help", argv[0], NULL });
	if (argc > 1 && (argv[1][0] == '-' || strchr(argv[1], ' ')))
		usage(argv[1]);
	return argc == 1 ? list() : entitle(argc, argv);
}

/* ------------------------------------------------------------------ */

static int run(char **argv)
{
	pid_t pid = fork();
	int how;

	if (pid < 0)
		die(EXIT_RUNTIME, "cannot fork: %s", strerror(errno));
	if (!pid) {
		execvp(argv[0], argv);
		die(EXIT_RUNTIME, "%s: cannot run: %s", argv[0], strerror(errno));
	}
	while (waitpid(pid, &how, 0) < 0)
		if (errno != EINTR)
			die(EXIT_RUNTIME, "cannot wait: %s", strerror(errno));
	return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

int cmd_hold(int argc, char **argv)
{
	struct ask a;
	int status;

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return cmd_help(2, (char *[]){ (char *)"help", argv[0], NULL });
	if (argc < 4 || strcmp(argv[2], "--") != 0)
		die(EXIT_USAGE, "hold: allowed: VM -- COMMAND [ARGUMENT]...");
	status = ask(&a, "hold %s", argv[1]);
	if (status) {
		log_error("%s", a.first);
		return status;
	}
	status = run(argv + 3);
	ask_end(&a); /* and it goes on */
	return status;
}
