/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xsandbox: Xen in userland on one machine. Which sub-command. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "sandbox/broker/control.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args, *help;
} commands[] = {
	{ "run", run_main, "[--domain N] [--name NAME] [--uuid UUID] -- CMD...",
	  "start a sandbox, run CMD in a domain of it" },
	{ "create", cli_create, "DOMID [--name NAME] [--uuid UUID]", "make a domain" },
	{ "destroy", cli_destroy, "DOMID", "kill a domain" },
	{ "exec", cli_exec, "DOMID -- CMD...", "run CMD as a process of a domain" },
	{ "list", cli_list, "",
	  "the domains: domid, uuid, name, state, "
	  "cpu_ns, processes (tabs)" },
	{ "fault", cli_fault, "FAULT DOMID [VALUE]",
	  "kill-domain D | delay-events D MS | fail-map D COUNT | "
	  "store-eagain D COUNT" },
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

int fail(int code, const char *fmt, ...)
{
	va_list ap;

	fputs("xsandbox: ", stderr);
	va_start(ap, fmt);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

int parse_domid(const char *s, uint32_t *domid)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || end == s || *end || *s == '-' || n >= DOMID_MAX)
		return -EINVAL;
	*domid = (uint32_t)n;
	return 0;
}

int status_to_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void usage(FILE *f)
{
	size_t i;

	fprintf(f, "usage: xsandbox COMMAND ...\n"
		   "Xen in userland on one machine: domains, grants, event channels, "
		   "xenstore.\n\n");
	for (i = 0; i < NCOMMANDS; i++)
		fprintf(f, "  %-8s%s\n          %s\n", commands[i].name, commands[i].args,
			commands[i].help);
	fprintf(f, "\nAll but run work inside a running sandbox ($XSANDBOX), from "
		   "domain 0.\nExit codes: 0 ok, 1 failure, 2 command line, "
		   "4 environment; run and exec: that of CMD.\n");
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("xsandbox %s\n", ACCTRING_VERSION);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "domain-init") == 0 && argc == 4)
		init_main(argv[2], argv[3]);
	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return fail(EXIT_USAGE,
		    "%s: run, create, destroy, exec, list, fault, --help "
		    "and --version are allowed",
		    argv[1]);
}
