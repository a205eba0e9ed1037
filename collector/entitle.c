/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * entitle.c - see entitle.h.
 */
#include "collector/entitle.h"

#include "common/kv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has(const struct knob_set *s, uint16_t value)
{
	return s->bit[value / 64] >> (value % 64) & 1;
}

static void add(struct knob_set *s, uint16_t value)
{
	s->bit[value / 64] |= 1ull << (value % 64);
}

static bool none(const struct knob_set *s)
{
	static const struct knob_set empty;

	return !memcmp(s, &empty, sizeof(empty));
}

static unsigned int place(const struct knob *k, uint16_t value)
{
	unsigned int i;

	for (i = 0; i < k->ends && k->ended[i] != value; i++)
		;
	return i;
}

/* A domain ended with that, or there is an image with it. */
static void ended(struct knob *k, uint16_t value)
{
	unsigned int at = place(k, value);

	if (!k->known || value == k->found)
		return;
	if (at == k->ends) {
		k->dirty = true;
		if (k->ends < ENTITLE_ENDED)
			k->ends++;
		else
			at--; /* the oldest goes */
	}
	memmove(k->ended + 1, k->ended, at * sizeof(k->ended[0]));
	k->ended[0] = value;
}

static bool is_lately(const struct knob *k, uint16_t value)
{
	return has(&k->ours, value) || has(&k->older, value) || place(k, value) < k->ends;
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
	if (now == k->is || now == k->next || (born && is_lately(k, now))) {
		k->is = k->next = now;
		if (born)
			ended(k, now);
		return born ? KNOB_OURS : KNOB_FOUND;
	}
	find(k, now);
	return KNOB_THEIRS;
}

bool entitle_young(const struct entitle *e, uint16_t domid, bool paused)
{
	return paused && (!e->met || e->domid != domid);
}

void entitle_see(struct entitle *e, uint16_t domid, const uint16_t now[KNOBS],
		 enum knob_seen seen[KNOBS])
{
	bool born = !e->met || e->domid != domid;
	int i;

	for (i = 0; i < KNOBS; i++) {
		if (born && e->met) {
			ended(&e->knob[i], e->knob[i].is);
			ended(&e->knob[i], e->knob[i].next);
		}
		seen[i] = see(&e->knob[i], now[i], born);
	}
	e->domid = domid;
	e->met = true;
}

static bool turn(struct knob *k, bool late)
{
	bool any = !none(&k->ours) || !none(&k->older);

	if (late)
		memset(&k->older, 0, sizeof(k->older));
	else
		k->older = k->ours;
	memset(&k->ours, 0, sizeof(k->ours));
	if (k->is != k->found)
		add(&k->ours, k->is);
	if (k->next != k->found)
		add(&k->ours, k->next);
	k->dirty |= any;
	return any;
}

bool entitle_turn(struct entitle *e, uint32_t now_s)
{
	uint32_t age = now_s - e->since;
	bool any = false;
	int i;

	if (age < ENTITLE_TURN_S) /* a clock that was set back is far ahead */
		return false;
	for (i = 0; i < KNOBS; i++)
		any |= turn(&e->knob[i], age >= 2 * ENTITLE_TURN_S);
	e->since = now_s;
	return any;
}

uint16_t entitle_of(const struct entitle *e, enum knob_name which)
{
	return e->want[which] ? e->want[which] : e->knob[which].found;
}

bool entitle_plan(struct entitle *e, enum knob_name which, uint16_t value)
{
	struct knob *k = &e->knob[which];

	k->next = value;
	if (value != k->found && !has(&k->ours, value)) {
		add(&k->ours, value);
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
	int i;

	for (i = 0; i < KNOBS; i++) {
		const struct knob *k = &e->knob[i];

		if (e->want[i] || knob_ours(k) || k->ends || !none(&k->ours) || !none(&k->older))
			return false;
	}
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
static char *put_set(char *to, const char *end, const struct knob_set *s, const char *which,
		     const char *what)
{
	const char *sep = "";
	unsigned int i, last;

	for (i = 0; i < 65536 && to < end; i = last + 1) {
		last = i;
		if (!has(s, (uint16_t)i))
			continue;
		while (last < 65535 && has(s, (uint16_t)(last + 1)))
			last++;
		if (!*sep)
			to += snprintf(to, (size_t)(end - to), " %s_%s=", which, what);
		to += snprintf(to, (size_t)(end - to), last > i ? "%s%u-%u" : "%s%u", sep, i, last);
		sep = ",";
	}
	return to;
}

static char *put_ended(char *to, const char *end, const struct knob *k, const char *which)
{
	unsigned int i;

	for (i = 0; i < k->ends && to < end; i++) {
		if (!i)
			to += snprintf(to, (size_t)(end - to), " %s_ended=", which);
		to += snprintf(to, (size_t)(end - to), i ? ",%u" : "%u", (unsigned int)k->ended[i]);
	}
	return to;
}

size_t entitle_line(const struct entitle *e, char *line, size_t size)
{
	char *to = line + ENTITLE_HEAD, *end = line + size - 32; /* of one more range */
	int i;

	entitle_head(e, line);
	to += snprintf(to, (size_t)(end - to), " since=%u", (unsigned int)e->since);
	for (i = 0; i < KNOBS; i++) {
		const struct knob *k = &e->knob[i];

		to += snprintf(to, (size_t)(end - to), " %s_known=%u %s_found=%u %s_want=%u",
			       name[i], k->known, name[i], (unsigned int)k->found, name[i],
			       (unsigned int)e->want[i]);
		to = put_set(to, end, &k->ours, name[i], "ours");
		to = put_set(to, end, &k->older, name[i], "older");
		to = put_ended(to, end, k, name[i]);
	}
	return (size_t)(to - line);
}

static bool parse_range(struct knob *k, struct knob_set *s, char *range)
{
	char *dash = strchr(range, '-');
	uint64_t from, to;

	if (dash)
		*dash = '\0';
	if (!parse_u64(range, 65535, &from) || !parse_u64(dash ? dash + 1 : range, 65535, &to))
		return false;
	if (!s && k->ends == ENTITLE_ENDED)
		return false;
	if (!s)
		k->ended[k->ends++] = (uint16_t)from;
	for (; s && from <= to; from++)
		add(s, (uint16_t)from);
	return true;
}

/* Into the set; NULL: those at ends. */
static bool parse_list(struct knob *k, struct knob_set *s, const char *line, const char *which,
		       const char *what)
{
	char *text = malloc(strlen(line) + 1), key[32], *save, *range;
	bool ok = text != NULL;

	snprintf(key, sizeof(key), "%s_%s", which, what);
	if (text && kv_get(line, key, text, strlen(line) + 1))
		for (range = strtok_r(text, ",", &save); range && ok;
		     range = strtok_r(NULL, ",", &save))
			ok = parse_range(k, s, range);
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

	if (!get(line, which, "", 65535, &is) || !get(line, which, "_next", 65535, &next) ||
	    !get(line, which, "_known", 1, &known) || !get(line, which, "_found", 65535, &found) ||
	    !get(line, which, "_want", 65535, &wanted))
		return false;
	k->is = (uint16_t)is;
	k->next = (uint16_t)next;
	k->known = known;
	k->found = (uint16_t)found;
	*want = (uint16_t)wanted;
	return parse_list(k, &k->ours, line, which, "ours") &&
	       parse_list(k, &k->older, line, which, "older") &&
	       parse_list(k, NULL, line, which, "ended");
}

bool entitle_parse(const char *line, struct entitle *e)
{
	struct entitle fresh = { 0 };
	uint64_t domid, since;
	int i;

	if (!kv_is_v1(line) || !kv_u64(line, "domid", UINT16_MAX, &domid) ||
	    !kv_u64(line, "since", UINT32_MAX, &since))
		return false;
	for (i = 0; i < KNOBS; i++)
		if (!parse_knob(&fresh.knob[i], &fresh.want[i], line, name[i]))
			return false;
	memcpy(fresh.uuid, e->uuid, 16);
	fresh.domid = (uint16_t)domid;
	fresh.met = true;
	fresh.since = (uint32_t)since;
	*e = fresh;
	return true;
}
