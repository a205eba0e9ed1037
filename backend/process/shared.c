/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shared.c - see shared.h.
 */
#include "backend/process/shared.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/kernel/counter.h"
#include "backend/kernel/kernel.h"
#include "backend/process/worker.h"
#include "common/log.h"

static const char *const names[SHARED_POOLS] = {
	[SHARED_LOOP] = "workers-loop",
	[SHARED_CRYPT] = "workers-crypt",
	[SHARED_MD] = "workers-md",
};

void shared_begin(struct shared *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < SHARED_POOLS; i++)
		model_packets(&s->pool[i].model, 1000);
}

int shared_of(const char *name)
{
	const char *pool = pool_of(name, true);
	char block[WORKER_BLOCK];

	for (int i = 0; pool && i < SHARED_POOLS; i++)
		if (!strcmp(pool, names[i]))
			return i;
	if (!parse_worker_name(name, block))
		return -1;
	return strchr(block, ':') ? SHARED_CRYPT : SHARED_MD;
}

/* ------------------------------------------------------------------ */
/* Who is behind it                                                    */

static bool is_crypt(const char *sys, const char *block)
{
	char path[PATH_MAX], text[64];

	return snprintf(path, sizeof(path), "%s/class/block/%s/dm/uuid", sys, block) < PATH_MAX &&
	       read_text(AT_FDCWD, path, text, sizeof(text)) > 0 && !strncmp(text, "CRYPT-", 6);
}

/* It has a file: others are there, and do nothing. */
static bool is_loop(const char *sys, const char *block)
{
	char path[PATH_MAX], text[2];

	return snprintf(path, sizeof(path), "%s/class/block/%s/loop/backing_file", sys, block) <
		       PATH_MAX &&
	       read_text(AT_FDCWD, path, text, sizeof(text)) > 0;
}

static int kind_of(const char *sys, const char *block)
{
	if (!strncmp(block, "loop", 4))
		return is_loop(sys, block) ? SHARED_LOOP : -1;
	if (!strncmp(block, "md", 2))
		return SHARED_MD;
	return !strncmp(block, "dm-", 3) && is_crypt(sys, block) ? SHARED_CRYPT : -1;
}

static void look(struct kernel *k, const struct devmap *map, const char *block, int kind)
{
	struct shared_pool *p = &k->shared->pool[kind];
	struct devmap_seen seen = { .use = calloc(map->uses + 1u, sizeof(bool)) };
	struct devmap with = *map;

	if (!seen.use) {
		p->host = true;
		return;
	}
	with.seen = &seen;
	devmap_owner(&with, block);
	p->host |= seen.host;
	for (unsigned int i = 0; i < map->uses; i++)
		if (seen.use[i])
			((struct kdev *)map->use[i].disk)->behind |= 1u << kind;
	free(seen.use);
}

void shared_map(struct kernel *k, const struct devmap *map)
{
	const struct dirent *e;
	char path[PATH_MAX];
	struct kdev *d;
	DIR *dir;
	int kind;

	LIST_FOREACH(d, &k->devices, link)
		d->behind = 0;
	for (kind = 0; kind < SHARED_POOLS; kind++)
		k->shared->pool[kind].host = false;
	dir = snprintf(path, sizeof(path), "%s/class/block", k->sys) < PATH_MAX ? opendir(path)
										: NULL;
	while (dir && (e = readdir(dir))) {
		kind = kind_of(k->sys, e->d_name);
		if (kind >= 0)
			look(k, map, e->d_name, kind);
	}
	if (dir)
		closedir(dir);
}

/* ------------------------------------------------------------------ */
/* To whom it goes                                                     */

void shared_burned(struct shared *s, int pool, uint64_t ns)
{
	if (pool >= 0)
		s->pool[pool].ns += ns;
}

struct payers {
	size_t n;
	struct kdev **disk;
	struct payer_part *part;
};

static struct payer_part part_of(const struct kdev_did *did)
{
	return (struct payer_part){ .driver = { [COST_SEND] = did->writes,
						[COST_RECEIVE] = did->reads,
						[COST_KIB] = did->bytes / 1024 } };
}

/* The disks that did something in this period, or in the last; and what. */
static bool find_payers(struct kernel *k, int kind, struct payers *to, bool before)
{
	struct kdev *d;

	*to = (struct payers){ 0 };
	LIST_FOREACH(d, &k->devices, link)
		to->n += d->behind >> kind & 1;
	to->disk = calloc(to->n + 1, sizeof(struct kdev *));
	to->part = calloc(to->n + 1, sizeof(*to->part));
	to->n = 0;
	if (!to->disk || !to->part)
		return false;
	LIST_FOREACH(d, &k->devices, link) {
		if (d->gone || !(d->behind >> kind & 1))
			continue;
		to->part[to->n] = part_of(before ? &d->did_before : &d->did);
		if (partition_active(&to->part[to->n]))
			to->disk[to->n++] = d;
	}
	return to->n != 0;
}

static void free_payers(struct payers *p)
{
	free(p->disk);
	free(p->part);
}

static void say_host(struct shared_pool *p, int kind)
{
	if (!p->said)
		log_warn("%s: not billed: this domain itself, or who cannot be told, has such a "
			 "device, too",
			 names[kind]);
	p->said = true;
}

/* What nobody is to pay stays unattributed. */
static void drop(struct shared_pool *p)
{
	p->ns = 0;
	p->waits = 0;
}

static void divide(struct shared_pool *p, struct payers *to)
{
	enum basis basis = partition_alike(to->part, to->n) ? BASIS_POOL : BASIS_MODEL;

	model_learn(&p->model, p->ns, to->part, to->n);
	if (!partition(basis, p->ns, &p->model, to->part, to->n))
		return;
	for (size_t i = 0; i < to->n; i++)
		to->disk[i]->shared_ns[basis == BASIS_POOL ? POUR_POOL : POUR_MODEL] +=
			to->part[i].ns;
	drop(p);
}

static void settle(struct kernel *k, int kind)
{
	struct shared_pool *p = &k->shared->pool[kind];
	struct payers to;
	bool found;

	if (!p->ns)
		return;
	if (p->host) {
		say_host(p, kind);
		drop(p);
		return;
	}
	found = find_payers(k, kind, &to, false);
	if (!found) { /* counted as it was begun, burned as it was done */
		free_payers(&to);
		found = find_payers(k, kind, &to, true);
	}
	if (found)
		divide(p, &to);
	else if (++p->waits >= SHARED_PERIODS)
		drop(p);
	free_payers(&to);
}

void shared_settle(struct kernel *k)
{
	for (int i = 0; i < SHARED_POOLS; i++)
		settle(k, i);
}
