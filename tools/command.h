/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * command.h - the sub-commands of acctctl.
 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include <stdbool.h>

struct command {
	const char *name;
	const char *args; /* of the usage line */
	const char *summary; /* one line */
	const char *help; /* more lines */
	const char *options; /* for completion and error texts: words */
	/* argv[0] is the command's name; returns the exit status */
	int (*run)(int argc, char **argv);
};

/* for error texts */
#define COMMANDS                                                                          \
	"ledger, status, dump, limit, share, attach, detach, observe, guard, debt, off, " \
	"entitle, hold, restore, completion, help"

extern const struct command commands[]; /* ended by a NULL name */
const struct command *command_find(const char *name);

int cmd_ledger(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_limit(int argc, char **argv);
int cmd_share(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_mode(int argc, char **argv); /* observe, guard, debt, off */
int cmd_restore(int argc, char **argv);
int cmd_entitle(int argc, char **argv);
int cmd_hold(int argc, char **argv);
int cmd_completion(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* Options that commands share. */
struct common {
	const char *socket;
	const char *from; /* socket, store or NULL */
	const char *driver; /* domid or name of a driver domain, or NULL */
	bool json;
	bool basis;
	bool watch;
	double seconds; /* of --watch */
	bool clear, list;
	const char *second; /* argument */
	const char *argument; /* the one argument, where a command takes one */
};

/* Bits of what a command takes. */
enum {
	TAKES_JSON = 1,
	TAKES_WATCH = 2,
	TAKES_ARGUMENT = 4,
	TAKES_SOURCE = 8,
	TAKES_DRIVER = 16,
	TAKES_LIMIT = 32,
	TAKES_SOCKET = 64,
	TAKES_BASIS = 128
};

/* Ends the program with one line when the command line is wrong. */
void common_parse(struct common *o, int argc, char **argv, unsigned int takes);

/* Sleeps; false: SIGINT or SIGTERM came, at any time since watch_begin(). */
void watch_begin(void);
bool watch_sleep(double seconds);

#endif
