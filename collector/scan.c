/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scan.c - who serves whom: from /libxl, which only dom0 writes, into the
 * store for the accountants.  What guests and driver domains say about
 * their devices is not looked at.
 */
#include "collector/collector.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* false: the store failed; not there is no failure. */
static bool list(struct collector *c, const char *path, char ***names, unsigned int *n)
{
	errno = 0;
	*names = xs_listf(c->xsh, n, "%s", path);
	if (*names || !errno || errno == ENOENT)
		return true;
	log_warn("%s: cannot list: %s", path, strerror(errno));
	return false;
}

static bool scan_device(struct collector *c, const struct domain *guest, const char *path)
{
	uint16_t b;
	char *value;
	bool ok = true;

	errno = 0;
	value = xs_readf(c->xsh, "%s/backend", path);
	if (!value) {
		if (errno == ENOENT)
			return true;
		log_warn("%s/backend: cannot read: %s", path, strerror(errno));
		return errno == EINVAL;
	}
	if (!serving_backend_path(value, guest->domid, &b))
		log_debug("%s/backend: \"%s\" is ignored, allowed: "
			  "/local/domain/<B>/backend/<kind>/%u/<device>",
			  path, value, (unsigned int)guest->domid);
	else if (domains_get(&c->domains, b))
		ok = serving_add(&c->serving, b, guest->domid, guest->uuid, guest->name, now_ms());
	free(value);
	return ok;
}

static bool scan_kind(struct collector *c, const struct domain *guest, const char *kind)
{
	char path[XENSTORE_ABS_PATH_MAX], device[XENSTORE_ABS_PATH_MAX + 64], **names;
	unsigned int i, n;
	bool ok;

	snprintf(path, sizeof(path), "/libxl/%u/device/%.64s", (unsigned int)guest->domid, kind);
	ok = list(c, path, &names, &n);
	for (i = 0; i < n && ok; i++) {
		snprintf(device, sizeof(device), "%s/%.32s", path, names[i]);
		ok = scan_device(c, guest, device);
	}
	free(names);
	return ok;
}

static bool scan_guest(struct collector *c, const struct domain *guest)
{
	char path[64], **kinds;
	unsigned int i, n;
	bool ok;

	snprintf(path, sizeof(path), "/libxl/%u/device", (unsigned int)guest->domid);
	ok = list(c, path, &kinds, &n);
	for (i = 0; i < n && ok; i++)
		ok = scan_kind(c, guest, kinds[i]);
	free(kinds);
	return ok;
}

/* Domains that ended: the toolstack removes their directories, and may have before our last write. */
static void forget_ended(struct collector *c, const struct domains *before)
{
	char path[64], **names;
	unsigned int n;
	size_t i;

	for (i = 0; i < before->n; i++) {
		const struct domain *old = &before->domain[i];

		if (domains_same(&c->domains, old->domid, old->uuid))
			continue;
		accounts_forget(c, old->domid);
		snprintf(path, sizeof(path), "/local/domain/%u/acctring", (unsigned int)old->domid);
		node_remove(c, path);
		if (domains_get(&c->domains, old->domid))
			continue;
		snprintf(path, sizeof(path), "/local/domain/%u", (unsigned int)old->domid);
		errno = 0;
		names = xs_listf(c->xsh, &n, "%s", path);
		if (!names && !errno)
			node_remove(c, path);
		free(names);
	}
}

void publish_serving(struct collector *c)
{
	char path[96], line[SERVING_LINE];
	struct tree *t;
	size_t i;

	trees_tell(c);
	for (i = 0; i < c->serving.pairs; i++) {
		struct serving_pair *p = &c->serving.pair[i];

		t = tree_of(c, p->backend);
		if (!t || (!p->dirty && !p->expired))
			continue;
		snprintf(path, sizeof(path), "/local/domain/%u/acctring/backend/%u/%u",
			 (unsigned int)t->a, (unsigned int)t->b, (unsigned int)p->domid);
		serving_line(p, line);
		if (p->expired) {
			node_remove(c, path);
		} else {
			p->dirty = !node_put(c, t->a, path, line);
			c->again |= p->dirty;
			memory_know(c, t, p->uuid);
			log_debug("%s: %s", path, line);
		}
	}
	serving_purge(&c->serving);
}

bool scan(struct collector *c)
{
	struct domains before = c->domains, now;
	int err = domains_read(&now, &before, c->xc, c->xsh);
	size_t i;

	if (err) {
		log_warn("cannot list the domains: %s", strerror(-err));
		return false;
	}
	c->domains = now;
	c->again = false;
	forget_ended(c, &before);
	domains_free(&before);
	trees_update(c);
	serving_begin(&c->serving);
	for (i = 0; i < now.n; i++) {
		serving_domid(&c->serving, now.domain[i].domid, now.domain[i].uuid, now_ms());
		if (!scan_guest(c, &now.domain[i]))
			return false; /* no pair is called gone for a failing store */
	}
	serving_end(&c->serving, now_ms());
	publish_serving(c);
	sources_update(c);
	return !c->again;
}
