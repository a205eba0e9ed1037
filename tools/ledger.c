/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ledger.c - see ledger.h.
 */
#include "tools/ledger.h"

#include <stdlib.h>
#include <string.h>

static double seconds(const struct snapshot *before, const struct snapshot *now)
{
	if (!before || before->t >= now->t || strcmp(before->incarnation, now->incarnation) != 0)
		return 0;
	return now->t - before->t;
}

static const struct snap_domain *domain_of(const struct snapshot *s, uint64_t domid)
{
	size_t i;

	for (i = 0; i < s->domains; i++)
		if (s->domain[i].domid == domid)
			return &s->domain[i];
	return NULL;
}

/* Between what both say of a driver domain; 0: not known. */
static double seconds_at(const struct snapshot *before, const struct snapshot *now, uint64_t domid)
{
	const struct snap_domain *a, *b;

	if (!before || !now->store)
		return seconds(before, now);
	a = domain_of(before, domid);
	b = domain_of(now, domid);
	if (!a || !b || strcmp(a->uuid, b->uuid) != 0 || a->clock >= b->clock ||
	    strcmp(a->incarnation, b->incarnation) != 0)
		return 0;
	return b->clock - a->clock;
}

bool ledger_moved(const struct snapshot *before, const struct snapshot *now)
{
	const struct snap_domain *was;
	bool moved = false;
	size_t i;

	if (!now->store || before->domains != now->domains)
		return true;
	for (i = 0; i < now->domains; i++) {
		was = domain_of(before, now->domain[i].domid);
		if (!was || strcmp(was->uuid, now->domain[i].uuid) != 0)
			return true;
		if (was->clock < now->domain[i].clock || was->clock > now->domain[i].clock)
			moved |= !now->domain[i].measured_ns ||
				 was->measured_ns != now->domain[i].measured_ns;
	}
	return moved;
}

static struct ledger_vm *vm_of(struct ledger *l, const struct snap_vm *vm)
{
	struct ledger_vm *v;
	size_t i;

	for (i = 0; i < l->vms; i++)
		if (!strcmp(l->vm[i].uuid, vm->uuid))
			return &l->vm[i];
	v = &l->vm[l->vms++];
	memset(v, 0, sizeof(*v));
	memcpy(v->uuid, vm->uuid, sizeof(v->uuid));
	memcpy(v->name, vm->name, sizeof(v->name));
	v->domid = vm->domid;
	v->rates = true;
	v->basis.known = v->basis.low_known = true;
	return v;
}

static void add_basis(struct snap_basis *to, const struct snap_basis *b)
{
	to->known &= b->known;
	to->low_known &= b->low_known;
	for (unsigned int i = 0; i < BASES; i++)
		to->ns[i] += b->ns[i];
	to->low_ns += b->low_ns;
	to->high_ns += b->high_ns;
}

/* The VM at that driver domain in the snapshot before; zeroes: it was not there. */
static struct snap_vm vm_before(const struct snapshot *before, const struct snap_vm *vm)
{
	static const struct snap_vm none;
	size_t i;

	for (i = 0; i < before->vms; i++)
		if (before->vm[i].backend == vm->backend && !strcmp(before->vm[i].uuid, vm->uuid))
			return before->vm[i];
	return none;
}

/* What it cost at one driver domain since then. */
static void vm_rates(struct ledger_vm *v, const struct snapshot *before, const struct snapshot *now,
		     const struct snap_vm *vm)
{
	double s = seconds_at(before, now, vm->backend);
	struct snap_vm was;

	if (!(s > 0))
		return;
	was = vm_before(before, vm);
	if (was.charged_ns > vm->charged_ns || was.units > vm->units || was.bytes > vm->bytes) {
		v->rates = false;
		return;
	}
	v->known = true;
	v->percent += (double)(vm->charged_ns - was.charged_ns) / s / 1e7;
	v->units_s += (double)(vm->units - was.units) / s;
	v->bytes_s += (double)(vm->bytes - was.bytes) / s;
}

static void domain_rates(struct ledger_domain *d, const struct snapshot *before, double s)
{
	const struct snap_domain *was = NULL, *now = d->now;
	size_t i;

	for (i = 0; i < before->domains && !was; i++)
		if (before->domain[i].domid == now->domid &&
		    !strcmp(before->domain[i].uuid, now->uuid))
			was = &before->domain[i];
	if (!was || was->measured_ns > now->measured_ns || was->charged_ns > now->charged_ns ||
	    was->own_ns > now->own_ns)
		return;
	d->rates = true;
	d->measured = (double)(now->measured_ns - was->measured_ns) / s / 1e7;
	d->charged = (double)(now->charged_ns - was->charged_ns) / s / 1e7;
	d->own = (double)(now->own_ns - was->own_ns) / s / 1e7;
	d->unattributed = ((double)now->unattributed_ns - (double)was->unattributed_ns) / s / 1e7;
	if (d->unattributed < 0) /* as vm_share() */
		d->unattributed = 0;
}

/* Of all that the driver domains that serve it used. */
static void vm_share(struct ledger_vm *v, const struct ledger *l, const struct snapshot *now)
{
	double used = 0;
	size_t i, k;

	v->share = -1;
	if (!v->rates)
		return;
	for (i = 0; i < now->vms; i++) {
		if (strcmp(now->vm[i].uuid, v->uuid) != 0)
			continue;
		for (k = 0; k < l->domains; k++)
			if (l->domain[k].now->domid == now->vm[i].backend && l->domain[k].rates)
				used += l->domain[k].measured;
	}
	/* a charge may come an interval after what it is a part of */
	if (used > 0)
		v->share = v->percent < used ? 100 * v->percent / used : 100;
}

static void all_rates(struct ledger *l, const struct snapshot *before, const struct snapshot *now)
{
	size_t i;
	double s;

	for (i = 0; i < now->domains; i++) {
		l->domain[i].now = &now->domain[i];
		s = seconds_at(before, now, now->domain[i].domid);
		if (s > 0)
			domain_rates(&l->domain[i], before, s);
		if (s > l->interval)
			l->interval = s;
	}
	for (i = 0; i < l->vms; i++) {
		l->vm[i].rates &= l->vm[i].known;
		if (!l->vm[i].rates)
			l->vm[i].percent = 0;
		vm_share(&l->vm[i], l, now);
	}
}

/* Who burns most comes first. */
static int by_cost(const void *left, const void *right)
{
	const struct ledger_vm *a = left, *b = right;

	if (a->percent < b->percent || a->percent > b->percent)
		return a->percent < b->percent ? 1 : -1;
	return a->charged_ns < b->charged_ns ? 1 : -(a->charged_ns > b->charged_ns);
}

bool ledger_make(struct ledger *l, const struct snapshot *before, const struct snapshot *now)
{
	size_t i;

	memset(l, 0, sizeof(*l));
	l->interval = now->store ? 0 : seconds(before, now);
	l->vm = calloc(now->vms + 1, sizeof(*l->vm));
	l->domain = calloc(now->domains + 1, sizeof(*l->domain));
	if (!l->vm || !l->domain) {
		ledger_free(l);
		return false;
	}
	for (i = 0; i < now->vms; i++) {
		struct ledger_vm *v = vm_of(l, &now->vm[i]);

		v->charged_ns += now->vm[i].charged_ns;
		v->posted_ns += now->vm[i].posted_ns;
		v->units += now->vm[i].units;
		v->bytes += now->vm[i].bytes;
		v->vbd_ns += now->vm[i].vbd_ns;
		v->vif_ns += now->vm[i].vif_ns;
		v->other_ns += now->vm[i].other_ns;
		add_basis(&v->basis, &now->vm[i].basis);
		vm_rates(v, before, now, &now->vm[i]);
	}
	l->domains = now->domains;
	all_rates(l, before, now);
	qsort(l->vm, l->vms, sizeof(*l->vm), by_cost);
	return true;
}

void ledger_free(struct ledger *l)
{
	free(l->vm);
	free(l->domain);
	memset(l, 0, sizeof(*l));
}

double ledger_link_rate(const struct snapshot *before, const struct snapshot *now,
			const struct snap_link *link)
{
	double s = seconds(before, now);
	size_t i;

	for (i = 0; s > 0 && i < before->links; i++) {
		const struct snap_link *was = &before->link[i];

		if (was->backend != link->backend || strcmp(was->epoch, link->epoch) != 0)
			continue;
		if (was->records > link->records)
			return -1;
		return (double)(link->records - was->records) / s;
	}
	return -1;
}
