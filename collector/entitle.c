/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * entitle.c - see entitle.h.
 */
#include "collector/entitle.h"

#include "common/kv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_ours(const struct knob *k, uint16_t value)
{
	return k->ours[value / 64] >> (value % 64) & 1;
}

static void find(struct knob *k, uint16_t now)
{
	k->dirty |= !k->known || k->found != now;
	k->known = true;
	k->found = k->is = k->next = now;
}

static enum knob_seen see(struct knob *k, uint16_t now, bool born)
{
	if (!k->known || now == k->found) {
		find(k, now);
		return KNOB_FOUND;
	}
	if (born ? is_ours(k, now) : now == k->is || now == k->next) {
		k->is = k->next = now;
		return born ? KNOB_OURS : KNOB_FOUND;
	}
	find(k, now);
	return KNOB_THEIRS;
}

void entitle_see(struct entitle *e, uint16_t domid, const uint16_t now[KNOBS],
		 enum knob_seen seen[KNOBS])
{
	bool born = !e->met || e->domid != domid;
	int i;

	for (i = 0; i < KNOBS; i++)
		seen[i] = see(&e->knob[i], now[i], born);
	e->domid = domid;
	e->met = true;
}

uint16_t entitle_of(const struct entitle *e, enum knob_name which)
{
	return e->want[which] ? e->want[which] : e->knob[which].found;
}

bool entitle_plan(struct entitle *e, enum knob_name which, uint16_t value)
{
	struct knob *k = &e->knob[which];

	k->next = value;
	if (value != k->found && !is_ours(k, value)) {
		k->ours[value / 64] |= 1ull << (value % 64);
		k->dirty = true;
	}
	/* the head tells of both: what it says of the other must fit the rest, too */
	return e->knob[KNOB_WEIGHT].dirty || e->knob[KNOB_CAP].dirty;
}

void entitle_kept(struct entitle *e)
{
	int i;

	for (i = 0; i < KNOBS; i++)
		e->knob[i].dirty = false;
}

void knob_done(struct knob *k, uint16_t now)
{
	see(k, now, false);
}

bool knob_ours(const struct knob *k)
{
	return k->known && k->is != k->found;
}

bool entitle_empty(const struct entitle *e)
{
	static const uint64_t none[65536 / 64];
	int i;

	for (i = 0; i < KNOBS; i++)
		if (e->want[i] || memcmp(e->knob[i].ours, none, sizeof(none)) != 0)
			return false;
	return true;
}

/* -- the line --------------------------------------------------------------- */

static const char *const name[KNOBS] = { "weight", "cap" };

void entitle_head(const struct entitle *e, char head[ENTITLE_HEAD + 1])
{
	const struct knob *w = &e->knob[KNOB_WEIGHT], *c = &e->knob[KNOB_CAP];
	int n = snprintf(head, ENTITLE_HEAD + 1,
			 "v=1 domid=%u weight=%u weight_next=%u cap=%u cap_next=%u",
			 (unsigned int)e->domid, (unsigned int)w->is, (unsigned int)w->next,
			 (unsigned int)c->is, (unsigned int)c->next);

	memset(head + n, ' ', (size_t)(ENTITLE_HEAD - n));
	head[ENTITLE_HEAD] = '\0';
}

/* " cap_ours=10-12,60"; returns where the text ends. */
static char *put_ours(char *to, const char *end, const struct knob *k, const char *which)
{
	const char *sep = "";
	unsigned int i, last;

	for (i = 0; i < 65536 && to < end; i = last + 1) {
		last = i;
		if (!is_ours(k, (uint16_t)i))
			continue;
		while (last < 65535 && is_ours(k, (uint16_t)(last + 1)))
			last++;
		if (!*sep)
			to += snprintf(to, (size_t)(end - to), " %s_ours=", which);
		to += snprintf(to, (size_t)(end - to), last > i ? "%s%u-%u" : "%s%u", sep, i, last);
		sep = ",";
	}
	return to;
}

size_t entitle_line(const struct entitle *e, char *line, size_t size)
{
	char *to = line + ENTITLE_HEAD, *end = line + size - 32; /* of one more range */
	int i;

	entitle_head(e, line);
	for (i = 0; i < KNOBS; i++) {
		const struct knob *k = &e->knob[i];

		to += snprintf(to, (size_t)(end - to), " %s_known=%u %s_found=%u %s_want=%u",
			       name[i], k->known, name[i], (unsigned int)k->found, name[i],
			       (unsigned int)e->want[i]);
		to = put_ours(to, end, k, name[i]);
	}
	return (size_t)(to - line);
}

static bool parse_range(struct knob *k, char *range)
{
	char *dash = strchr(range, '-');
	uint64_t from, to;

	if (dash)
		*dash = '\0';
	if (!parse_u64(range, 65535, &from) || !parse_u64(dash ? dash + 1 : range, 65535, &to))
		return false;
	for (; from <= to; from++)
		k->ours[from / 64] |= 1ull << (from % 64);
	return true;
}

static bool parse_ours(struct knob *k, const char *line, const char *key)
{
	char *text = malloc(strlen(line) + 1), *save, *range;
	bool ok = text != NULL;

	if (text && kv_get(line, key, text, strlen(line) + 1))
		for (range = strtok_r(text, ",", &save); range && ok;
		     range = strtok_r(NULL, ",", &save))
			ok = parse_range(k, range);
	free(text);
	return ok;
}

static bool get(const char *line, const char *which, const char *what, uint64_t max, uint64_t *v)
{
	char key[32];

	snprintf(key, sizeof(key), "%s%s", which, what);
	return kv_u64(line, key, max, v);
}

static bool parse_knob(struct knob *k, uint16_t *want, const char *line, const char *which)
{
	uint64_t is, next, known, found, wanted;
	char key[32];

	if (!get(line, which, "", 65535, &is) || !get(line, which, "_next", 65535, &next) ||
	    !get(line, which, "_known", 1, &known) || !get(line, which, "_found", 65535, &found) ||
	    !get(line, which, "_want", 65535, &wanted))
		return false;
	k->is = (uint16_t)is;
	k->next = (uint16_t)next;
	k->known = known;
	k->found = (uint16_t)found;
	*want = (uint16_t)wanted;
	snprintf(key, sizeof(key), "%s_ours", which);
	return parse_ours(k, line, key);
}

bool entitle_parse(const char *line, struct entitle *e)
{
	struct entitle fresh = { 0 };
	uint64_t domid;
	int i;

	if (!kv_is_v1(line) || !kv_u64(line, "domid", UINT16_MAX, &domid))
		return false;
	for (i = 0; i < KNOBS; i++)
		if (!parse_knob(&fresh.knob[i], &fresh.want[i], line, name[i]))
			return false;
	memcpy(fresh.uuid, e->uuid, 16);
	fresh.domid = (uint16_t)domid;
	fresh.met = true;
	*e = fresh;
	return true;
}
