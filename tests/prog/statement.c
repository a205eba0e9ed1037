/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An accountant that says what it is told to: grants a statement to dom0 and
 * publishes it.  Reads commands, a line each:
 *
 *	row BACKEND DOMID UUID NS	adds a row about a VM to the next turn
 *	domain BACKEND UUID NS		adds a row about a driver domain: NS measured, a half
 *					of it charged, a fourth its own; 1 link
 *	bad BACKEND DOMID UUID NS	a row about a VM whose kinds do not add up
 *	turn				shows the rows; the next turn begins empty
 *	raw OFFSET VALUE		a 64-bit word of the head page
 *	state N				the node `state`
 *
 * and answers each with "ok".
 * Usage: statement DOMID EPOCH(16 hex) [NODE=VALUE]...: nodes to be published otherwise;
 * ledger=N: the incarnation of its ledger
 */
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <acctring/abi.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xengnttab.h>

#define PAGES 2
#define ROWS (PAGES / 2 * ACCTRING_PAGE / sizeof(struct acctring_statement_row))

static struct xs_handle *xsh;
static unsigned int domid;
static struct acctring_statement_page *head;
static struct acctring_statement_row *rows;
static uint32_t pending;

static void node(const char *name, const char *value, int argc, char **argv)
{
	char path[96];
	int i;

	for (i = 3; i < argc; i++)
		if (!strncmp(argv[i], name, strlen(name)) && argv[i][strlen(name)] == '=')
			value = argv[i] + strlen(name) + 1;
	snprintf(path, sizeof(path), "/local/domain/%u/data/acctring/statement/%s", domid, name);
	if (!xs_writef(xsh, path, "%s", value) || !xs_share(xsh, path, (int)domid, 0))
		die(EXIT_RUNTIME, "cannot write %s", path);
}

static uint64_t ledger(int argc, char **argv)
{
	int i;

	for (i = 3; i < argc; i++)
		if (!strncmp(argv[i], "ledger=", 7))
			return strtoull(argv[i] + 7, NULL, 10);
	return 1;
}

static void share(const char *epoch, int argc, char **argv)
{
	xengntshr_handle *h = xengntshr_open(NULL, 0);
	uint32_t ref = 0, refs[PAGES];
	char text[16];

	if (h)
		head = xengntshr_share_page_notify(h, 0, &ref, 0,
						   offsetof(struct acctring_statement_page, alive),
						   (evtchn_port_t)-1);
	if (head)
		rows = xengntshr_share_pages(h, 0, PAGES, refs, 0);
	if (!head || !rows)
		die(EXIT_ENV, "cannot grant");
	head->magic = ACCTRING_MAGIC_STATEMENT;
	head->version = ACCTRING_ABI_VERSION;
	head->pages = PAGES;
	head->incarnation = ledger(argc, argv);
	head->alive = 1;
	memcpy(head->ref, refs, sizeof(refs));
	if (!parse_hex64(epoch, &head->epoch))
		die(EXIT_USAGE, "%s: not an epoch", epoch);
	snprintf(text, sizeof(text), "%u", ref);
	node("state", "1", 0, NULL);
	node("version", "1.0", argc, argv);
	node("epoch", epoch, argc, argv);
	node("ring-ref", text, argc, argv);
	node("state", "4", argc, argv);
}

static bool add_row(const char *line)
{
	struct acctring_statement_row r = { .what = ACCTRING_STMT_VM };
	unsigned int backend, vm;
	char uuid[UUID_TEXT];

	if (pending == ROWS ||
	    sscanf(line, "%*s %u %u %36s %" SCNu64, &backend, &vm, uuid, &r.charged_ns) != 4 ||
	    !uuid_parse(uuid, r.uuid))
		return false;
	r.backend = (uint16_t)backend;
	r.domid = (uint16_t)vm;
	r.vbd_ns = r.posted_ns = r.charged_ns;
	r.units = r.charged_ns / 1000;
	r.bytes = r.charged_ns * 4;
	r.vif_ns = line[0] == 'b' ? UINT64_MAX - 5 : 0;
	rows[((head->turn + 1) & 1) * ROWS + pending++] = r;
	return true;
}

static bool add_domain(const char *line)
{
	struct acctring_statement_row r = { .what = ACCTRING_STMT_DOMAIN, .links = 1 };
	unsigned int backend;
	char uuid[UUID_TEXT];

	if (pending == ROWS ||
	    sscanf(line, "domain %u %36s %" SCNu64, &backend, uuid, &r.measured_ns) != 3 ||
	    !uuid_parse(uuid, r.uuid))
		return false;
	r.backend = r.domid = (uint16_t)backend;
	r.charged_ns = r.measured_ns / 2;
	r.own_ns = r.measured_ns / 4;
	r.unattributed_ns = r.measured_ns - r.charged_ns - r.own_ns;
	rows[((head->turn + 1) & 1) * ROWS + pending++] = r;
	return true;
}

static bool obey(const char *line)
{
	uint64_t value;
	unsigned int n;

	if (!strncmp(line, "row ", 4) || !strncmp(line, "bad ", 4))
		return add_row(line);
	if (!strncmp(line, "domain ", 7))
		return add_domain(line);
	if (!strncmp(line, "turn", 4)) {
		__atomic_store_n(&head->rows[(head->turn + 1) & 1], pending, __ATOMIC_RELAXED);
		__atomic_store_n(&head->t_ns[(head->turn + 1) & 1], now_ns(), __ATOMIC_RELAXED);
		__atomic_store_n(&head->turn, head->turn + 1, __ATOMIC_RELEASE);
		pending = 0;
		return true;
	}
	if (sscanf(line, "raw %u %" SCNu64, &n, &value) == 2 && n < ACCTRING_PAGE && n % 8 == 0) {
		memcpy((char *)head + n, &value, sizeof(value));
		return true;
	}
	if (sscanf(line, "state %u", &n) == 1) {
		char text[16];

		snprintf(text, sizeof(text), "%u", n);
		node("state", text, 0, NULL);
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	char line[256];

	log_init("statement", false, false);
	if (argc < 3)
		die(EXIT_USAGE, "usage: statement DOMID EPOCH [NODE=VALUE]...");
	domid = (unsigned int)atoi(argv[1]);
	xsh = xs_open(0);
	if (!xsh)
		die(EXIT_ENV, "no xenstore");
	share(argv[2], argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ok");
	while (fgets(line, sizeof(line), stdin)) {
		if (!obey(line))
			die(EXIT_RUNTIME, "not understood: %s", line);
		puts("ok");
	}
	return 0;
}
