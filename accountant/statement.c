/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/statement.h"

#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xengnttab.h>

#define ROWS_A_PAGE (ACCTRING_PAGE / sizeof(struct acctring_statement_row))
#define MAX_ROWS (ACCTRING_STATEMENT_MAX_PAGES / 2 * ROWS_A_PAGE)
#define NODES "/local/domain/%u/data/acctring/statement"

struct statement {
	struct xs_handle *xs;
	unsigned int domid;
	xengntshr_handle *share;
	struct acctring_statement_page *head; /* dom0 reads all of this */
	struct acctring_statement_row *rows;
	unsigned int pages;
	uint32_t ref;
	uint32_t turn;
	bool complained;
};

struct statement *statement_open(struct xs_handle *xs, unsigned int domid)
{
	struct statement *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->xs = xs;
	s->domid = domid;
	s->share = xengntshr_open(NULL, 0);
	if (s->share)
		return s;
	free(s);
	return NULL;
}

static void node(struct statement *s, const char *name, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), NODES "/%s", s->domid, name);
	if (!xs_writef(s->xs, path, "%s", text) || !xs_share(s->xs, path, (int)s->domid, 0))
		log_warn("cannot write %s: %s", path, strerror(errno));
}

static void withdraw(struct statement *s)
{
	if (s->rows)
		xengntshr_unshare(s->share, s->rows, s->pages);
	if (s->head)
		xengntshr_unshare(s->share, s->head, 1);
	s->rows = NULL;
	s->head = NULL;
	s->pages = 0;
}

static bool share(struct statement *s, unsigned int pages, uint64_t incarnation)
{
	uint32_t ref[ACCTRING_STATEMENT_MAX_PAGES];

	s->head = xengntshr_share_page_notify(s->share, 0, &s->ref, 0,
					      offsetof(struct acctring_statement_page, alive),
					      (evtchn_port_t)-1);
	if (s->head)
		s->rows = xengntshr_share_pages(s->share, 0, (int)pages, ref, 0);
	s->pages = pages;
	if (!s->head || !s->rows) {
		withdraw(s);
		return false;
	}
	memset(s->head, 0, ACCTRING_PAGE);
	memset(s->rows, 0, (size_t)pages * ACCTRING_PAGE);
	memcpy(s->head->ref, ref, pages * sizeof(*ref));
	s->head->magic = ACCTRING_MAGIC_STATEMENT;
	s->head->version = ACCTRING_ABI_VERSION;
	s->head->pages = pages;
	while (!s->head->epoch)
		if (getrandom(&s->head->epoch, sizeof(s->head->epoch), 0) < 0)
			break;
	s->head->incarnation = incarnation;
	s->head->alive = 1;
	s->turn = 0;
	return true;
}

/* Pages for so many rows in each half, published last. */
static bool grow(struct statement *s, unsigned int rows, uint64_t incarnation)
{
	unsigned int pages = 2;

	while (pages / 2 * ROWS_A_PAGE < rows)
		pages *= 2;
	node(s, "state", "1");
	withdraw(s);
	if (!share(s, pages, incarnation)) {
		if (!s->complained)
			log_error("cannot grant the statement's %u pages: %s", pages + 1,
				  strerror(errno));
		s->complained = true;
		return false;
	}
	s->complained = false;
	return true;
}

static void publish(struct statement *s)
{
	char text[32];

	snprintf(text, sizeof(text), "%u.%u", ACCTRING_ABI_MAJOR, ACCTRING_ABI_MINOR);
	node(s, "version", text);
	snprintf(text, sizeof(text), "%016" PRIx64, s->head->epoch);
	node(s, "epoch", text);
	snprintf(text, sizeof(text), "%" PRIu32, s->ref);
	node(s, "ring-ref", text);
	node(s, "state", "4");
}

static void domain_row(struct acctring_statement_row *r, const struct view_domain *d)
{
	*r = (struct acctring_statement_row){
		.what = ACCTRING_STMT_DOMAIN,
		.backend = d->domid,
		.domid = d->domid,
		.links = d->links,
		.charged_ns = d->charged_ns,
		.posted_ns = d->posted_ns,
		.units = d->units,
		.bytes = d->bytes,
		.measured_ns = d->measured_ns,
		.own_ns = d->own_ns,
		.unattributed_ns = d->unattributed_ns,
		.refused_units = d->refused_units,
		.epochs_lost = d->epochs_lost,
	};
	memcpy(r->uuid, d->uuid, 16);
}

static void vm_row(struct acctring_statement_row *r, const struct view_vm *m)
{
	*r = (struct acctring_statement_row){
		.what = ACCTRING_STMT_VM,
		.backend = m->backend,
		.domid = m->domid,
		.charged_ns = m->charged_ns,
		.posted_ns = m->total.ns,
		.units = m->total.units,
		.bytes = m->total.bytes,
		.vbd_ns = m->by_kind[ACCTRING_KIND_VBD],
		.vif_ns = m->by_kind[ACCTRING_KIND_VIF],
		.other_ns = m->by_kind[ACCTRING_KIND_OTHER],
		.shared_ns = basis_shared(m->basis_ns),
	};
	memcpy(r->uuid, m->uuid, 16);
}

static int latest(const void *left, const void *right)
{
	const struct view_vm *a = *(const struct view_vm *const *)left;
	const struct view_vm *b = *(const struct view_vm *const *)right;

	return a->changed > b->changed ? -1 : a->changed < b->changed;
}

unsigned int statement_rows(const struct view *v, struct acctring_statement_row *row,
			    unsigned int max)
{
	const struct view_vm **vm = calloc(v->nvms + 1u, sizeof(*vm));
	unsigned int n = 0;

	for (unsigned int i = 0; i < v->ndomains && n < max; i++)
		domain_row(&row[n++], &v->domain[i]);
	for (unsigned int i = 0; vm && i < v->nvms; i++)
		vm[i] = &v->vm[i];
	if (vm && v->nvms > max - n)
		qsort(vm, v->nvms, sizeof(*vm), latest);
	for (unsigned int i = 0; vm && i < v->nvms && n < max; i++)
		vm_row(&row[n++], vm[i]);
	free(vm);
	return n;
}

static void fill(struct statement *s, const struct acctring_statement_row *row, unsigned int n,
		 uint64_t t_ns)
{
	unsigned int half = (s->turn + 1) & 1;
	const uint64_t *from = (const uint64_t *)row;
	uint64_t *to = (uint64_t *)(s->rows + half * (s->pages / 2 * ROWS_A_PAGE));

	/* release: the last turn stands before we overwrite what a slow reader
	 * may still copy, so that it finds the turn changed */
	for (size_t i = 0; i < n * sizeof(*row) / sizeof(*to); i++)
		__atomic_store_n(&to[i], from[i], __ATOMIC_RELEASE);
	__atomic_store_n(&s->head->rows[half], n, __ATOMIC_RELAXED);
	__atomic_store_n(&s->head->t_ns[half], t_ns, __ATOMIC_RELAXED);
	/* T1 -> T2: the half before the turn */
	__atomic_store_n(&s->head->turn, ++s->turn, __ATOMIC_RELEASE);
}

void statement_write(struct statement *s, const struct view *v)
{
	struct acctring_statement_row *row;
	unsigned int wanted = v->ndomains + v->nvms, n;
	bool fresh = false;

	if (wanted > MAX_ROWS)
		wanted = MAX_ROWS;
	row = calloc(wanted + 1u, sizeof(*row));
	if (!row)
		return;
	n = statement_rows(v, row, wanted);
	if (!s->head || s->head->incarnation != v->incarnation || n > s->pages / 2 * ROWS_A_PAGE) {
		fresh = grow(s, n, v->incarnation);
		if (!fresh) {
			free(row);
			return;
		}
	}
	fill(s, row, n, v->t_ns);
	free(row);
	if (fresh)
		publish(s);
}

void statement_close(struct statement *s)
{
	if (!s)
		return;
	if (s->head)
		node(s, "state", "6");
	withdraw(s);
	xengntshr_close(s->share);
	free(s);
}
