/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ring_peer - both ends of a link as small programs, for tests in the sandbox.
 *
 *	ring_peer post N [hang]	posts N costs, says so, and closes or hangs
 *	ring_peer drain DOMID	attaches to slot 0 of a domain, drains until the
 *				backend has ended, prints the sums; attaches
 *				once more: that must be refused as stale
 */
#include "common/kv.h"

#include <acctring/accountant.h>
#include <acctring/acctring.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

static int post(unsigned int n, bool hang)
{
	struct acctring *r = acctring_open(NULL);
	struct acctring_lane *l = r ? acctring_lane_open(r) : NULL;
	struct acctring_cost c = { .units = 1, .payer = ACCTRING_PAYER_OWN, .klass = 2 };
	uint64_t ns = 0;
	unsigned int i;

	if (!l)
		return 1;
	for (i = 0; i < n; i++) {
		c.ns = i;
		ns += c.ns;
		if (acctring_post(l, &c))
			return 1;
		if (i % 1000 == 999)
			usleep(1000);
	}
	printf("posted=%u ns=%" PRIu64 "\n", n, ns);
	fflush(stdout);
	if (hang)
		for (;;)
			pause();
	printf("left=%d\n", acctring_close(r, 5000));
	return 0;
}

/* ------------------------------------------------------------------ */

struct sums {
	uint64_t posts, ns, records;
};

static void add(void *ctx, const struct acctring_item *it, unsigned int n)
{
	struct sums *s = ctx;

	for (; n; n--, it++) {
		s->posts += it->posts;
		s->ns += it->ns;
		s->records += !it->spilled;
	}
}

/* Waits until the link in slot 0 is ready. */
static void await_link(struct xs_handle *xs, const char *domid, struct acctring_link_id *id)
{
	char path[96], epoch[17], *s = NULL;
	uint64_t state = 0, ref = 0, port = 0;
	unsigned int len;

	snprintf(path, sizeof(path), "/local/domain/%s/data/acctring/link/0", domid);
	while (state != 4) {
		usleep(5000);
		s = xs_read(xs, XBT_NULL, path, &len);
		if (!s || !kv_is_v1(s) || !kv_get(s, "epoch", epoch, sizeof(epoch)) ||
		    !parse_hex64(epoch, &id->epoch) || !kv_u64(s, "ref", UINT32_MAX, &ref) ||
		    !kv_u64(s, "port", UINT32_MAX, &port) || !kv_u64(s, "state", 6, &state))
			state = 0;
		free(s);
	}
	id->domid = (uint16_t)atoi(domid);
	id->ref = (uint32_t)ref;
	id->port = (uint32_t)port;
}

static void drain_all(struct acctring_reader *r, struct sums *s)
{
	while (acctring_reader_alive(r)) {
		if (acctring_drain(r, add, s, 0) < 0)
			return;
		acctring_commit(r);
		acctring_tick(r);
		usleep(2000);
	}
	acctring_drain(r, add, s, ACCTRING_DRAIN_LAST);
	acctring_commit(r);
}

static int drain(const char *domid)
{
	struct acctring_attach how = { .incarnation = 1 };
	struct xs_handle *xs = xs_open(0);
	struct acctring_reader *r;
	struct sums s = { 0 };
	const char *reason;
	int ret;

	how.gnttab = xengnttab_open(NULL, 0);
	how.evtchn = xenevtchn_open(NULL, 0);
	if (!xs || !how.gnttab || !how.evtchn)
		return 4;
	await_link(xs, domid, &how.id);
	ret = acctring_attach(&r, &how, &reason);
	if (ret) {
		printf("attach=%d %s\n", ret, reason ? reason : "");
		return 1;
	}
	printf("attached program=%s\n", acctring_reader_program(r));
	fflush(stdout);
	drain_all(r, &s);
	printf("drained=%" PRIu64 " ns=%" PRIu64 " spilled=%" PRIu64 " reason=%s\n", s.posts, s.ns,
	       s.posts - s.records, acctring_reader_reason(r) ? acctring_reader_reason(r) : "-");
	acctring_detach(r);
	ret = acctring_attach(&r, &how, &reason);
	printf("again=%s\n", ret ? "refused" : "attached");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "post"))
		return post((unsigned int)strtoul(argv[2], NULL, 0), argc > 3);
	if (argc == 3 && !strcmp(argv[1], "drain"))
		return drain(argv[2]);
	fprintf(stderr, "usage: ring_peer post N [hang] | drain DOMID\n");
	return 2;
}
