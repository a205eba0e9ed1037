/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/view.h"

#include "accountant/bounds.h"
#include "accountant/worker.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void view_free(struct view *v)
{
	if (!v)
		return;
	free(v->domain);
	free(v->vm);
	free(v->post);
	free(v->link);
	free(v->limit);
	free(v);
}

/* By driver domain, VM, kind, device. */
static int order(const void *left, const void *right)
{
	const struct account *a = *(struct account *const *)left;
	const struct account *b = *(struct account *const *)right;
	int d = (int)a->key.backend - b->key.backend;

	if (!d)
		d = memcmp(a->key.uuid, b->key.uuid, 16);
	if (!d)
		d = (int)a->key.kind - b->key.kind;
	if (!d)
		d = a->key.device < b->key.device ? -1 : a->key.device > b->key.device;
	return d;
}

static void add_account(struct view *v, struct view_vm *m, const struct account *x)
{
	unsigned int kind = x->key.kind;

	if (kind != ACCTRING_KIND_VBD && kind != ACCTRING_KIND_VIF)
		kind = ACCTRING_KIND_OTHER;
	m->by_kind[kind] += x->book.charged_ns;
	m->charged_ns += x->book.charged_ns;
	m->sender_ns += x->sent_ns;
	for (unsigned int b = 0; b < BASES; b++)
		m->basis_ns[b] += x->book.basis_ns[b];
	m->beside_ns = x->vm ? x->vm->beside.ns : 0;
	if (x->changed >= m->changed) {
		m->changed = x->changed;
		m->domid = x->domid;
	}
	for (unsigned int i = 1; i < ACCTRING_CLASSES; i++) {
		const struct sums *s = &x->book.klass[i];

		if (!s->posts)
			continue;
		sums_add(&m->total, s);
		v->post[v->nposts++] = (struct view_post){ .kind = x->key.kind,
							   .klass = (uint8_t)i,
							   .device = x->key.device,
							   .sums = *s };
		m->posts++;
	}
}

static void name_vm(struct worker *w, struct view_vm *m)
{
	const struct served *s;

	urcu_memb_read_lock();
	s = served_find(&w->served, m->backend, m->domid);
	if (s && !memcmp(s->is.uuid, m->uuid, 16))
		memcpy(m->name, s->is.name, sizeof(m->name));
	urcu_memb_read_unlock();
}

static unsigned int classes(const struct account *x)
{
	unsigned int n = 0;

	for (unsigned int i = 1; i < ACCTRING_CLASSES; i++)
		n += x->book.klass[i].posts != 0;
	return n;
}

static bool make_vms(struct view *v, struct worker *w)
{
	struct account **all = calloc(w->accounts.count + 1u, sizeof(struct account *));
	unsigned int n = 0, posts = 0;
	struct view_vm *m = NULL;

	if (!all)
		return false;
	for (struct account *x = w->accounts.first; x; x = x->next) {
		unsigned int used = classes(x);

		if (!account_is_vm(x) || (!used && !x->book.charged_ns))
			continue; /* nothing in it yet: it only counts its siblings */
		all[n++] = x;
		posts += used;
	}
	qsort(all, n, sizeof(struct account *), order);
	v->vm = calloc(n + 1u, sizeof(*v->vm));
	v->post = calloc(posts + 1u, sizeof(*v->post));
	if (!v->vm || !v->post) {
		free(all);
		return false;
	}
	for (unsigned int i = 0; i < n; i++) {
		const struct account_key *k = &all[i]->key;

		if (!m || m->backend != k->backend || memcmp(m->uuid, k->uuid, 16)) {
			m = &v->vm[v->nvms++];
			m->backend = k->backend;
			memcpy(m->uuid, k->uuid, 16);
			m->first = v->nposts;
		}
		add_account(v, m, all[i]);
	}
	free(all);
	for (unsigned int i = 0; i < v->nvms; i++)
		name_vm(w, &v->vm[i]);
	return true;
}

static void total_refused(struct view_domain *to, const struct book *b)
{
	for (unsigned int i = 1; i < ACCTRING_CLASSES; i++) {
		to->refused_units = sat_add(to->refused_units, b->klass[i].units);
		to->refused_ns = sat_add(to->refused_ns, b->klass[i].ns);
	}
}

static void make_domain(struct view *v, struct worker *w, const struct domain *d)
{
	struct view_domain *to = &v->domain[v->ndomains++];

	to->domid = d->domid;
	to->named = d->named;
	to->mode = d->mode;
	memcpy(to->uuid, d->uuid, 16);
	memcpy(to->name, d->name, sizeof(to->name));
	to->measured_ns = d->s.measured_ns;
	to->epochs_lost = d->s.epochs_lost;
	to->overclaimed_ns = d->s.overclaimed_ns;
	to->idle_known = d->rest.known;
	to->idle = d->rest.idle;
	to->own_ns = d->s.own_ns + d->own->book.charged_ns;
	total_refused(to, &d->refused->book);
	for (unsigned int i = 0; i < v->nvms; i++) {
		const struct view_vm *m = &v->vm[i];

		if (m->backend != d->domid)
			continue;
		to->charged_ns += m->charged_ns;
		to->posted_ns = sat_add(to->posted_ns, m->total.ns);
		to->units = sat_add(to->units, m->total.units);
		to->bytes = sat_add(to->bytes, m->total.bytes);
	}
	for (const struct link *k = w->links; k; k = k->next)
		to->links += k->domain == d && k->reader;
	to->unattributed_ns = bounds_unattributed(d);
}

static const char *state_name(const struct link *k)
{
	switch (k->state) {
	case LINK_HOLDING:
	case LINK_ATTACHED:
		return "attached";
	case LINK_CLOSING:
	case LINK_LEAVING:
		return "draining";
	case LINK_REFUSED:
		return "refused";
	default:
		return "closed";
	}
}

static void make_link(struct view *v, const struct link *k)
{
	struct view_link *to = &v->link[v->nlinks++];

	to->backend = k->e.id.domid;
	to->slot = k->e.id.slot;
	to->lanes = k->e.lanes;
	to->epoch = k->e.id.epoch;
	to->state = state_name(k);
	to->never_asks = k->never_asks;
	memcpy(to->program, k->e.program, sizeof(to->program));
	memcpy(to->reason, k->e.reason, sizeof(to->reason));
	to->records = k->e.records;
	to->spilled = k->e.spilled;
	to->overflowed = k->e.overflowed;
	to->cpu_ns = k->e.cpu_ns;
}

static void name_limit(struct worker *w, struct view_limit *to)
{
	urcu_memb_read_lock();
	for (const struct served *s = w->served.first; s && !to->found; s = s->next) {
		if (!domtext_is(to->is.vm, s->is.uuid, s->is.domid, s->is.name))
			continue;
		to->found = true;
		to->domid = s->is.domid;
		memcpy(to->uuid, s->is.uuid, 16);
		memcpy(to->name, s->is.name, sizeof(to->name));
	}
	urcu_memb_read_unlock();
}

static void make_limits(struct view *v, struct worker *w, const struct quotas *q, bool commanded)
{
	for (unsigned int i = 0; i < q->n; i++) {
		struct view_limit *to = &v->limit[v->nlimits++];

		to->is = q->item[i];
		to->commanded = commanded;
		name_limit(w, to);
		allow_look(w, &to->is, &to->now);
	}
}

struct view *view_make(struct worker *w)
{
	struct view *v = calloc(1, sizeof(*v));
	unsigned int domains = 0, links = 0;
	struct timespec t;

	if (!v)
		return NULL;
	for (const struct domain *d = w->domains; d; d = d->next)
		domains++;
	for (const struct link *k = w->links; k; k = k->next)
		links++;
	v->domain = calloc(domains + 1u, sizeof(*v->domain));
	v->link = calloc(links + 1u, sizeof(*v->link));
	v->limit = calloc(w->quotas.n + w->conf.quotas.n + 1u, sizeof(*v->limit));
	if (!v->domain || !v->link || !v->limit || !make_vms(v, w)) {
		view_free(v);
		return NULL;
	}
	v->domid = w->domid;
	v->incarnation = w->incarnation;
	v->t_ns = now_ns();
	clock_gettime(CLOCK_REALTIME, &t);
	v->unix_s = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	for (const struct domain *d = w->domains; d; d = d->next)
		make_domain(v, w, d);
	for (const struct link *k = w->links; k; k = k->next)
		make_link(v, k);
	v->acts = allow_acts_somewhere(w);
	v->guard = (enum guard_when)w->conf.guard;
	v->share = w->share;
	make_limits(v, w, &w->quotas, true);
	make_limits(v, w, &w->conf.quotas, false);
	return v;
}
