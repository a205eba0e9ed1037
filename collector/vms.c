/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vms.c - whose CPU may pay: VMs that a driver domain serves, under a scheduler
 * with caps or weights.  Driver domains, accountants and stub domains work for
 * others and are exempt, as dom0 is.
 */
#include "collector/collector.h"
#include "collector/keep.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *vm_why(enum debt_why why)
{
	static const char *const text[] = { "on",   "exempt", "no-scheduler", "twice",
					    "held", "blind",  "unserved" };

	return text[why];
}

struct debt_vm *vm_by_uuid(const struct collector *c, const uint8_t uuid[16])
{
	size_t i;

	for (i = 0; i < c->debt.vms; i++)
		if (uuid_equal(c->debt.vm[i]->e.uuid, uuid))
			return c->debt.vm[i];
	return NULL;
}

struct debt_vm *vm_known(struct collector *c, const uint8_t uuid[16])
{
	struct debt_vm *v = vm_by_uuid(c, uuid), **grown;
	int err = 0;

	if (v)
		return v;
	v = calloc(1, sizeof(*v));
	grown = v ? reallocarray(c->debt.vm, c->debt.vms + 1, sizeof(struct debt_vm *)) : NULL;
	if (grown) {
		c->debt.vm = grown;
		memcpy(v->e.uuid, uuid, 16);
		if (c->debt.hands.dir >= 0)
			err = keep_read(c->debt.hands.dir, uuid, &v->e);
	}
	if (!grown || err) {
		if (err)
			log_warn("the file of an entitlement cannot be read: %s", strerror(-err));
		free(v);
		return NULL;
	}
	v->why = DEBT_UNSERVED;
	return c->debt.vm[c->debt.vms++] = v;
}

int vms_read(struct collector *c, int dir)
{
	struct entitle *e = malloc(sizeof(*e));
	int err = e ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; i < c->debt.vms && !err; i++) {
		err = keep_read(dir, c->debt.vm[i]->e.uuid, e);
		if (!err)
			c->debt.vm[i]->e = *e;
	}
	free(e);
	return err;
}

static bool works_for_others(const struct collector *c, const struct domain *d)
{
	size_t i;

	if (!d->domid || tree_of(c, d->domid))
		return true;
	for (i = 0; i < c->trees; i++)
		if (c->tree[i].a == d->domid)
			return true;
	return false;
}

static bool is_twice(const struct collector *c, const struct domain *d)
{
	const struct domain *first = domains_by_uuid(&c->domains, d->uuid);
	size_t i;

	for (i = 0; i < c->domains.n; i++)
		if (&c->domains.domain[i] != first &&
		    uuid_equal(c->domains.domain[i].uuid, d->uuid))
			return true;
	return false;
}

bool vm_is_blind(const struct collector *c, uint16_t domid)
{
	const struct source *s;
	const struct tree *t;
	size_t i;

	for (i = 0; i < c->serving.pairs; i++) {
		const struct serving_pair *p = &c->serving.pair[i];

		t = p->on && p->domid == domid ? tree_of(c, p->backend) : NULL;
		s = t ? source_by_uuid(c, t->a_uuid) : NULL;
		if (s && source_silent(s))
			return true;
	}
	return false;
}

static enum debt_why judge(const struct collector *c, const struct debt_vm *v,
			   const struct domain *d)
{
	if (v->stub || works_for_others(c, d))
		return DEBT_EXEMPT;
	if (!sched_window_ms(v->kind))
		return DEBT_NO_SCHEDULER;
	if (is_twice(c, d))
		return DEBT_TWICE;
	if (v->holds)
		return DEBT_HELD;
	if (!account_served(c, d->domid, d->uuid))
		return DEBT_UNSERVED;
	return vm_is_blind(c, d->domid) ? DEBT_BLIND : DEBT_ON;
}

/* ------------------------------------------------------------------ */

static struct debt_pool *pool_of(struct collector *c, uint32_t id)
{
	struct debt_pool *p;
	size_t i;

	for (i = 0; i < c->debt.pools; i++)
		if (c->debt.pool[i].id == id)
			return &c->debt.pool[i];
	p = reallocarray(c->debt.pool, c->debt.pools + 1, sizeof(*p));
	if (!p)
		return NULL;
	c->debt.pool = p;
	p += c->debt.pools++;
	memset(p, 0, sizeof(*p));
	p->id = id;
	return p;
}

static void look_at_pool(struct collector *c, struct debt_pool *p)
{
	enum sched_kind was = p->kind;
	bool first = !p->began_ns;

	p->here = true;
	if (sched_of_pool(c->xc, p->id, &p->kind))
		return;
	cpus_of_pool(c->xc, p->id, p->cpus);
	if (!first && was == p->kind)
		return;
	p->began_ns = now_ns();
	p->idle_known = false;
	log_debug("cpupool %u: scheduler %s", (unsigned int)p->id, sched_name(p->kind));
	if (!sched_window_ms(p->kind))
		log_info("cpupool %u: its scheduler is without debt, allowed: credit, credit2",
			 (unsigned int)p->id);
}

static void look_at_target(struct collector *c, struct debt_vm *v)
{
	char *target = xs_readf(c->xsh, "/local/domain/%u/target", (unsigned int)v->domid);
	uint64_t domid = 0;

	v->stub = target != NULL;
	v->target = target && parse_u64(target, UINT16_MAX, &domid) ? (uint16_t)domid : 0;
	free(target);
}

static void look_at_vm(struct collector *c, const struct domain *d)
{
	struct debt_vm *v = vm_known(c, d->uuid);
	struct debt_pool *p = pool_of(c, d->pool);
	bool served;

	if (!v || !p)
		return;
	if (!p->here)
		look_at_pool(c, p);
	if (v->domid != d->domid) {
		/* its CPU time begins anew */
		v->measured = false;
		v->own_ns = 0;
		v->domid = d->domid;
		look_at_target(c, v);
	}
	v->here = true;
	v->vcpus = d->vcpus;
	v->paused = d->paused;
	v->pool = d->pool;
	v->kind = p->kind;
	if (cpus_of_domain(c->xc, d->domid, d->vcpus, d->pool, v->cpus))
		memset(v->cpus, 0, sizeof(v->cpus));
	served = v->why != DEBT_UNSERVED;
	v->why = judge(c, v, d);
	if (!served && v->why != DEBT_UNSERVED) {
		/* a toolstack makes a stub domain before it says whose, and what it serves after */
		look_at_target(c, v);
		v->why = judge(c, v, d);
	}
}

static void forget_gone(struct collector *c)
{
	struct debt *d = &c->debt;
	size_t i;

	for (i = d->vms; i-- > 0;) {
		if (d->vm[i]->here || d->vm[i]->holds)
			continue;
		free(d->vm[i]); /* its file stays: it may be born again */
		d->vm[i] = d->vm[--d->vms];
	}
	for (i = d->pools; i-- > 0;)
		if (!d->pool[i].here)
			d->pool[i] = d->pool[--d->pools];
}

void vms_update(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->debt.vms; i++)
		c->debt.vm[i]->here = false;
	for (i = 0; i < c->debt.pools; i++)
		c->debt.pool[i].here = false;
	for (i = 0; i < c->domains.n; i++)
		if (c->domains.domain[i].domid)
			look_at_vm(c, &c->domains.domain[i]);
	forget_gone(c);
	for (i = 0; i < c->trees; i++) {
		struct tree *t = &c->tree[i];
		const struct domain *b = domains_same(&c->domains, t->b, t->b_uuid);

		if (!b || cpus_of_domain(c->xc, t->b, b->vcpus, b->pool, t->cpus))
			memset(t->cpus, 0, sizeof(t->cpus));
	}
	c->debt.updated_ms = now_ms();
}

void vms_free(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->debt.vms; i++)
		free(c->debt.vm[i]);
	free(c->debt.vm);
	free(c->debt.pool);
	free(c->debt.passed);
	c->debt.passed = NULL;
	c->debt.vm = NULL;
	c->debt.pool = NULL;
	c->debt.vms = c->debt.pools = 0;
}
