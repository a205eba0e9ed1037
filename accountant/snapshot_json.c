/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot_json.c - a view as JSON.  Numbers of 64 bits are written as they
 * are; names come from other domains and are made printable.
 */
#include "accountant/snapshot.h"
#include "common/kv.h"
#include "common/names.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *number(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

/* Whatever bytes a backend put there: printable ASCII comes out. */
static json_t *text(const char *t)
{
	char out[64];
	size_t n = 0;

	for (; n < sizeof(out) - 1 && t[n]; n++)
		out[n] = (char)(t[n] >= ' ' && t[n] <= '~' ? t[n] : '?');
	return json_stringn(out, n);
}

static json_t *uuid(const uint8_t id[16])
{
	char t[UUID_TEXT];

	uuid_format(id, t);
	return json_string(t);
}

static json_t *hex(uint64_t v)
{
	char t[17];

	snprintf(t, sizeof(t), "%016" PRIx64, v);
	return json_string(t);
}

static json_t *domain(const struct view_domain *d)
{
	json_t *o = json_object();

	json_object_set_new(o, "domid", number(d->domid));
	json_object_set_new(o, "uuid", uuid(d->uuid));
	json_object_set_new(o, "name", text(d->name));
	json_object_set_new(o, "measured_ns", number(d->measured_ns));
	json_object_set_new(o, "charged_ns", number(d->charged_ns));
	json_object_set_new(o, "own_ns", number(d->own_ns));
	json_object_set_new(o, "unattributed_ns", json_integer((json_int_t)d->unattributed_ns));
	json_object_set_new(o, "refused_units", number(d->refused_units));
	json_object_set_new(o, "refused_ns", number(d->refused_ns));
	json_object_set_new(o, "epochs_lost", number(d->epochs_lost));
	json_object_set_new(o, "overclaimed_ns", number(d->overclaimed_ns));
	if (d->idle_known)
		json_object_set_new(o, "idle_ns_per_s", number(d->idle));
	if (d->named)
		json_object_set_new(o, "mode", json_string(mode_name(d->mode)));
	return o;
}

static json_t *post(const struct view_post *p)
{
	char name[NAME_TEXT];
	json_t *o = json_object();

	json_object_set_new(o, "kind", json_string(kind_name(p->kind, name)));
	json_object_set_new(o, "device", number(p->device));
	json_object_set_new(o, "class", json_string(class_name(p->klass, name)));
	json_object_set_new(o, "posts", number(p->sums.posts));
	json_object_set_new(o, "units", number(p->sums.units));
	json_object_set_new(o, "bytes", number(p->sums.bytes));
	json_object_set_new(o, "posted_ns", number(p->sums.ns));
	return o;
}

/* docs/debt.md, 4.1 */
static void bases(json_t *o, const struct view_vm *m)
{
	uint64_t high = m->charged_ns + m->beside_ns;
	char key[16];

	for (unsigned int b = 0; b < BASES; b++) {
		snprintf(key, sizeof(key), "%s_ns", basis_name(b));
		json_object_set_new(o, key, number(m->basis_ns[b]));
	}
	json_object_set_new(o, "low_ns", number(m->charged_ns - basis_shared(m->basis_ns)));
	json_object_set_new(o, "high_ns", number(high < m->charged_ns ? UINT64_MAX : high));
}

static json_t *vm(const struct view *v, const struct view_vm *m)
{
	json_t *o = json_object(), *posts = json_array(), *kinds = json_object();

	json_object_set_new(o, "uuid", uuid(m->uuid));
	json_object_set_new(o, "domid", number(m->domid));
	json_object_set_new(o, "name", text(m->name));
	json_object_set_new(o, "backend", number(m->backend));
	json_object_set_new(o, "charged_ns", number(m->charged_ns));
	json_object_set_new(o, "sender_ns", number(m->sender_ns));
	bases(o, m);
	json_object_set_new(o, "posted_ns", number(m->total.ns));
	json_object_set_new(o, "units", number(m->total.units));
	json_object_set_new(o, "bytes", number(m->total.bytes));
	for (unsigned int i = 0; i < m->posts; i++)
		json_array_append_new(posts, post(&v->post[m->first + i]));
	json_object_set_new(o, "accounts", posts);
	json_object_set_new(kinds, "vbd", number(m->by_kind[ACCTRING_KIND_VBD]));
	json_object_set_new(kinds, "vif", number(m->by_kind[ACCTRING_KIND_VIF]));
	json_object_set_new(kinds, "other", number(m->by_kind[ACCTRING_KIND_OTHER]));
	json_object_set_new(o, "kinds", kinds);
	return o;
}

static json_t *link_of(const struct view_link *k)
{
	json_t *o = json_object();

	json_object_set_new(o, "backend", number(k->backend));
	json_object_set_new(o, "slot", number(k->slot));
	json_object_set_new(o, "epoch", hex(k->epoch));
	json_object_set_new(o, "program", text(k->program));
	json_object_set_new(o, "state", json_string(k->state));
	json_object_set_new(o, "reason", text(k->reason));
	json_object_set_new(o, "records", number(k->records));
	json_object_set_new(o, "spilled", number(k->spilled));
	json_object_set_new(o, "overflowed", number(k->overflowed));
	json_object_set_new(o, "lanes", number(k->lanes));
	json_object_set_new(o, "cpu_ns", number(k->cpu_ns));
	json_object_set_new(o, "never_asks", json_boolean(k->never_asks));
	return o;
}

static json_t *limit(const struct view_limit *m)
{
	json_t *o = json_object();

	json_object_set_new(o, "vm", text(m->is.vm));
	json_object_set_new(o, "uuid", m->found ? uuid(m->uuid) : json_string(""));
	json_object_set_new(o, "domid", m->found ? number(m->domid) : json_null());
	json_object_set_new(o, "name", text(m->name));
	json_object_set_new(o, "driver", text(m->is.driver));
	json_object_set_new(o, "ppm", number(m->is.ppm));
	json_object_set_new(o, "commanded", json_boolean(m->commanded));
	json_object_set_new(o, "lanes", number(m->now.lanes));
	json_object_set_new(o, "open_lanes", number(m->now.open));
	json_object_set_new(o, "never_asks", number(m->now.never));
	json_object_set_new(o, "let_go_ns", number(m->now.let_go_ns));
	return o;
}

char *snapshot_json(const struct view *v)
{
	static const char *const guards[] = { "observe", "on", "auto" };
	json_t *o = json_object(), *list;
	char *out;

	json_object_set_new(o, "v", json_integer(1));
	json_object_set_new(o, "t", json_real(v->unix_s));
	json_object_set_new(o, "domid", number(v->domid));
	json_object_set_new(o, "incarnation", hex(v->incarnation));
	list = json_array();
	for (unsigned int i = 0; i < v->ndomains; i++)
		json_array_append_new(list, domain(&v->domain[i]));
	json_object_set_new(o, "domains", list);
	list = json_array();
	for (unsigned int i = 0; i < v->nvms; i++)
		json_array_append_new(list, vm(v, &v->vm[i]));
	json_object_set_new(o, "vms", list);
	list = json_array();
	for (unsigned int i = 0; i < v->nlinks; i++)
		json_array_append_new(list, link_of(&v->link[i]));
	json_object_set_new(o, "links", list);
	json_object_set_new(o, "guard", json_string(v->acts ? "on" : "observe"));
	json_object_set_new(o, "guard_set", json_string(guards[v->guard]));
	json_object_set_new(o, "share", json_boolean(v->share));
	list = json_array();
	for (unsigned int i = 0; i < v->nlimits; i++)
		json_array_append_new(list, limit(&v->limit[i]));
	json_object_set_new(o, "limits", list);
	out = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return out;
}
