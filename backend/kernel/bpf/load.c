/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.c - see load.h.
 */
#include "backend/kernel/bpf/load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/kernel/bpf/object.h"
#include "backend/kernel/bpf/parts.h"
#include "common/log.h"

#define OBJECTS 16u /* loaded one after another, as modules come */
#define LINKS (2 * BPF_PROGRAMS)
#define BATCH 256u

struct bpf_load {
	struct bpf_object *object[OBJECTS];
	unsigned int objects;
	struct bpf_link *link[LINKS];
	unsigned int links;
	enum part_state state[PARTS];
	int sums, pairs; /* the maps' files */
	unsigned int cpus;
	int measuring; /* file, while the kernel measures programs; -1 */
	unsigned int period;
	void *keys, *values; /* of a batch */
};

/* libbpf has much to say of each attempt. */
static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* ------------------------------------------------------------------ */
/* One attempt: some parts, in an object of their own                  */

/* The maps of the first are everybody's. */
static int share_maps(const struct bpf_load *b, struct bpf_object *o)
{
	struct bpf_map *map, *first;
	int r;

	for (map = NULL; (map = bpf_object__next_map(o, map));) {
		first = bpf_object__find_map_by_name(b->object[0], bpf_map__name(map));
		if (!first || bpf_map__is_internal(map))
			continue;
		r = bpf_map__reuse_fd(map, bpf_map__fd(first));
		if (r)
			return r;
	}
	return 0;
}

/* NULL and errno. */
static struct bpf_object *load_parts(const struct bpf_load *b, uint64_t parts)
{
	struct bpf_object *o = object_open();
	struct bpf_program *p;
	int r;

	if (!o)
		return NULL;
	for (p = NULL; (p = bpf_object__next_program(o, p));)
		bpf_program__set_autoload(p, parts >> part_of(bpf_program__name(p)) & 1);
	r = b->objects ? share_maps(b, o) : 0;
	if (!r)
		r = bpf_object__load(o);
	if (!r)
		return o;
	bpf_object__close(o);
	errno = -r;
	return NULL;
}

static void detach(struct bpf_load *b, unsigned int from)
{
	while (b->links > from)
		bpf_link__destroy(b->link[--b->links]);
}

/* All programs of a part, or none of them. */
static bool attach_part(struct bpf_load *b, struct bpf_object *o, unsigned int part)
{
	unsigned int before = b->links;
	struct bpf_program *p;
	struct bpf_link *l;

	for (p = NULL; (p = bpf_object__next_program(o, p));) {
		if (part_of(bpf_program__name(p)) != part)
			continue;
		l = b->links < LINKS ? bpf_program__attach(p) : NULL;
		if (!l) {
			log_debug("%s: %s", bpf_program__name(p), strerror(errno));
			detach(b, before);
			return false;
		}
		b->link[b->links++] = l;
	}
	return true;
}

static void attach_parts(struct bpf_load *b, struct bpf_object *o, uint64_t parts)
{
	unsigned int i;

	for (i = 0; i < PARTS; i++)
		if (parts >> i & 1)
			b->state[i] = attach_part(b, o, i) ? PART_ON : PART_FAILED;
}

/* Takes those that fail out, one by one: rare, and slow. */
static uint64_t those_that_load(struct bpf_load *b, uint64_t parts)
{
	struct bpf_object *o;
	unsigned int i;

	for (i = 0; i < PARTS; i++) {
		if (!(parts >> i & 1))
			continue;
		o = load_parts(b, UINT64_C(1) << i);
		if (o) {
			bpf_object__close(o);
			continue;
		}
		log_debug("%s: %s", part_name(i), strerror(errno));
		b->state[i] = PART_FAILED;
		parts &= ~(UINT64_C(1) << i);
	}
	return parts;
}

/* 0 or -errno. */
static int take_parts(struct bpf_load *b, uint64_t parts)
{
	struct bpf_object *o;

	if (b->objects == OBJECTS)
		return -ENOSPC;
	o = load_parts(b, parts);
	if (!o && errno == EPERM)
		return -EPERM;
	if (!o) {
		parts = those_that_load(b, parts);
		o = parts ? load_parts(b, parts) : NULL;
	}
	if (!o)
		return parts ? -errno : -ENOENT;
	b->object[b->objects++] = o;
	attach_parts(b, o, parts);
	return 0;
}

/* Parts that are not tried yet, and are there. */
static uint64_t untried(struct bpf_load *b)
{
	uint64_t parts = 0;
	unsigned int i;

	for (i = 0; i < PARTS; i++) {
		if (b->state[i] != PART_ABSENT)
			continue;
		b->state[i] = part_probe(i);
		if (b->state[i] == PART_THERE)
			parts |= UINT64_C(1) << i;
	}
	return parts;
}

/* ------------------------------------------------------------------ */
/* Open, close                                                         */

/* What finds no room has a place all the same. */
static int make_room(struct bpf_load *b)
{
	struct bpf_map *sums = bpf_object__find_map_by_name(b->object[0], "sums");
	struct bpf_map *pairs = bpf_object__find_map_by_name(b->object[0], "pairs");
	struct bpf_key lost = { .kind = BPF_LOST };
	int cpus = libbpf_num_possible_cpus();

	if (!sums || !pairs || cpus < 1)
		return -ENOENT;
	b->sums = bpf_map__fd(sums);
	b->pairs = bpf_map__fd(pairs);
	b->cpus = (unsigned int)cpus;
	b->keys = calloc(BATCH, sizeof(struct bpf_key));
	b->values = calloc((size_t)BATCH * b->cpus, sizeof(struct bpf_sum));
	if (!b->keys || !b->values)
		return -ENOMEM;
	return bpf_map_update_elem(b->sums, &lost, b->values, BPF_ANY);
}

static int open_all(struct bpf_load *b)
{
	uint64_t parts = untried(b);
	int r;

	if (b->state[PART_CORE] != PART_THERE)
		return -ENOENT;
	r = take_parts(b, parts);
	if (!r && b->state[PART_CORE] != PART_ON)
		r = -EOPNOTSUPP;
	return r ? r : make_room(b);
}

struct bpf_load *bpf_load_open(char *why, size_t size)
{
	struct bpf_load *b;
	int r = -ENOMEM;

	libbpf_set_print(quiet);
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		snprintf(why, size, "this kernel does not describe itself (no BTF)");
		return NULL;
	}
	b = calloc(1, sizeof(*b));
	if (b) {
		b->measuring = -1;
		r = open_all(b);
	}
	part_forget();
	if (!r)
		return b;
	snprintf(why, size, "programs cannot be loaded into the kernel: %s", strerror(-r));
	bpf_load_close(b);
	return NULL;
}

void bpf_load_close(struct bpf_load *b)
{
	if (!b)
		return;
	detach(b, 0);
	while (b->objects)
		bpf_object__close(b->object[--b->objects]);
	if (b->measuring >= 0)
		close(b->measuring);
	free(b->keys);
	free(b->values);
	free(b);
}

bool bpf_load_again(struct bpf_load *b)
{
	uint64_t parts = untried(b);
	int r = parts ? take_parts(b, parts) : 0;

	part_forget();
	if (r)
		log_debug("level 2: %s", strerror(-r));
	return parts;
}

/* ------------------------------------------------------------------ */
/* What was measured                                                   */

static void sum_up(const struct bpf_sum *of, unsigned int cpus, struct bpf_sum *out)
{
	unsigned int i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < cpus; i++) {
		out->ns += of[i].ns;
		out->count += of[i].count;
	}
}

/* Of a map whose values are one for each of `cpus`. */
static int read_map(struct bpf_load *b, int map, unsigned int cpus, bpf_each *each, void *arg)
{
	const struct bpf_key *key = b->keys;
	const struct bpf_sum *value = b->values;
	struct bpf_sum sum;
	uint32_t at, n, i;
	bool first = true;
	int r = 0;

	while (!r) {
		n = BATCH;
		r = bpf_map_lookup_batch(map, first ? NULL : &at, &at, b->keys, b->values, &n,
					 NULL);
		first = false;
		if (r && r != -ENOENT)
			return r;
		for (i = 0; i < n; i++) {
			sum_up(value + (size_t)i * cpus, cpus, &sum);
			each(arg, &key[i], &sum);
		}
	}
	return 0;
}

int bpf_load_read(struct bpf_load *b, bpf_each *each, void *arg)
{
	return read_map(b, b->sums, b->cpus, each, arg);
}

int bpf_load_read_pairs(struct bpf_load *b, bpf_each *each, void *arg)
{
	return b->state[PART_SENDERS] == PART_ON ? read_map(b, b->pairs, 1, each, arg) : 0;
}

void bpf_load_forget(struct bpf_load *b, const struct bpf_key *key)
{
	bpf_map_delete_elem(b->sums, key);
}

void bpf_load_forget_pair(struct bpf_load *b, const struct bpf_key *key)
{
	bpf_map_delete_elem(b->pairs, key);
}

/* ------------------------------------------------------------------ */
/* What it costs                                                       */

void bpf_load_measure(struct bpf_load *b)
{
	bool on = b->period++ % MEASURED_OF == 0;

	if (on && b->measuring < 0) {
		b->measuring = bpf_enable_stats(BPF_STATS_RUN_TIME);
	} else if (!on && b->measuring >= 0) {
		close(b->measuring);
		b->measuring = -1;
	}
}

void bpf_load_cost(const struct bpf_load *b, uint64_t *ns, uint64_t *runs)
{
	struct bpf_program *p;
	unsigned int i;

	*ns = *runs = 0;
	for (i = 0; i < b->objects; i++)
		for (p = NULL; (p = bpf_object__next_program(b->object[i], p));) {
			struct bpf_prog_info info = { 0 };
			uint32_t size = sizeof(info);

			if (!bpf_program__autoload(p) ||
			    bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &size))
				continue;
			*ns += info.run_time_ns * MEASURED_OF;
			*runs += info.run_cnt * MEASURED_OF;
		}
}

bool bpf_load_part(const struct bpf_load *b, unsigned int i, const char **name, const char **says)
{
	if (i >= PARTS)
		return false;
	*name = part_name(i);
	*says = part_says(b->state[i]);
	return true;
}

bool bpf_probe_part(unsigned int i, const char **name, const char **says)
{
	if (i >= PARTS)
		return false;
	*name = part_name(i);
	*says = part_says(part_probe(i));
	return true;
}
