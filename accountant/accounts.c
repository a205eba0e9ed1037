/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/accounts.h"

#include "accountant/limits.h"

#include <stdlib.h>
#include <string.h>

const uint8_t uuid_own[16];
const uint8_t uuid_refused[16] = { 255, 255, 255, 255, 255, 255, 255, 255,
				   255, 255, 255, 255, 255, 255, 255, 255 };

/* FNV-1a; the keys come from dom0 and from checked payer rows. */
static unsigned long hash(const struct account_key *key)
{
	const uint8_t *p = (const uint8_t *)key;
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < sizeof(*key); i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return (unsigned long)(h ^ h >> 32);
}

static int match(struct cds_lfht_node *node, const void *key)
{
	const struct account *x = caa_container_of(node, struct account, node);

	return !memcmp(&x->key, key, sizeof(x->key));
}

bool accounts_init(struct accounts *a)
{
	memset(a, 0, sizeof(*a));
	a->per_vm = ACCOUNTS_PER_VM;
	a->table = cds_lfht_new_flavor(1024, 1024, 0, 0, &urcu_memb_flavor, NULL);
	return a->table != NULL;
}

void accounts_free(struct accounts *a)
{
	struct account *x = a->first;

	if (!a->table)
		return;
	urcu_memb_read_lock();
	for (; x; x = x->next)
		cds_lfht_del(a->table, &x->node);
	urcu_memb_read_unlock();
	urcu_memb_synchronize_rcu();
	while ((x = a->first)) {
		a->first = x->next;
		free(x);
	}
	cds_lfht_destroy(a->table, NULL);
	memset(a, 0, sizeof(*a));
}

struct account *accounts_find(struct accounts *a, const struct account_key *key)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(a->table, hash(key), match, key, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct account, node) : NULL;
}

bool account_is_vm(const struct account *x)
{
	return x->key.kind != ACCTRING_KIND_OWN;
}

/* What a VM's further devices share; it counts the others. */
static struct account *anchor(struct accounts *a, const struct account_key *key)
{
	struct account_key k = { .backend = key->backend, .kind = ACCTRING_KIND_OTHER };

	memcpy(k.uuid, key->uuid, sizeof(k.uuid));
	return memcmp(&k, key, sizeof(k)) ? accounts_get(a, &k) : accounts_find(a, &k);
}

struct account *accounts_get(struct accounts *a, const struct account_key *key)
{
	struct account *x;

	urcu_memb_read_lock();
	x = accounts_find(a, key);
	if (!x && (x = calloc(1, sizeof(*x)))) {
		x->key = *key;
		cds_lfht_node_init(&x->node);
		cds_lfht_add(a->table, hash(key), &x->node);
		x->next = a->first;
		a->first = x;
		a->count++;
		x->vm = account_is_vm(x) ? anchor(a, key) : NULL;
		if (x->vm && x->vm != x)
			x->vm->siblings++;
	}
	urcu_memb_read_unlock();
	return x;
}

struct account *accounts_get_vm(struct accounts *a, const struct account_key *key)
{
	struct account_key k = *key;
	struct account *x, *shared;

	if (k.kind == ACCTRING_KIND_OWN || k.kind >= ACCTRING_KINDS)
		k.kind = ACCTRING_KIND_OTHER;
	urcu_memb_read_lock();
	x = accounts_find(a, &k);
	urcu_memb_read_unlock();
	if (x)
		return x;
	urcu_memb_read_lock();
	shared = anchor(a, &k);
	urcu_memb_read_unlock();
	return shared && shared->siblings + 1 >= a->per_vm ? shared : accounts_get(a, &k);
}

void sums_add(struct sums *to, const struct sums *s)
{
	to->posts = sat_add(to->posts, s->posts);
	to->units = sat_add(to->units, s->units);
	to->bytes = sat_add(to->bytes, s->bytes);
	to->ns = sat_add(to->ns, s->ns);
}

void book_add(struct book *b, unsigned int klass, const struct sums *s)
{
	sums_add(&b->klass[klass], s);
}

void account_active(struct accounts *a, struct account *x)
{
	struct account *vm = x->vm;

	if (!vm)
		return;
	vm->beside.active = true;
	if (vm->is_near)
		return;
	vm->is_near = true;
	vm->near = a->near;
	a->near = vm;
}

void account_touch(struct accounts *a, struct account *x)
{
	x->changed = ++a->changes;
	account_store(a, x);
}

void account_store(struct accounts *a, struct account *x)
{
	if (x->dirty)
		return;
	x->dirty = true;
	x->later = a->dirty;
	a->dirty = x;
}

void account_post(struct accounts *a, struct account *x, unsigned int klass, const struct sums *s)
{
	book_add(&x->book, klass, s);
	x->classes |= 1u << klass;
	account_touch(a, x);
	account_active(a, x);
}

void account_charge(struct accounts *a, struct account *x, uint64_t ns)
{
	uint64_t shared = basis_shared(x->book.basis_ns);

	basis_move(x->due_basis_ns, ns, x->book.basis_ns);
	x->book.charged_ns += ns;
	account_touch(a, x);
	account_active(a, x);
	if (x->vm)
		x->vm->beside.shared_ns += basis_shared(x->book.basis_ns) - shared;
}

void account_charge_pool(struct accounts *a, struct account *x, uint64_t ns)
{
	x->book.basis_ns[BASIS_POOL] += ns;
	x->book.charged_ns += ns;
	x->based = true;
	account_touch(a, x);
	account_active(a, x);
	if (x->vm)
		x->vm->beside.shared_ns += ns;
}

void account_add(struct accounts *a, struct account *x, const struct book *b)
{
	for (unsigned int i = 1; i < ACCTRING_CLASSES; i++)
		if (b->klass[i].posts)
			account_post(a, x, i, &b->klass[i]);
}

void accounts_clean(struct accounts *a)
{
	while (a->dirty) {
		struct account *x = a->dirty;

		a->dirty = x->later;
		x->later = NULL;
		x->dirty = false;
		x->classes = 0;
	}
}
