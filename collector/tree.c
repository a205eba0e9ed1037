/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tree.c - driver domains and their accountants in the store: `accountant`
 * for the one, backend/<B> and `measured` for the other.
 *
 * A driver domain that ended or is dying keeps its tree for a while: its
 * accountant may still have its last records to judge.  It is told at once,
 * for it holds that domain's pages, and cannot ask the hypervisor.
 */
#include "collector/collector.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TREE_PATH 96

static void tree_path(char path[TREE_PATH], uint16_t a, uint16_t b, const char *tail)
{
	snprintf(path, TREE_PATH, "/local/domain/%u/acctring/backend/%u%s%s", (unsigned int)a,
		 (unsigned int)b, tail ? "/" : "", tail ? tail : "");
}

struct tree *tree_of(const struct collector *c, uint16_t b)
{
	size_t i;

	for (i = 0; i < c->trees; i++)
		if (c->tree[i].b == b)
			return &c->tree[i];
	return NULL;
}

void tree_tell(struct collector *c, struct tree *t)
{
	uint64_t serial = serving_last_serial(&c->serving, t->b);
	char path[TREE_PATH], uuid[UUID_TEXT], line[192];
	enum mode says = c->debt.says;
	bool gone = t->gone_ms;

	if (t->serial == serial && t->told_gone == gone && t->told_mode == says)
		return;
	tree_path(path, t->a, t->b, NULL);
	uuid_format(t->b_uuid, uuid);
	/* `serial` is for the next collector: see adopt() */
	snprintf(line, sizeof(line), "v=1 uuid=%s name=%s serial=%" PRIu64 "%s%s%s", uuid,
		 t->b_name[0] ? t->b_name : "-", serial, says ? " mode=" : "",
		 says ? mode_name(says) : "", gone ? " state=gone" : "");
	if (!node_put(c, t->a, path, line))
		return;
	t->serial = serial;
	t->told_gone = gone;
	t->told_mode = says;
}

void trees_tell(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->trees; i++)
		tree_tell(c, &c->tree[i]);
}

/* One line backend/<B>/<F> of an earlier collector. */
static void adopt_pair(struct collector *c, const struct tree *t, const char *name, bool same)
{
	char path[TREE_PATH], *line;
	uint64_t serial, domid;
	uint8_t uuid[16];
	bool on;

	if (!parse_u64(name, DOMID_LAST, &domid))
		return;
	tree_path(path, t->a, t->b, name);
	line = xs_readf(c->xsh, "%s", path);
	if (!line)
		return;
	if (!serving_parse(line, uuid, &serial, &on))
		log_warn("%s: \"%s\" is ignored, allowed: v=1 uuid=.. serial=.. state=on|gone",
			 path, line);
	else if (same)
		serving_restore(&c->serving, t->b, (uint16_t)domid, uuid, serial, on, now_ms());
	else
		serving_floor(&c->serving, t->b, serial);
	free(line);
}

/* Serials go on where an earlier collector stopped: they stand in the store. */
static void adopt(struct collector *c, const struct tree *t)
{
	char path[TREE_PATH], uuid[UUID_TEXT], mine[UUID_TEXT], *line, **names;
	unsigned int i, n;
	uint64_t serial;
	bool same;

	serving_floor(&c->serving, t->b, 0);
	tree_path(path, t->a, t->b, NULL);
	line = xs_readf(c->xsh, "%s", path);
	if (!line)
		return;
	uuid_format(t->b_uuid, mine);
	same = kv_is_v1(line) && kv_get(line, "uuid", uuid, sizeof(uuid)) && !strcmp(uuid, mine);
	if (kv_is_v1(line) && kv_u64(line, "serial", UINT64_MAX, &serial))
		serving_floor(&c->serving, t->b, serial);
	free(line);
	names = xs_listf(c->xsh, &n, "%s", path);
	for (i = 0; i < n; i++)
		adopt_pair(c, t, names[i], same);
	free(names);
	if (!same)
		node_remove(c, path);
}

static bool tree_publish(struct collector *c, struct tree *t)
{
	char path[TREE_PATH], value[8];

	source_meet(c, t);
	if (!node_dir(c, t->b, NULL) || !node_dir(c, t->a, NULL) || !node_dir(c, t->a, "backend"))
		return false;
	adopt(c, t);
	t->serial = UINT64_MAX;
	tree_tell(c, t);
	snprintf(path, sizeof(path), "/local/domain/%u/acctring/accountant", (unsigned int)t->b);
	snprintf(value, sizeof(value), "%u", (unsigned int)t->a);
	if (t->serial == UINT64_MAX || !node_put(c, t->b, path, value))
		return false;
	serving_touch(&c->serving, t->b);
	log_info("domain %u (%s): its accountant is domain %u", (unsigned int)t->b,
		 t->b_name[0] ? t->b_name : "no name", (unsigned int)t->a);
	return true;
}

static void tree_remove(struct collector *c, struct tree *t)
{
	char path[TREE_PATH];

	if (domains_same(&c->domains, t->a, t->a_uuid)) {
		tree_path(path, t->a, t->b, NULL);
		node_remove(c, path);
	}
	report_remove(c, t->b);
	*t = c->tree[--c->trees];
}

static void want(struct collector *c, const struct domain *a, const struct domain *b)
{
	struct tree *t = tree_of(c, b->domid);

	if (t && (!uuid_equal(t->b_uuid, b->uuid) || t->a != a->domid ||
		  !uuid_equal(t->a_uuid, a->uuid))) {
		if (!uuid_equal(t->b_uuid, b->uuid))
			serving_drop(&c->serving, t->b);
		tree_remove(c, t);
		t = NULL;
	}
	if (!t) {
		t = reallocarray(c->tree, c->trees + 1, sizeof(*t));
		if (!t)
			return;
		c->tree = t;
		t += c->trees;
		memset(t, 0, sizeof(*t));
		t->a = a->domid;
		t->b = b->domid;
		memcpy(t->a_uuid, a->uuid, 16);
		memcpy(t->b_uuid, b->uuid, 16);
		memcpy(t->b_name, b->name, sizeof(t->b_name));
		if (!tree_publish(c, t)) {
			c->again = true;
			return;
		}
		c->trees++;
	}
	if (strcmp(t->b_name, b->name) != 0) {
		memcpy(t->b_name, b->name, sizeof(t->b_name));
		t->serial = UINT64_MAX; /* the line is told anew */
	}
	t->wanted = true;
	t->gone_ms = 0;
}

static void unwanted(struct collector *c, struct tree *t)
{
	const struct domain *b = domains_get(&c->domains, t->b);
	bool same = b && uuid_equal(b->uuid, t->b_uuid);
	char path[TREE_PATH];

	if (!b && domains_same(&c->domains, t->a, t->a_uuid)) {
		if (!t->gone_ms)
			t->gone_ms = now_ms();
		tree_tell(c, t);
		return;
	}
	if (same) {
		snprintf(path, sizeof(path), "/local/domain/%u/acctring/accountant",
			 (unsigned int)t->b);
		node_remove(c, path);
	} else if (b) {
		serving_drop(&c->serving, t->b);
	}
	log_info("domain %u (%s): has no accountant any more", (unsigned int)t->b, t->b_name);
	tree_remove(c, t);
}

static void say_waiting(struct collector *c, unsigned int i, const char *who)
{
	if (!c->waiting[i])
		log_info("domain %s is not there, waiting for it", who);
	c->waiting[i] = true;
}

void trees_update(struct collector *c)
{
	const struct domain *a, *b;
	const struct config_driver *d;
	unsigned int i;
	size_t k;

	for (k = 0; k < c->trees; k++)
		c->tree[k].wanted = false;
	for (i = 0; i < c->config.drivers; i++) {
		d = &c->config.driver[i];
		b = domains_find(&c->domains, d->domain);
		a = domains_find(&c->domains, d->accountant);
		if (!a || !b) {
			say_waiting(c, i, b ? d->accountant : d->domain);
			continue;
		}
		if (tree_of(c, b->domid) && tree_of(c, b->domid)->wanted) {
			if (!c->waiting[i])
				log_warn("domain %s is driver domain %u, which is configured "
					 "already",
					 d->domain, (unsigned int)b->domid);
			c->waiting[i] = true;
			continue;
		}
		c->waiting[i] = false;
		want(c, a, b);
	}
	for (k = c->trees; k-- > 0;)
		if (!c->tree[k].wanted)
			unwanted(c, &c->tree[k]);
}

void trees_expire(struct collector *c)
{
	uint64_t now = now_ms();
	size_t k;

	for (k = c->trees; k-- > 0;)
		if (c->tree[k].gone_ms && now - c->tree[k].gone_ms >= SERVING_KEEP_MS)
			tree_remove(c, &c->tree[k]);
}

void trees_measure(struct collector *c)
{
	char path[TREE_PATH], line[80];
	const struct domain *b;
	size_t k;

	for (k = 0; k < c->trees; k++) {
		struct tree *t = &c->tree[k];

		b = domains_same(&c->domains, t->b, t->b_uuid);
		/* an accountant in dom0 asks the hypervisor for dom0; others must be told */
		if (!b || (!t->a && !t->b) || !domains_same(&c->domains, t->a, t->a_uuid))
			continue;
		tree_path(path, t->a, t->b, "measured");
		snprintf(line, sizeof(line), "v=1 t_ns=%" PRIu64 " cpu_ns=%" PRIu64,
			 c->domains.t_ns, b->cpu_ns);
		if (!t->measured)
			t->measured = node_put(c, t->a, path, line);
		else if (!xs_writef(c->xsh, path, "%s", line))
			log_warn("%s: cannot write: %s", path, strerror(errno));
	}
}

static void sweep_domain(struct collector *c, uint16_t x)
{
	char path[TREE_PATH], **names;
	const struct tree *t;
	unsigned int i, n;
	uint64_t b;

	names = xs_listf(c->xsh, &n, "/local/domain/%u/acctring/backend", (unsigned int)x);
	for (i = 0; i < n; i++) {
		t = parse_u64(names[i], DOMID_LAST, &b) ? tree_of(c, (uint16_t)b) : NULL;
		if (t && t->a == x)
			continue;
		snprintf(path, sizeof(path), "/local/domain/%u/acctring/backend/%.40s",
			 (unsigned int)x, names[i]);
		node_remove(c, path);
	}
	free(names);
	if (tree_of(c, x))
		return;
	snprintf(path, sizeof(path), "/local/domain/%u/acctring/accountant", (unsigned int)x);
	node_remove(c, path);
}

void trees_sweep(struct collector *c)
{
	size_t i;

	for (i = 0; i < c->domains.n; i++)
		sweep_domain(c, c->domains.domain[i].domid);
}
