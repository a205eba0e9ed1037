/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot_json.c - from the accountant's JSON document to struct snapshot.
 * Keys that are not known are ignored; one that is missing or of another
 * type ends it with its name.
 */
#include "common/log.h"
#include "tools/snapshot.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
	const char *in; /* name of the object that is read */
	char *error;
	bool bad;
};

static void wrong(struct parser *p, const char *key, const char *allowed)
{
	if (!p->bad)
		snprintf(p->error, SNAP_ERROR,
			 "the accountant's answer: %s.%s is missing or wrong, allowed: %s", p->in,
			 key, allowed);
	p->bad = true;
}

static int64_t get_signed(struct parser *p, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value)) {
		wrong(p, key, "an integer");
		return 0;
	}
	return json_integer_value(value);
}

static uint64_t get(struct parser *p, const json_t *object, const char *key)
{
	int64_t value = get_signed(p, object, key);

	if (value < 0)
		wrong(p, key, "an integer that is not negative");
	return (uint64_t)value;
}

void snap_text(char *to, size_t size, const char *text)
{
	size_t i;

	for (i = 0; i < size - 1 && text[i]; i++)
		to[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	to[i] = '\0';
}

/* Of an accountant that is older than the key: 0. */
static uint64_t get_new(struct parser *p, const json_t *object, const char *key)
{
	return json_object_get(object, key) ? get(p, object, key) : 0;
}

static void get_text(struct parser *p, const json_t *object, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text)
		wrong(p, key, "a string");
	snap_text(to, size, text ? text : "");
}

/* What an older accountant does not tell is "". */
static void get_new_text(struct parser *p, const json_t *object, const char *key, char *to,
			 size_t size)
{
	to[0] = '\0';
	if (json_object_get(object, key))
		get_text(p, object, key, to, size);
}

/* An array of n zeroed elements for what stands under the key. */
static void *get_array(struct parser *p, const json_t *object, const char *key, size_t size,
		       const json_t **array, size_t *n)
{
	void *made;

	*array = json_object_get(object, key);
	*n = 0;
	if (!json_is_array(*array)) {
		wrong(p, key, "an array");
		return NULL;
	}
	made = calloc(json_array_size(*array) + 1, size);
	if (!made)
		wrong(p, key, "what fits into memory");
	else
		*n = json_array_size(*array);
	return made;
}

static void read_domain(struct parser *p, const json_t *o, struct snap_domain *d)
{
	d->domid = get(p, o, "domid");
	get_text(p, o, "uuid", d->uuid, sizeof(d->uuid));
	get_text(p, o, "name", d->name, sizeof(d->name));
	d->measured_ns = get(p, o, "measured_ns");
	d->charged_ns = get(p, o, "charged_ns");
	d->own_ns = get(p, o, "own_ns");
	d->unattributed_ns = get_signed(p, o, "unattributed_ns");
	d->refused_units = get(p, o, "refused_units");
	d->refused_ns = get(p, o, "refused_ns");
	d->epochs_lost = get(p, o, "epochs_lost");
	get_new_text(p, o, "mode", d->mode, sizeof(d->mode));
}

static void read_account(struct parser *p, const json_t *o, struct snap_account *a)
{
	get_text(p, o, "kind", a->kind, sizeof(a->kind));
	get_text(p, o, "class", a->klass, sizeof(a->klass));
	a->device = get(p, o, "device");
	a->posts = get(p, o, "posts");
	a->units = get(p, o, "units");
	a->bytes = get(p, o, "bytes");
	a->posted_ns = get(p, o, "posted_ns");
}

/* An older accountant has none. */
static void read_basis(struct parser *p, const json_t *o, struct snap_basis *to)
{
	char key[16];

	if (!json_object_get(o, "low_ns"))
		return;
	to->known = to->low_known = true;
	for (unsigned int b = 0; b < BASES; b++) {
		snprintf(key, sizeof(key), "%s_ns", basis_name(b));
		to->ns[b] = get(p, o, key);
	}
	to->low_ns = get(p, o, "low_ns");
	to->high_ns = get(p, o, "high_ns");
}

static void read_vm(struct parser *p, const json_t *o, struct snap_vm *vm)
{
	const json_t *kinds = json_object_get(o, "kinds"), *list;
	size_t i;

	get_text(p, o, "uuid", vm->uuid, sizeof(vm->uuid));
	get_text(p, o, "name", vm->name, sizeof(vm->name));
	vm->domid = get(p, o, "domid");
	vm->backend = get(p, o, "backend");
	vm->charged_ns = get(p, o, "charged_ns");
	vm->posted_ns = get(p, o, "posted_ns");
	vm->units = get(p, o, "units");
	vm->bytes = get(p, o, "bytes");
	vm->sender_ns = get_new(p, o, "sender_ns");
	read_basis(p, o, &vm->basis);
	p->in = "vms.kinds";
	vm->vbd_ns = get(p, kinds, "vbd");
	vm->vif_ns = get(p, kinds, "vif");
	vm->other_ns = get(p, kinds, "other");
	p->in = "vms";
	vm->account = get_array(p, o, "accounts", sizeof(*vm->account), &list, &vm->accounts);
	p->in = "vms.accounts";
	for (i = 0; i < vm->accounts; i++)
		read_account(p, json_array_get(list, i), &vm->account[i]);
	p->in = "vms";
}

static void read_link(struct parser *p, const json_t *o, struct snap_link *l)
{
	l->backend = get(p, o, "backend");
	l->slot = get(p, o, "slot");
	l->records = get(p, o, "records");
	l->spilled = get(p, o, "spilled");
	l->overflowed = get(p, o, "overflowed");
	l->lanes = get(p, o, "lanes");
	l->cpu_ns = get(p, o, "cpu_ns");
	get_text(p, o, "epoch", l->epoch, sizeof(l->epoch));
	get_text(p, o, "program", l->program, sizeof(l->program));
	get_text(p, o, "state", l->state, sizeof(l->state));
	get_text(p, o, "reason", l->reason, sizeof(l->reason));
	l->never_asks = json_is_true(json_object_get(o, "never_asks"));
}

static void read_limit(struct parser *p, const json_t *o, struct snap_limit *m)
{
	m->found = json_is_integer(json_object_get(o, "domid"));
	get_text(p, o, "vm", m->vm, sizeof(m->vm));
	get_text(p, o, "uuid", m->uuid, sizeof(m->uuid));
	get_text(p, o, "name", m->name, sizeof(m->name));
	get_text(p, o, "driver", m->driver, sizeof(m->driver));
	m->domid = m->found ? get(p, o, "domid") : 0;
	m->ppm = get(p, o, "ppm");
	m->commanded = json_is_true(json_object_get(o, "commanded"));
	m->lanes = get(p, o, "lanes");
	m->open_lanes = get(p, o, "open_lanes");
	m->never_asks = get_new(p, o, "never_asks");
	m->let_go_ns = get(p, o, "let_go_ns");
}

/* An accountant that is older than these has none. */
static void read_guard(struct parser *p, const json_t *o, struct snapshot *s)
{
	const json_t *list;
	size_t i;

	if (!json_object_get(o, "guard"))
		return;
	get_text(p, o, "guard", s->guard, sizeof(s->guard));
	get_new_text(p, o, "guard_set", s->guard_set, sizeof(s->guard_set));
	s->share = json_is_true(json_object_get(o, "share"));
	s->limit = get_array(p, o, "limits", sizeof(*s->limit), &list, &s->limits);
	p->in = "limits";
	for (i = 0; i < s->limits; i++)
		read_limit(p, json_array_get(list, i), &s->limit[i]);
	p->in = "document";
}

/* What the document says of links, counted for each driver domain. */
static void count_links(struct snapshot *s)
{
	size_t i, k;

	for (i = 0; i < s->domains; i++) {
		s->domain[i].accountant = s->domid;
		s->domain[i].t = s->t;
		for (k = 0; k < s->links; k++)
			s->domain[i].links += s->link[k].backend == s->domain[i].domid &&
					      !strcmp(s->link[k].state, "attached");
	}
}

static void read_document(struct parser *p, const json_t *o, struct snapshot *s)
{
	const json_t *list;
	size_t i;

	if (get(p, o, "v") != 1)
		wrong(p, "v", "1: this acctctl and that acctringd do not fit together");
	s->t = json_number_value(json_object_get(o, "t"));
	s->domid = get(p, o, "domid");
	get_text(p, o, "incarnation", s->incarnation, sizeof(s->incarnation));
	s->domain = get_array(p, o, "domains", sizeof(*s->domain), &list, &s->domains);
	p->in = "domains";
	for (i = 0; i < s->domains; i++)
		read_domain(p, json_array_get(list, i), &s->domain[i]);
	p->in = "document";
	s->vm = get_array(p, o, "vms", sizeof(*s->vm), &list, &s->vms);
	p->in = "vms";
	for (i = 0; i < s->vms; i++)
		read_vm(p, json_array_get(list, i), &s->vm[i]);
	p->in = "document";
	s->link = get_array(p, o, "links", sizeof(*s->link), &list, &s->links);
	p->in = "links";
	for (i = 0; i < s->links; i++)
		read_link(p, json_array_get(list, i), &s->link[i]);
	p->in = "document";
	read_guard(p, o, s);
	count_links(s);
}

int snap_parse(const char *text, size_t len, struct snapshot *s, char error[SNAP_ERROR])
{
	struct parser p = { .in = "document", .error = error };
	json_error_t where;
	json_t *root = json_loadb(text, len, 0, &where);

	memset(s, 0, sizeof(*s));
	if (!root) {
		snprintf(error, SNAP_ERROR, "the accountant's answer: line %d: %s, allowed: JSON",
			 where.line, where.text);
		return EXIT_RUNTIME;
	}
	read_document(&p, root, s);
	json_decref(root);
	if (!p.bad)
		return 0;
	snap_free(s);
	return EXIT_RUNTIME;
}

void snap_free(struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->vms; i++)
		free(s->vm[i].account);
	free(s->domain);
	free(s->vm);
	free(s->link);
	free(s->limit);
	memset(s, 0, sizeof(*s));
}
