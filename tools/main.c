/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctctl - shows people, and scripts, what the accountant knows; plugs
 * devices of our backends into guests.
 */
#include "common/log.h"
#include "tools/command.h"

#include <stdio.h>
#include <string.h>

#define ALLOWED COMMANDS ", --help, --version, --list-commands, --list-options COMMAND"

static int list_commands(void)
{
	const struct command *c;

	for (c = commands; c->name; c++)
		puts(c->name);
	return 0;
}

static int list_options(const char *name)
{
	const struct command *c = name ? command_find(name) : NULL;

	if (!c)
		die(EXIT_USAGE, "--list-options: %s, allowed: " COMMANDS,
		    name ? name : "a command is missing");
	puts(c->options);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *c;

	log_init("acctctl", false, false);
	if (argc < 2)
		die(EXIT_USAGE, "no command, allowed: " ALLOWED);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return cmd_help(1, argv);
	if (!strcmp(argv[1], "--version")) {
		puts("acctctl " ACCTRING_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--list-commands"))
		return list_commands();
	if (!strcmp(argv[1], "--list-options"))
		return list_options(argv[2]);
	c = command_find(argv[1]);
	if (!c)
		die(EXIT_USAGE, "%s: unknown command, allowed: " ALLOWED, argv[1]);
	return c->run(argc - 1, argv + 1);
}
