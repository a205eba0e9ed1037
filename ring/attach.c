/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attaching to a link (docs/protocol.md, section 5).  A grant reference may
 * by now be another's page: nothing is written before the page itself has
 * told magic and epoch, and unmapping with notification is a write.
 */
#include "ring/barrier.h"
#include "ring/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REPLY_PROT (PROT_READ | PROT_WRITE)

static int map_error(void)
{
	return errno ? -errno : -EIO;
}

static void copy_page(void *to, const void *kfrom)
{
	const ring_word *k = kfrom;
	ring_word *w = to;
	size_t i;

	for (i = 0; i < ACCTRING_PAGE / sizeof(*w); i++)
		w[i] = ld_relaxed(&k[i]);
	compiler_barrier();
}

/* ------------------------------------------------------------------ */
/* Link page                                                           */

static bool geometry_ok(const struct acctring_link_page *l)
{
	if (!l->lanes || l->lanes > ACCTRING_MAX_LANES || !l->payer_pages ||
	    l->payer_pages > ACCTRING_MAX_PAYER_PAGES || l->ring_pages > ACCTRING_MAX_RING_PAGES ||
	    (l->ring_pages & (l->ring_pages - 1)) || l->shift > 63 ||
	    l->counter - 1 >= ACCTRING_COUNTER_CNTVCT)
		return false;
	return l->refs_used <= ACCTRING_MAX_REFS &&
	       l->refs_used ==
		       1u + l->payer_pages + l->lanes * (1u + l->payer_pages + l->ring_pages);
}

static int check_link(struct acctring_link_page *l, uint64_t epoch, const char **reason)
{
	char *c;

	if (l->magic != ACCTRING_MAGIC_LINK || l->epoch != epoch)
		return -ESTALE;
	if (l->version >> 16 != ACCTRING_ABI_MAJOR) {
		*reason = "version not supported";
		return -EPROTONOSUPPORT;
	}
	if (!geometry_ok(l)) {
		*reason = "geometry out of range";
		return -EPROTO;
	}
	l->program[sizeof(l->program) - 1] = '\0';
	for (c = l->program; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return 0;
}

static struct acctring_reader *reader_new(const struct acctring_link_page *l)
{
	struct acctring_reader *r = calloc(1, sizeof(*r) + l->lanes * sizeof(r->lane[0]));

	if (!r)
		return NULL;
	r->port = -1;
	r->link = *l;
	r->refs = malloc((1 + l->refs_used) * sizeof(*r->refs));
	r->payers = calloc(1, sizeof(*r->payers));
	if (r->payers)
		r->payers->seen = calloc(reader_payer_limit(r), sizeof(*r->payers->seen));
	if (!r->refs || !r->payers || !r->payers->seen) {
		reader_free(r);
		return NULL;
	}
	memcpy(r->refs + 1, l->ref, l->refs_used * sizeof(*r->refs));
	return r;
}

/* Maps and checks the link page, and makes a reader of it. */
static int attach_link(struct acctring_reader **out, const struct acctring_attach *how,
		       const char **reason)
{
	const struct acctring_link_page *klink;
	struct acctring_link_page link;
	int ret;

	errno = 0;
	klink = xengnttab_map_grant_ref(how->gnttab, how->id.domid, how->id.ref, PROT_READ);
	if (!klink)
		return map_error();
	copy_page(&link, klink);
	ret = check_link(&link, how->id.epoch, reason);
	if (!ret && how->pages_max && link.refs_used >= how->pages_max)
		ret = -ENOSPC;
	*out = ret ? NULL : reader_new(&link);
	if (!ret && !*out)
		ret = -ENOMEM;
	if (ret) {
		xengnttab_unmap(how->gnttab, (void *)klink, 1);
		return ret;
	}
	(*out)->klink = klink;
	(*out)->gnttab = how->gnttab;
	(*out)->evtchn = how->evtchn;
	(*out)->id = how->id;
	(*out)->incarnation = how->incarnation;
	(*out)->refs[0] = how->id.ref;
	return 0;
}

/* ------------------------------------------------------------------ */
/* All other pages                                                     */

/* References by kind: those that we read, and the lanes' reply pages. */
static void split_refs(const struct acctring_reader *r, uint32_t *kread, uint32_t *reply)
{
	const uint32_t *ref = r->refs + 2; /* after link page and reply page */
	unsigned int i, payer_pages = r->link.payer_pages, ring_pages = r->link.ring_pages;

	memcpy(kread, ref, payer_pages * sizeof(*ref));
	kread += payer_pages;
	ref += payer_pages;
	for (i = 0; i < r->link.lanes; i++) {
		*kread++ = *ref++;
		memcpy(reply, ref, payer_pages * sizeof(*ref));
		reply += payer_pages;
		ref += payer_pages;
		memcpy(kread, ref, ring_pages * sizeof(*ref));
		kread += ring_pages;
		ref += ring_pages;
	}
}

static bool replies_ours(const struct acctring_reader *r)
{
	unsigned int i;

	for (i = 0; i < r->reply_count; i++) {
		const struct acctring_lane_reply_page *p = &r->replies[i];

		if (ld_relaxed(&p->magic) != ACCTRING_MAGIC_LANE_REPLY ||
		    ld_relaxed(&p->epoch) != r->id.epoch ||
		    ld_relaxed(&p->lane) != i / r->link.payer_pages ||
		    ld_relaxed(&p->page) != i % r->link.payer_pages)
			return false;
	}
	return true;
}

static void place_lanes(struct acctring_reader *r)
{
	char *k = r->kpages + (size_t)r->link.payer_pages * ACCTRING_PAGE;
	unsigned int i;

	for (i = 0; i < r->link.lanes; i++) {
		struct reader_lane *l = &r->lane[i];
		const struct acctring_lane_page *kpage = (void *)k;

		k += ACCTRING_PAGE;
		drain_init(&l->drain, kpage, (void *)k, reader_slots(r), reader_payer_limit(r), i);
		k += (size_t)r->link.ring_pages * ACCTRING_PAGE;
		l->reply = &r->replies[i * r->link.payer_pages];
	}
}

static int map_lanes(struct acctring_reader *r)
{
	uint32_t kread[ACCTRING_MAX_REFS], reply[ACCTRING_MAX_REFS];
	const struct acctring_link_page *l = &r->link;

	r->kcount = l->payer_pages + l->lanes * (1u + l->ring_pages);
	r->reply_count = (unsigned int)l->lanes * l->payer_pages;
	split_refs(r, kread, reply);
	errno = 0;
	r->replies = xengnttab_map_domain_grant_refs(r->gnttab, r->reply_count, r->id.domid, reply,
						     REPLY_PROT);
	if (!r->replies)
		return map_error();
	if (!replies_ours(r))
		return -ESTALE;
	r->kpages = xengnttab_map_domain_grant_refs(r->gnttab, r->kcount, r->id.domid, kread,
						    PROT_READ);
	if (!r->kpages)
		return map_error();
	place_lanes(r);
	return 0;
}

static bool reply_ours(const struct acctring_reply_page *p, uint64_t epoch)
{
	return ld_relaxed(&p->magic) == ACCTRING_MAGIC_REPLY && ld_relaxed(&p->epoch) == epoch;
}

static int bind_port(struct acctring_reader *r)
{
	if (!r->evtchn)
		return 0;
	errno = 0;
	r->port = xenevtchn_bind_interdomain(r->evtchn, r->id.domid, r->id.port);
	return r->port < 0 ? map_error() : 0;
}

/*
 * The reply page, a second time and with notification, while `plain` still
 * holds it: so it is the same page, and the kernel's write at our end is safe.
 */
static int map_reply(struct acctring_reader *r)
{
	errno = 0;
	r->reply = xengnttab_map_grant_ref_notify(r->gnttab, r->id.domid, r->refs[1], REPLY_PROT,
						  offsetof(struct acctring_reply_page, alive),
						  (evtchn_port_t)r->port);
	return r->reply ? 0 : map_error();
}

static int attach_rest(struct acctring_reader *r, const struct acctring_attach *how,
		       const char **reason)
{
	struct acctring_reply_page *plain;
	int ret;

	errno = 0;
	plain = xengnttab_map_grant_ref(r->gnttab, r->id.domid, r->refs[1], REPLY_PROT);
	if (!plain)
		return map_error();
	ret = reply_ours(plain, r->id.epoch) ? map_lanes(r) : -ESTALE;
	if (!ret) {
		ret = reader_resume(r, how->resume, ld_relaxed(&plain->incarnation));
		*reason = r->reason;
	}
	if (!ret)
		ret = bind_port(r);
	if (!ret)
		ret = map_reply(r);
	xengnttab_unmap(r->gnttab, plain, 1);
	return ret;
}

int acctring_attach(struct acctring_reader **out, const struct acctring_attach *how,
		    const char **reason)
{
	struct acctring_reader *r = NULL;
	const char *why = NULL;
	int ret;

	*out = NULL;
	ret = attach_link(&r, how, &why);
	if (r)
		ret = attach_rest(r, how, &why);
	if (reason)
		*reason = why;
	if (ret || !r) {
		reader_free(r);
		return ret;
	}
	st_relaxed(&r->reply->version, ACCTRING_ABI_VERSION);
	st_relaxed(&r->reply->incarnation, r->incarnation);
	st_release(&r->reply->alive, 1);
	/* the backend seals pages first and then looks who is there */
	fence_full();
	if (ld_relaxed(&r->klink->magic) != ACCTRING_MAGIC_LINK) {
		acctring_detach(r);
		return -ESTALE;
	}
	*out = r;
	return 0;
}

/* ------------------------------------------------------------------ */

static void unmap(struct acctring_reader *r, const void *at, unsigned int count)
{
	if (at)
		xengnttab_unmap(r->gnttab, (void *)at, count);
}

void reader_free(struct acctring_reader *r)
{
	if (!r)
		return;
	unmap(r, r->reply, 1); /* before the port: its kernel fires it */
	unmap(r, r->replies, r->reply_count);
	unmap(r, r->kpages, r->kcount);
	unmap(r, r->klink, 1);
	if (r->port >= 0)
		xenevtchn_unbind(r->evtchn, (evtchn_port_t)r->port);
	if (r->payers)
		free(r->payers->seen);
	free(r->payers);
	free(r->refs);
	free(r);
}

void acctring_detach(struct acctring_reader *r)
{
	if (!r)
		return;
	st_release(&r->reply->alive, 0);
	reader_free(r);
}
