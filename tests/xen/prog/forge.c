/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest may write in its own corner of xenstore, and what it would like
 * to: a link, right in every respect, whose pages the accountant's domain may
 * map; a statement for dom0; backends; the nodes that dom0 writes.
 *   forge GUEST ACCOUNTANT PAYER SECONDS   posts in PAYER's name, says all anew, again and again
 */
#include <acctring/acctring.h>
#include <inttypes.h>
#include <stdarg.h>
#include <xengnttab.h>
#include <xenstore.h>

#include "tests/xen/prog/prog.h"

static struct xs_handle *xs;
static unsigned int self, taken, refused;

static void __attribute__((format(printf, 2, 3))) put(const char *path, const char *fmt, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (xs_write(xs, XBT_NULL, path, value, (unsigned int)strlen(value))) {
		taken++;
		return;
	}
	if (errno != EACCES)
		die(path);
	refused++;
}

static void put_at(unsigned int domid, const char *tail, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, tail);
	put(path, "%s", value);
}

/* Everybody may read what is below; nobody has to be asked for that. */
static void open_up(void)
{
	struct xs_permissions all = { self, XS_PERM_READ };

	put("data/acctring", "%s", "");
	xs_set_permissions(xs, XBT_NULL, "data/acctring", &all, 1);
}

/* ------------------------------------------------------------------ */

static void share_statement(struct acctring_statement_page **head, uint32_t *ref,
			    unsigned int payer)
{
	xengntshr_handle *h = xengntshr_open(NULL, 0);
	struct acctring_statement_row *row = NULL;
	uint32_t refs[2];

	*head = h ? xengntshr_share_pages(h, 0, 1, ref, 0) : NULL;
	if (*head)
		row = xengntshr_share_pages(h, 0, 2, refs, 0);
	if (!row)
		die("share");
	**head = (struct acctring_statement_page){
		.magic = ACCTRING_MAGIC_STATEMENT,
		.version = ACCTRING_ABI_VERSION,
		.epoch = 0xf0f0,
		.pages = 2,
		.incarnation = 7,
		.alive = 1,
		.rows = { 1, 1 },
	};
	memcpy((*head)->ref, refs, sizeof(refs));
	for (unsigned int half = 0; half < 2; half++)
		row[half * (ACCTRING_PAGE / sizeof(*row))] = (struct acctring_statement_row){
			.what = ACCTRING_STMT_VM,
			.backend = 0,
			.domid = (uint16_t)payer,
			.charged_ns = UINT64_C(1) << 50,
			.vbd_ns = UINT64_C(1) << 50,
			.posted_ns = UINT64_C(1) << 50,
		};
}

/* Nodes of all kinds, in all the places that others might read. */
static void say(unsigned int accountant, unsigned int payer, uint32_t statement, unsigned int turn)
{
	char path[128];

	put("data/acctring/statement/version", "1.0");
	put("data/acctring/statement/epoch", "%016x", 0xf0f0);
	put("data/acctring/statement/ring-ref", "%u", statement);
	put("data/acctring/statement/state", "4");
	for (unsigned int slot = 1; slot < 6; slot++) {
		snprintf(path, sizeof(path), "data/acctring/link/%u", slot);
		put(path, "v=1 abi=1.0 epoch=%016x ref=%u port=%u state=%u", turn + slot, turn % 64,
		    turn % 32, turn % 7);
		snprintf(path, sizeof(path), "data/acctring/peer/%u/%u", self, slot);
		put(path, "attached %016x", turn);
	}
	snprintf(path, sizeof(path), "data/backend/abd/%u/51712/state", payer);
	put(path, "4");
	snprintf(path, sizeof(path), "backend/abd/%u/51712/state", payer);
	put(path, "4");
	put("acctring/bill", "v=1 uuid=0 t=1 charged_ns=0");
	put("acctring/accountant", "%u", self);
	snprintf(path, sizeof(path), "acctring/backend/%u/%u", self, payer);
	put(path, "v=1 uuid=00000000-0000-0000-0000-000000000001 serial=9 state=on");
	put_at(accountant, "data/acctring/statement/state", "6");
	put_at(payer, "acctring/bill", "v=1");
	put("/tool/acctring/domain/0", "v=1");
}

static void post(struct acctring_lane *l, int payer)
{
	struct acctring_cost c = { .ns = 1000000, .bytes = 1, .units = 1, .klass = 1 };

	c.payer = (uint16_t)payer;
	for (unsigned int i = 0; i < 100; i++)
		acctring_post(l, &c);
}

int main(int argc, char **argv)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;
	struct acctring_stats s = { .size = sizeof(s) };
	struct acctring_statement_page *head;
	unsigned int accountant, payer, turns = 0;
	struct acctring_lane *l;
	struct acctring *r;
	uint32_t statement;
	uint64_t end;
	int row;

	if (argc != 5)
		die("usage: forge GUEST ACCOUNTANT PAYER SECONDS");
	self = (unsigned int)atoi(argv[1]);
	accountant = (unsigned int)atoi(argv[2]);
	payer = (unsigned int)atoi(argv[3]);
	end = now_ns() + (uint64_t)atoi(argv[4]) * 1000000000;
	o.accountant = (int)accountant;
	o.lanes = 1;
	xs = xs_open(0);
	r = acctring_open(&o);
	l = r ? acctring_lane_open(r) : NULL;
	row = r ? acctring_payer_open(r, payer, ACCTRING_KIND_VBD, 51712) : -1;
	if (!xs || !l || row < 0)
		die("open");
	share_statement(&head, &statement, payer);
	do
		acctring_stats(r, &s);
	while (s.state == ACCTRING_LOCAL && now_ns() < end);
	open_up();
	for (; now_ns() < end || turns < 20; turns++) {
		post(l, row);
		say(accountant, payer, statement, turns);
		__atomic_store_n(&head->turn, turns, __ATOMIC_RELEASE);
	}
	acctring_stats(r, &s);
	printf("turns=%u written=%u refused=%u posted=%" PRIu64 " link=%s pending=%" PRIu64 "\n",
	       turns, taken, refused, s.recorded + s.spilled,
	       s.state == ACCTRING_WAITING    ? "offered"
	       : s.state == ACCTRING_ATTACHED ? "ATTACHED"
					      : "other",
	       s.pending);
	return s.state != ACCTRING_WAITING;
}
