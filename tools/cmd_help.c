/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cmd_help.c - the table of sub-commands, acctctl help, acctctl completion.
 */
#include "common/log.h"
#include "tools/command.h"

#include <stdio.h>
#include <string.h>

#define SOURCE_HELP                                                                                \
	"  --socket PATH       the accountant's socket; else ACCTRING_SOCKET, else the default\n"  \
	"  --from SOURCE       socket: the accountant of this domain; store: what the collector\n" \
	"                      wrote into xenstore, in dom0.  Without it and without a socket\n"   \
	"                      that was named: the first that answers\n"                           \
	"  -v, --verbose       say which it was\n"

#define MODE_HELP                                                                              \
	"In dom0, of acctring-collector, at once; until another mode is said, the configured " \
	"one\n"                                                                                \
	"is changed, or the host restarts.  Leaving debt gives back all that was taken.\n"     \
	"When the collector ends limits act on; off is for that, too.\n"

const struct command commands[] = {
	{ "ledger",
	  "[--driver DOMAIN] [--basis] [--watch [SECONDS]] [--json] [--socket PATH] [--from "
	  "SOURCE] [-v]",
	  "what each VM costs, in total and per second",
	  "One line a VM: the CPU it uses itself (VM CPU %, in dom0), the CPU that driver domains\n"
	  "spend for it (DRIVER CPU %, and TOTAL CPU since its account began), requests and "
	  "bytes.\n"
	  "Below: the driver domain's own work, what nobody could be charged for, and the total "
	  "as\n"
	  "the hypervisor measured it.  Percent are of one CPU; SHARE % are of all that its "
	  "driver\n"
	  "domains used.\n\n"
	  "Rates are taken over a second.  From xenstore, where figures are new when the "
	  "collector\n"
	  "writes them, every 5 seconds unless configured otherwise, over the time between two\n"
	  "such: without --watch this waits for the next, up to 10 seconds.\n\n"
	  "  --driver DOMAIN     only what is spent in that driver domain: domid or name.\n"
	  "                      Without it VMs are summed up over all of them\n"
	  "  --basis             how sure TOTAL CPU is: on what it rests, at least, at most\n"
	  "  --watch [SECONDS]   again and again, until Ctrl-C; 0.1..3600, default 1.\n"
	  "                      Waits for an accountant that restarts\n"
	  "  --json              JSON, a document a line\n" SOURCE_HELP,
	  "--driver --basis --watch --json --socket --from --verbose --help", cmd_ledger },
	{ "status", "[--json] [--socket PATH] [--from SOURCE] [-v]",
	  "links, rates, spills, quarantines",
	  "One line a link: a backend process that posts.  Below: the driver domains, and what\n"
	  "was refused or lost there.  From xenstore: the latter, with the number of links, the\n"
	  "domain of the accountant and the age of the figures.\n\n"
	  "  --json              JSON\n" SOURCE_HELP,
	  "--json --socket --from --verbose --help", cmd_status },
	{ "dump", "[ledger|accounts|links|domains] [--socket PATH] [--from SOURCE] [-v]",
	  "everything, separated by tabs, for scripts",
	  "The first line names the columns and begins with #.  Columns keep their places.\n"
	  "accounts and links only the accountant itself tells.\n\n" SOURCE_HELP,
	  "ledger accounts links domains --socket --from --verbose --help", cmd_dump },
	{ "limit", "VM PERCENT [--driver DOMAIN] | VM --clear [--driver DOMAIN] | --list [--json]",
	  "how much a VM may make driver domains spend",
	  "Where the accountant runs, as root.  PERCENT is of one CPU, from 0.1%: what the VM is\n"
	  "charged at the driver domains of this accountant together, or at one of them.  Its\n"
	  "requests are served later, so that it is not charged more.  VM is a name, a UUID or, "
	  "of\n"
	  "a VM that is served, a domid.  It is kept over restarts, and stands above the limits "
	  "of\n"
	  "the configuration.  They act while dom0 is in mode guard or debt (acctctl guard "
	  "there),\n"
	  "unless guard in the configuration is \"on\" or \"observe\".  Never limited: dom0, the\n"
	  "accountant's own domain, VMs of weight 0 in the configuration, and backends that never\n"
	  "ask, as acctring-kernback (see acctctl debt).\n\n"
	  "  --driver DOMAIN     at that driver domain only\n"
	  "  --clear             no such limit any more\n"
	  "  --list              all limits, and what became of them\n"
	  "  --json              JSON\n"
	  "  --socket PATH       the accountant's socket; else ACCTRING_SOCKET, else the default\n",
	  "--driver --clear --list --json --socket --help", cmd_limit },
	{ "share", "on|off", "shares a busy driver domain fairly among VMs",
	  "Where the accountant runs, as root.  While a driver domain is busier than 90 % and two\n"
	  "VMs or more use it, each may be charged its part by weight (256, or as configured);\n"
	  "who uses less is not limited, and the others have the rest.  Kept over restarts.\n\n"
	  "  --socket PATH       the accountant's socket; else ACCTRING_SOCKET, else the default\n",
	  "on off --socket --help", cmd_share },
	{ "attach", "disk GUEST VDEV FILE | nic GUEST ID --mac MAC [OPTION]...",
	  "gives a guest a disk or a network device of our backends",
	  "In dom0.  GUEST and DOMAIN are names or domids.  VDEV is xvda, xvdb1, .. or a number;\n"
	  "FILE a file or block device where the backend runs.  Refused when the guest has such\n"
	  "a device.  It lives as long as the domain: a guest that reboots needs it again.\n\n"
	  "  --backend DOMAIN    whose acctring-blkback or -netback serves it; default 0\n"
	  "  --kind NAME         that program's --kind; default abd for disks, avif for nic\n"
	  "  --readonly          the disk only\n"
	  "  --mac MAC           the nic's address, as 00:16:3e:00:00:01\n"
	  "  --bridge NAME       of the backend's domain, for the nic; without, guests that "
	  "have\n"
	  "                      none are joined with each other\n"
	  "  --mtu N             of the nic; 68..65521, default 1500\n"
	  "  --wait [SECONDS]    until both ends are connected; 1..3600, default 30.  Where they "
	  "are\n"
	  "                      not by then, the exit status is 1 and the device stays attached\n",
	  "disk nic --backend --kind --readonly --mac --bridge --mtu --wait --help", cmd_attach },
	{ "detach", "GUEST VDEV|ID [OPTION]...", "takes such a device away",
	  "In dom0.  Waits, for 10 seconds, for the guest to let go and the backend to remove its\n"
	  "directory; when they do not, says what is in the way, and leaves it unplugged:\n"
	  "it goes as soon as it can, and a second detach clears up.\n\n"
	  "  --wait SECONDS      1..3600, default 10\n"
	  "  --force             the guest is not asked, its data may be lost; and what is left\n"
	  "                      after that time is removed, at once where no backend is\n",
	  "--wait --force --help", cmd_detach },
	{ "observe", "", "mode observe: measure and bill only", MODE_HELP, "--help", cmd_mode },
	{ "guard", "", "mode guard: limits at driver domains act, see limit", MODE_HELP, "--help",
	  cmd_mode },
	{ "debt", "", "mode debt: limits act, and VMs pay with their own CPU", MODE_HELP, "--help",
	  cmd_mode },
	{ "off", "", "as observe: all that was taken is given back", MODE_HELP, "--help",
	  cmd_mode },
	{ "entitle", "[VM 50% | VM weight 512 | VM --clear]",
	  "what a VM has a right to; alone: the list",
	  "In dom0.  VM is a name, a domid or a UUID, of one that does not run, too.  In percent\n"
	  "of a CPU, or as a weight.  Without it, and after --clear, what was found in the\n"
	  "scheduler counts.  The scheduler gets what was found back in any case.\n",
	  "weight --clear --help", cmd_entitle },
	{ "hold", "VM -- COMMAND [ARGUMENT]...", "gives a VM all it had, while a command runs",
	  "In dom0, for what reads a VM's cap and weight: acctctl hold web -- xl migrate web "
	  "host2\n"
	  "The exit status is the command's, or 128 and the signal that ended it.\n",
	  "-- --help", cmd_hold },
	{ "restore", "[DIRECTORY]", "gives back what was taken, also where no collector runs",
	  "In dom0.  With a collector: as off.  Without: what was taken from VMs that run stands\n"
	  "in DIRECTORY, else in that of /etc/acctring/collector.conf.\n",
	  "--help", cmd_restore },
	{ "completion", "", "a completion script for bash", "Use: eval \"$(acctctl completion)\"\n",
	  "--help", cmd_completion },
	{ "help", "[COMMAND]", "this, or more about a command", "",
	  "ledger status dump limit share attach detach observe guard debt off entitle hold "
	  "restore completion",
	  cmd_help },
	{ NULL, NULL, NULL, NULL, NULL, NULL },
};

const struct command *command_find(const char *name)
{
	const struct command *c;

	for (c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static void help_all(void)
{
	const struct command *c;

	puts("Usage: acctctl COMMAND [OPTION]...\n"
	     "Shows what the accountant of this domain knows; in dom0, what all of them told\n"
	     "acctring-collector.  Limits VMs.  Attaches devices to our backends.\n");
	for (c = commands; c->name; c++)
		printf("  %-11s %s\n", c->name, c->summary);
	puts("\n  --help, --version, --list-commands, --list-options COMMAND\n\n"
	     "Exit status: 0 ok, 1 failed while running, 2 command line, 4 no accountant, or no "
	     "xenstore,\nor a --driver that none knows.");
}

int cmd_help(int argc, char **argv)
{
	const struct command *c;

	if (argc > 2)
		die(EXIT_USAGE, "help: %s: unexpected argument, allowed: one command", argv[2]);
	if (argc < 2) {
		help_all();
		return 0;
	}
	c = command_find(argv[1]);
	if (!c)
		die(EXIT_USAGE, "help: %s: unknown command, allowed: " COMMANDS, argv[1]);
	printf("Usage: acctctl %s %s\n%c%s.\n\n%s", c->name, c->args, c->summary[0] - ('a' - 'A'),
	       c->summary + 1, c->help);
	return 0;
}

int cmd_completion(int argc, char **argv)
{
	struct common o;

	common_parse(&o, argc, argv, 0);
	fputs("# bash completion for acctctl; it asks the program itself\n"
	      "_acctctl()\n"
	      "{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tCOMPREPLY=()\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	      "\t\tCOMPREPLY=( $(compgen -W \"$(acctctl --list-commands)\" -- \"$cur\") )\n"
	      "\telif [ \"$prev\" = --from ]; then\n"
	      "\t\tCOMPREPLY=( $(compgen -W 'socket store' -- \"$cur\") )\n"
	      "\telif [ \"$prev\" = --socket ]; then\n"
	      "\t\tCOMPREPLY=( $(compgen -f -- \"$cur\") )\n"
	      "\telse\n"
	      "\t\tCOMPREPLY=( $(compgen -W \"$(acctctl --list-options "
	      "\"${COMP_WORDS[1]}\" 2>/dev/null)\" -- \"$cur\") )\n"
	      "\tfi\n"
	      "}\n"
	      "complete -F _acctctl acctctl\n",
	      stdout);
	return 0;
}
