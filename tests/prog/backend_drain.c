/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A minimal accountant for the backends' tests: attaches to one link,
 * drains it until the backend ends, and prints what came, by who is served,
 * who caused it, and class:
 *
 *	kind domid device cause class posts units bytes ns failed waits
 *
 * (cause: a domid, or - for none; waits: posts with a queue wait above 0).
 * Usage: backend_drain BACKEND [SLOWDOMID NS_PER_SECOND]
 * The second pair lends that guest only so much of the backend's time.
 */
#include <acctring/accountant.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#define CELLS 4096u

struct cell {
	uint16_t payer, cause;
	uint8_t klass;
	uint64_t posts, units, bytes, ns, failed, waits;
};

static struct cell cells[CELLS];
static unsigned int used;
static xengnttab_handle *gnttab;
static xenevtchn_handle *evtchn;
static uint64_t spent[ACCTRING_PAYER_LIMIT];

static void add_items(void *ctx, const struct acctring_item *item, unsigned int n)
{
	(void)ctx;
	for (; n; n--, item++) {
		struct cell *c = cells;

		while (c < cells + used && (c->payer != item->payer || c->cause != item->cause ||
					    c->klass != item->klass))
			c++;
		if (c == cells + CELLS)
			die(EXIT_RUNTIME, "too many cells");
		if (c == cells + used) {
			used++;
			c->payer = item->payer;
			c->cause = item->cause;
			c->klass = item->klass;
		}
		c->posts += item->posts;
		c->units += item->units;
		c->bytes += item->bytes;
		c->ns += item->ns;
		c->failed += item->flags & ACCTRING_F_FAILED ? 1 : 0;
		c->waits += item->wait > 0;
		spent[item->payer] += item->ns;
	}
}

/* Tries the link in this slot: 0 or -errno. */
static int try_slot(struct xs_handle *xsh, unsigned int domid, unsigned int slot,
		    struct acctring_reader **r)
{
	struct acctring_attach how = { .gnttab = gnttab, .evtchn = evtchn, .incarnation = 1 };
	char epoch[17], *line;
	uint64_t state, ref, port;
	bool ok;

	line = xs_readf(xsh, "/local/domain/%u/data/acctring/link/%u", domid, slot);
	ok = line && kv_is_v1(line) && kv_u64(line, "state", 6, &state) && state == 4 &&
	     kv_u64(line, "ref", UINT32_MAX, &ref) && kv_u64(line, "port", UINT32_MAX, &port) &&
	     kv_get(line, "epoch", epoch, sizeof(epoch)) && parse_hex64(epoch, &how.id.epoch);
	free(line);
	if (!ok)
		return -ENOENT;
	how.id.ref = (uint32_t)ref;
	how.id.port = (uint32_t)port;
	how.id.slot = slot;
	how.id.domid = (uint16_t)domid;
	return acctring_attach(r, &how, NULL);
}

/*
 * Waits up to 10 s for a link in any slot: other sandboxes of this machine
 * may hold the lower ones, their locks are in the same name space.
 */
static struct acctring_reader *attach(struct xs_handle *xsh, unsigned int domid)
{
	struct acctring_reader *r = NULL;
	unsigned int i, slot;

	gnttab = xengnttab_open(NULL, 0);
	evtchn = xenevtchn_open(NULL, 0);
	for (i = 0; i < 200; i++) {
		for (slot = 0; slot < 256; slot++)
			if (!try_slot(xsh, domid, slot, &r))
				return r;
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
	die(EXIT_ENV, "no link to attach to");
}

static const char *cause_name(const struct acctring_reader *r, unsigned int cause, char text[16])
{
	struct acctring_payer_row row;

	if (!cause || acctring_reader_payer(r, cause, &row))
		return "-";
	snprintf(text, 16, "%u", row.domid);
	return text;
}

static void print_cells(const struct acctring_reader *r)
{
	struct acctring_payer_row row;
	char cause[16];
	unsigned int i;

	for (i = 0; i < used; i++) {
		const struct cell *c = &cells[i];

		if (acctring_reader_payer(r, c->payer, &row))
			die(EXIT_RUNTIME, "payer %u has no row", c->payer);
		printf("%u\t%u\t%u\t%s\t%u\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64
		       "\t%" PRIu64 "\t%" PRIu64 "\n",
		       row.kind, row.domid, row.device, cause_name(r, c->cause, cause), c->klass,
		       c->posts, c->units, c->bytes, c->ns, c->failed, c->waits);
	}
	fflush(stdout);
}

/* Lends every connected device of the slow guest what it may have by now. */
static void lend(struct acctring_reader *r, unsigned int slow, uint64_t ns)
{
	struct acctring_payer_row row;
	unsigned int p, l;

	for (p = 0; p < acctring_reader_payers(r); p++) {
		if (acctring_reader_payer(r, p, &row) || row.domid != slow)
			continue;
		for (l = 0; l < acctring_reader_lanes(r); l++)
			acctring_reader_allow(r, l, p, ns, 1000);
	}
}

int main(int argc, char **argv)
{
	struct xs_handle *xsh = xs_open(0);
	uint64_t domid, slow = 0, rate = 0, lent = 1;
	struct acctring_reader *r;
	bool alive = true;

	log_init("backend_drain", false, false);
	if ((argc != 2 && argc != 4) || !parse_u64(argv[1], DOMID_LAST, &domid) ||
	    (argc == 4 &&
	     (!parse_u64(argv[2], DOMID_LAST, &slow) || !parse_u64(argv[3], UINT32_MAX, &rate))))
		die(EXIT_USAGE, "backend_drain BACKEND [SLOWDOMID NS_PER_SECOND]");
	if (!xsh)
		die(EXIT_ENV, "no store");
	r = attach(xsh, (unsigned int)domid);
	while (alive) {
		alive = acctring_reader_alive(r);
		if (rate)
			lend(r, (unsigned int)slow, lent);
		if (acctring_drain(r, add_items, NULL, alive ? 0 : ACCTRING_DRAIN_LAST) < 0)
			die(EXIT_RUNTIME, "quarantine: %s", acctring_reader_reason(r));
		acctring_commit(r);
		acctring_tick(r);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
		lent += rate / 200;
	}
	print_cells(r);
	acctring_detach(r);
	xenevtchn_close(evtchn);
	xengnttab_close(gnttab);
	xs_close(xsh);
	return 0;
}
