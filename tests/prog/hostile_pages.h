/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hostile_pages.h - a link made by hand: one lane, one ring page, one payer
 * page, one record and one spill row that are right until the test makes
 * them wrong.
 */
#ifndef TESTS_HOSTILE_PAGES_H
#define TESTS_HOSTILE_PAGES_H

#include <acctring/abi.h>
#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

#define HOSTILE_NODE "/local/domain/1/data/acctring/link/255"
#define HOSTILE_PEER "/local/domain/1/data/acctring/peer/1/255"
#define HOSTILE_PAYS 5 /* a VM that no honest backend serves */
#define HOSTILE_REFS 5u /* reply, payers, lane, lane reply, ring */

enum { LINK_PAGE, REPLY_PAGE, PAYER_PAGE, LANE_PAGE, LANE_REPLY_PAGE, RING_PAGE, HOSTILE_PAGES };

struct hostile {
	xengntshr_handle *share;
	xenevtchn_handle *evtchn;
	struct xs_handle *xs;
	uint64_t random;
	uint64_t epoch;
	int port;
	uint32_t ref[HOSTILE_PAGES];
	uint8_t *page[HOSTILE_PAGES];
	struct acctring_payer_page *payers;
	struct acctring_lane_page *lane;
	char said[128];
};

static inline uint64_t hostile_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static inline void hostile_open(struct hostile *h, uint64_t seed)
{
	memset(h, 0, sizeof(*h));
	h->random = seed * 2 + 1;
	h->share = xengntshr_open(NULL, 0);
	h->evtchn = xenevtchn_open(NULL, 0);
	h->xs = xs_open(0);
	if (!h->share || !h->evtchn || !h->xs)
		err(1, "no Xen here");
}

static inline void hostile_fill(struct hostile *h)
{
	struct acctring_link_page *l = (void *)h->page[LINK_PAGE];
	struct acctring_reply_page *reply = (void *)h->page[REPLY_PAGE];
	struct acctring_lane_reply_page *lr = (void *)h->page[LANE_REPLY_PAGE];
	struct acctring_record *rec = (void *)h->page[RING_PAGE];

	*l = (struct acctring_link_page){
		.magic = ACCTRING_MAGIC_LINK,
		.version = ACCTRING_ABI_VERSION,
		.epoch = h->epoch,
		.domid = 1,
		.lanes = 1,
		.ring_pages = 1,
		.payer_pages = 1,
		.counter = ACCTRING_COUNTER_NS,
		.mult = 1,
		.refs_used = HOSTILE_REFS,
		.program = "hostile",
		.alive = 1,
	};
	memset(l->program, 0xff, sizeof(l->program)); /* no end, not printable */
	memcpy(l->ref, &h->ref[1], HOSTILE_REFS * sizeof(h->ref[0]));
	reply->magic = ACCTRING_MAGIC_REPLY;
	reply->epoch = h->epoch;
	lr->magic = ACCTRING_MAGIC_LANE_REPLY;
	lr->epoch = h->epoch;
	h->payers->row[0].state = ACCTRING_PAYER_OPEN;
	h->payers->row[1] = (struct acctring_payer_row){ HOSTILE_PAYS, ACCTRING_KIND_VBD,
							 ACCTRING_PAYER_OPEN, 4242, 1 };
	for (uint16_t i = 0; i < ACCTRING_SLOTS_PER_PAGE; i++)
		rec[i] = (struct acctring_record){
			.ns = 10, .bytes = 20, .payer = 9, .units = 1, .klass = 2, .pos = i
		};
	h->lane->row[0].copy[1] = (struct acctring_row_copy){
		.ns = 1, .bytes = 1, .units = 1, .key = ACCTRING_KEY(9, 0, 3), .seq = 1
	};
	h->lane->here = 1;
	h->lane->rows = 1;
	h->lane->spilled = 1;
	h->lane->prod = 1;
}

static inline void hostile_close(struct hostile *h)
{
	xengntshr_close(h->share);
	xenevtchn_close(h->evtchn);
	xs_close(h->xs);
}

/* Fresh pages and epoch; all is right. */
static inline void hostile_make(struct hostile *h)
{
	do
		h->epoch = hostile_random(&h->random);
	while (!h->epoch);
	for (unsigned int i = 0; i < HOSTILE_PAGES; i++) {
		bool writable = i == REPLY_PAGE || i == LANE_REPLY_PAGE;

		h->page[i] = xengntshr_share_pages(h->share, 1, 1, &h->ref[i], writable);
		if (!h->page[i])
			err(1, "xengntshr_share_pages");
		memset(h->page[i], 0, ACCTRING_PAGE);
	}
	h->payers = (void *)h->page[PAYER_PAGE];
	h->lane = (void *)h->page[LANE_PAGE];
	h->port = xenevtchn_bind_unbound_port(h->evtchn, 1);
	if (h->port < 0)
		err(1, "xenevtchn_bind_unbound_port");
	hostile_fill(h);
}

static inline void hostile_publish_as(struct hostile *h, unsigned int state)
{
	char line[128];
	int n = snprintf(line, sizeof(line),
			 "v=1 abi=1.0 epoch=%016" PRIx64 " ref=%u port=%d state=%u", h->epoch,
			 h->ref[LINK_PAGE], h->port, state);

	if (!xs_write(h->xs, XBT_NULL, HOSTILE_NODE, line, (unsigned int)n))
		err(1, HOSTILE_NODE);
}

static inline void hostile_publish(struct hostile *h)
{
	hostile_publish_as(h, 4);
}

/* What the accountant says of this epoch: "attached", "refused", "". */
static inline const char *hostile_state(struct hostile *h)
{
	unsigned int len;
	char *v = xs_read(h->xs, XBT_NULL, HOSTILE_PEER, &len), wanted[32];

	snprintf(wanted, sizeof(wanted), "%016" PRIx64, h->epoch);
	h->said[0] = 0;
	if (v && strstr(v, wanted))
		snprintf(h->said, sizeof(h->said), "%.*s", (int)strcspn(v, " "), v);
	free(v);
	return h->said;
}

/* Waits for it: the reason when refused, else the state after a while. */
static inline const char *hostile_outcome(struct hostile *h, bool refusal)
{
	unsigned int len, settled = 0;
	const char *reason;
	char *v;

	for (unsigned int ms = 0; ms < 4000; ms += 10) {
		hostile_state(h);
		if (!strcmp(h->said, "refused"))
			break;
		if (!refusal && !strcmp(h->said, "attached") && ++settled > 6)
			return h->said;
		usleep(10000);
	}
	if (strcmp(h->said, "refused"))
		return h->said;
	v = xs_read(h->xs, XBT_NULL, HOSTILE_PEER, &len);
	reason = v ? strchr(v, ' ') : NULL; /* "refused EPOCH REASON" */
	reason = reason ? strchr(reason + 1, ' ') : NULL;
	snprintf(h->said, sizeof(h->said), "%s", reason ? reason + 1 : "no reason");
	free(v);
	return h->said;
}

static inline void hostile_drop(struct hostile *h)
{
	hostile_publish_as(h, 6);
	((struct acctring_link_page *)h->page[LINK_PAGE])->alive = 0;
	xenevtchn_unbind(h->evtchn, (evtchn_port_t)h->port);
	for (unsigned int i = 0; i < HOSTILE_PAGES; i++)
		xengntshr_unshare(h->share, h->page[i], 1);
}

#endif
