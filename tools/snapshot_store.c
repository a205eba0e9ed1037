/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot_store.c - what the collector wrote of driver domains and their VMs
 * (docs/protocol.md, 2.1).  It is dom0's own, but figures and names in it
 * come from others, and a node may be of another version: what is not
 * understood is left out, with a warning.
 */
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"
#include "tools/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 4
#define PATH_SIZE 256
#define SLACK_S 5

struct reader {
	struct snap_store *store;
	struct snapshot *s;
	xs_transaction_t t;
	bool no_memory;
	bool warned;
};

static void leave_out(struct reader *r, const char *path, const char *allowed)
{
	if (!r->store->warned)
		log_warn("%s: left out: not understood, allowed: %s", path, allowed);
	r->warned = true;
}

/* NULL: vanished, or holds what is no text. */
static char *read_line(struct reader *r, const char *path)
{
	unsigned int len = 0;
	char *line = xs_read(r->store->xsh, r->t, path, &len);

	if (line && !memchr(line, '\0', len))
		return line;
	free(line);
	return NULL;
}

static bool kv_signed(const char *line, const char *key, int64_t *out)
{
	char text[24];
	bool minus;
	uint64_t n;

	if (!kv_get(line, key, text, sizeof(text)))
		return false;
	minus = text[0] == '-';
	if (!parse_u64(text + minus, INT64_MAX, &n))
		return false;
	*out = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool get(const char *line, const char *key, uint64_t *out)
{
	/* JSON and tables hold no more than 63 bits */
	return kv_u64(line, key, INT64_MAX, out);
}

static void get_name(const char *line, char name[64])
{
	char text[64];

	snap_text(name, 64, kv_get(line, "name", text, sizeof(text)) ? text : "");
}

static bool is_uuid(const char *text)
{
	uint8_t uuid[16];

	return uuid_parse(text, uuid);
}

static bool parse_domain(const char *line, struct snap_domain *d)
{
	uint64_t t, ns, ms;

	if (!kv_is_v1(line) || !kv_get(line, "uuid", d->uuid, sizeof(d->uuid)) ||
	    !is_uuid(d->uuid) || !get(line, "t", &t) || !get(line, "accountant", &d->accountant) ||
	    !get(line, "links", &d->links) || !get(line, "measured_ns", &d->measured_ns) ||
	    !get(line, "charged_ns", &d->charged_ns) || !get(line, "own_ns", &d->own_ns) ||
	    !kv_signed(line, "unattributed_ns", &d->unattributed_ns) ||
	    !get(line, "refused_units", &d->refused_units) ||
	    !get(line, "epochs_lost", &d->epochs_lost))
		return false;
	get_name(line, d->name);
	d->t = (double)t;
	d->clock = kv_u64(line, "t_ns", UINT64_MAX, &ns) ? (double)ns / 1e9 : d->t;
	d->period = kv_u64(line, "period_ms", 3600000, &ms) ? (double)ms / 1e3 : 5;
	if (!kv_get(line, "ledger", d->incarnation, sizeof(d->incarnation)) ||
	    !parse_hex64(d->incarnation, &ns))
		d->incarnation[0] = '\0';
	return true;
}

/* An older collector does not say. */
static void get_low(const char *line, struct snap_vm *vm)
{
	uint64_t shared;

	if (!get(line, "shared_ns", &shared) || shared > vm->charged_ns)
		return;
	vm->basis.low_known = true;
	vm->basis.low_ns = vm->charged_ns - shared;
}

static bool parse_vm(const char *line, struct snap_vm *vm)
{
	get_name(line, vm->name);
	return kv_is_v1(line) && get(line, "domid", &vm->domid) &&
	       get(line, "charged_ns", &vm->charged_ns) && get(line, "posted_ns", &vm->posted_ns) &&
	       get(line, "units", &vm->units) && get(line, "bytes", &vm->bytes) &&
	       get(line, "vbd_ns", &vm->vbd_ns) && get(line, "vif_ns", &vm->vif_ns) &&
	       get(line, "other_ns", &vm->other_ns);
}

/* An element more at the end of an array, zeroed; NULL: no memory. */
static void *grow(struct reader *r, void **array, size_t n, size_t size)
{
	char *grown = *array;

	if (!(n & (n - 1)))
		grown = reallocarray(*array, n ? n * 2 : 1, size);
	if (!grown) {
		r->no_memory = true;
		return NULL;
	}
	*array = grown;
	return memset(grown + n * size, 0, size);
}

static void read_vm(struct reader *r, uint64_t backend, const char *dir, const char *name)
{
	struct snapshot *s = r->s;
	char path[2 * PATH_SIZE], *line;
	struct snap_vm *vm;
	void *array = s->vm;

	snprintf(path, sizeof(path), "%s/%.100s", dir, name);
	vm = grow(r, &array, s->vms, sizeof(*vm));
	s->vm = array;
	line = vm ? read_line(r, path) : NULL;
	if (line && is_uuid(name) && parse_vm(line, vm)) {
		get_low(line, vm);
		memcpy(vm->uuid, name, UUID_TEXT);
		vm->backend = backend;
		s->vms++;
	} else if (vm) {
		leave_out(r, path, "<uuid> = v=1 domid=.. charged_ns=.. posted_ns=.. ..");
	}
	free(line);
}

static void read_domain(struct reader *r, const char *name)
{
	struct snapshot *s = r->s;
	struct snap_domain *d;
	char path[PATH_SIZE], *line, **names;
	unsigned int i, n = 0;
	void *array = s->domain;

	snprintf(path, sizeof(path), SNAP_STORE "/%.100s", name);
	d = grow(r, &array, s->domains, sizeof(*d));
	s->domain = array;
	line = d ? read_line(r, path) : NULL;
	if (!line || !parse_u64(name, DOMID_LAST, &d->domid) || !parse_domain(line, d)) {
		free(line);
		leave_out(r, path, "<domid> = v=1 t=.. uuid=.. accountant=.. measured_ns=.. ..");
		return;
	}
	free(line);
	s->domains++;
	if (d->t > s->t)
		s->t = d->t;
	names = xs_directory(r->store->xsh, r->t, path, &n);
	for (i = 0; names && i < n; i++)
		read_vm(r, d->domid, path, names[i]);
	free(names);
}

/* 0 or -errno; -EAGAIN: it was written meanwhile. */
static int read_all(struct reader *r)
{
	char **names;
	unsigned int i, n = 0;
	int err;

	r->t = xs_transaction_start(r->store->xsh);
	if (!r->t)
		return -errno;
	errno = 0;
	names = xs_directory(r->store->xsh, r->t, SNAP_STORE, &n);
	err = names ? 0 : -errno;
	for (i = 0; names && i < n; i++)
		read_domain(r, names[i]);
	free(names);
	if (!xs_transaction_end(r->store->xsh, r->t, err != 0) && !err)
		err = -errno;
	return r->no_memory ? -ENOMEM : err;
}

/* Once, when figures have become old. */
static void warn_stale(struct snap_store *store, const struct snapshot *s)
{
	double now = (double)time(NULL);
	size_t i, stale = 0;

	for (i = 0; i < s->domains; i++) {
		const struct snap_domain *d = &s->domain[i];

		if (now - d->t <= 2 * d->period + SLACK_S)
			continue;
		if (++stale > store->stale)
			log_warn("domain %u (%s): these figures are %.0f s old: its accountant, in "
				 "domain %u, or acctring-collector says nothing new",
				 (unsigned int)d->domid, d->name, now - d->t,
				 (unsigned int)d->accountant);
	}
	store->stale = stale;
}

static int fail(char error[SNAP_ERROR], const char *what)
{
	snprintf(error, SNAP_ERROR,
		 "xenstore: " SNAP_STORE ": %s; this is for dom0, with acctring-collector running "
		 "there, and acctringd, with the module xen-gntalloc, where its configuration says",
		 what);
	return EXIT_ENV;
}

int snap_from_store(struct snap_store *store, struct snapshot *s, char error[SNAP_ERROR])
{
	struct reader r = { .store = store, .s = s };
	int tries, err = -EAGAIN;

	memset(s, 0, sizeof(*s));
	if (!store->xsh)
		store->xsh = xs_open(0);
	if (!store->xsh)
		return fail(error, "no xenstore");
	for (tries = 0; tries < TRIES && err == -EAGAIN; tries++) {
		snap_free(s);
		err = read_all(&r);
	}
	s->store = true;
	if (err == -ENOMEM) {
		snap_free(s);
		snprintf(error, SNAP_ERROR, "no memory");
		return EXIT_RUNTIME;
	}
	/* each line is whole, also when the last try was too slow for all of them */
	if (err && err != -EAGAIN) {
		snap_free(s);
		return fail(error, err == -ENOENT ? "nothing is there" : strerror(-err));
	}
	if (!s->domains) {
		snap_free(s);
		return fail(error, "no driver domain is there");
	}
	store->warned |= r.warned;
	warn_stale(store, s);
	return 0;
}

static bool has_domain(const struct snapshot *s, uint64_t domid)
{
	size_t i;

	for (i = 0; i < s->domains; i++)
		if (s->domain[i].domid == domid)
			return true;
	return false;
}

bool snap_store_more(struct snap_store *store, const struct snapshot *s)
{
	char **names = NULL;
	unsigned int i, n = 0;
	bool more = false;
	uint64_t domid;

	if (!store->xsh)
		store->xsh = xs_open(0);
	if (store->xsh)
		names = xs_directory(store->xsh, XBT_NULL, SNAP_STORE, &n);
	for (i = 0; names && i < n && !more; i++)
		more = parse_u64(names[i], DOMID_LAST, &domid) && !has_domain(s, domid);
	free(names);
	return more;
}

void snap_store_close(struct snap_store *store)
{
	if (store->xsh)
		xs_close(store->xsh);
	memset(store, 0, sizeof(*store));
}
