/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * serving.c - see serving.h.
 */
#include "collector/serving.h"

#include "common/kv.h"
#include "common/xs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One element more at the end of an array; sizes double. */
static void *grow(void *array, size_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	return realloc(array, (n ? n * 2 : 1) * size);
}

void serving_free(struct serving *s)
{
	free(s->pair);
	free(s->known);
	free(s->serial);
	memset(s, 0, sizeof(*s));
}

static struct serving_pair *find(const struct serving *s, uint16_t backend, uint16_t domid)
{
	size_t i;

	for (i = 0; i < s->pairs; i++)
		if (s->pair[i].backend == backend && s->pair[i].domid == domid)
			return &s->pair[i];
	return NULL;
}

static struct serving_pair *make(struct serving *s, uint16_t backend, uint16_t domid)
{
	struct serving_pair *p = grow(s->pair, s->pairs, sizeof(*p));

	if (!p)
		return NULL;
	s->pair = p;
	p += s->pairs++;
	memset(p, 0, sizeof(*p));
	p->backend = backend;
	p->domid = domid;
	return p;
}

bool serving_know(struct serving *s, uint16_t backend, const uint8_t uuid[16], uint64_t now_ms)
{
	struct serving_known *k;
	size_t i;

	for (i = 0; i < s->knowns; i++) {
		k = &s->known[i];
		if (k->backend == backend && uuid_equal(k->uuid, uuid)) {
			k->live_ms = now_ms;
			return true;
		}
	}
	k = grow(s->known, s->knowns, sizeof(*k));
	if (!k)
		return false;
	s->known = k;
	k += s->knowns++;
	k->backend = backend;
	k->live_ms = now_ms;
	memcpy(k->uuid, uuid, 16);
	return true;
}

static struct serving_serial *serial_of(const struct serving *s, uint16_t backend)
{
	size_t i;

	for (i = 0; i < s->serials; i++)
		if (s->serial[i].backend == backend)
			return &s->serial[i];
	return NULL;
}

bool serving_floor(struct serving *s, uint16_t backend, uint64_t last)
{
	struct serving_serial *n = serial_of(s, backend);

	if (!n) {
		n = grow(s->serial, s->serials, sizeof(*n));
		if (!n)
			return false;
		s->serial = n;
		n += s->serials++;
		n->backend = backend;
		n->last = 0;
	}
	if (last > n->last)
		n->last = last;
	return true;
}

uint64_t serving_last_serial(const struct serving *s, uint16_t backend)
{
	const struct serving_serial *n = serial_of(s, backend);

	return n ? n->last : 0;
}

bool serving_restore(struct serving *s, uint16_t backend, uint16_t domid, const uint8_t uuid[16],
		     uint64_t serial, bool on, uint64_t now_ms)
{
	struct serving_pair *p;

	if (!serving_floor(s, backend, serial) || !serving_know(s, backend, uuid, now_ms))
		return false;
	p = find(s, backend, domid);
	if (p) {
		/* we knew it before we could read the store: never a lower serial */
		p->dirty = true;
		if (uuid_equal(p->uuid, uuid) && serial > p->serial)
			p->serial = serial;
		else if (!uuid_equal(p->uuid, uuid) && serial >= p->serial)
			p->serial = ++serial_of(s, backend)->last;
		return true;
	}
	p = make(s, backend, domid);
	if (!p)
		return false;
	memcpy(p->uuid, uuid, 16);
	p->serial = serial;
	p->on = on;
	p->gone_ms = now_ms;
	return true;
}

void serving_begin(struct serving *s)
{
	size_t i;

	for (i = 0; i < s->pairs; i++)
		s->pair[i].seen = false;
}

bool serving_add(struct serving *s, uint16_t backend, uint16_t domid, const uint8_t uuid[16],
		 const char *name, uint64_t now_ms)
{
	struct serving_pair *p = find(s, backend, domid);
	bool fresh = !p;

	if (!serving_know(s, backend, uuid, now_ms))
		return false;
	if (!p)
		p = make(s, backend, domid);
	if (!p)
		return false;
	if (fresh || !uuid_equal(p->uuid, uuid)) {
		if (!serving_floor(s, backend, 0)) {
			if (fresh)
				s->pairs--;
			return false;
		}
		p->serial = ++serial_of(s, backend)->last;
		memcpy(p->uuid, uuid, 16);
		p->dirty = true;
	}
	if (!p->on || strncmp(p->name, name, sizeof(p->name) - 1) != 0)
		p->dirty = true;
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->on = true;
	p->seen = true;
	p->expired = false;
	return true;
}

void serving_domid(struct serving *s, uint16_t domid, const uint8_t uuid[16], uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < s->pairs; i++) {
		struct serving_pair *p = &s->pair[i];

		if (p->domid == domid && !uuid_equal(p->uuid, uuid))
			p->expired = true;
	}
	for (i = 0; i < s->knowns; i++)
		if (uuid_equal(s->known[i].uuid, uuid))
			s->known[i].live_ms = now_ms;
}

void serving_end(struct serving *s, uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < s->pairs; i++) {
		struct serving_pair *p = &s->pair[i];

		if (p->seen || !p->on)
			continue;
		p->on = false;
		p->gone_ms = now_ms;
		p->dirty = true;
	}
	serving_expire(s, now_ms);
}

void serving_expire(struct serving *s, uint64_t now_ms)
{
	size_t i, kept = 0;

	for (i = 0; i < s->pairs; i++) {
		struct serving_pair *p = &s->pair[i];

		if (!p->on && now_ms - p->gone_ms >= SERVING_KEEP_MS)
			p->expired = true;
	}
	for (i = 0; i < s->knowns; i++)
		if (now_ms - s->known[i].live_ms < SERVING_KNOWN_MS)
			s->known[kept++] = s->known[i];
	/* grow() counts on arrays whose room is the next power of two */
	s->knowns = kept;
}

void serving_drop(struct serving *s, uint16_t backend)
{
	size_t i;

	for (i = 0; i < s->pairs; i++)
		if (s->pair[i].backend == backend)
			s->pair[i].expired = true;
}

void serving_touch(struct serving *s, uint16_t backend)
{
	size_t i;

	for (i = 0; i < s->pairs; i++)
		if (s->pair[i].backend == backend)
			s->pair[i].dirty = true;
}

void serving_purge(struct serving *s)
{
	size_t i, kept = 0;

	for (i = 0; i < s->pairs; i++)
		if (!s->pair[i].expired)
			s->pair[kept++] = s->pair[i];
	s->pairs = kept;
}

bool serving_believed(const struct serving *s, uint16_t backend, const uint8_t uuid[16])
{
	size_t i;

	for (i = 0; i < s->knowns; i++)
		if (s->known[i].backend == backend && uuid_equal(s->known[i].uuid, uuid))
			return true;
	return false;
}

void serving_limit(struct serving_pair *p, uint64_t ns, uint64_t now_ms)
{
	uint64_t by = ns > p->limit ? ns - p->limit : p->limit - ns;

	if (!ns == !p->limit) {
		if (!ns || now_ms - p->limit_ms < (by > p->limit / 8 ? 1000 : SERVING_LIMIT_MS))
			return;
	}
	p->limit = ns;
	p->limit_ms = now_ms;
	p->dirty = true;
}

void serving_line(const struct serving_pair *p, char line[SERVING_LINE])
{
	char uuid[UUID_TEXT], limit[64] = "";

	uuid_format(p->uuid, uuid);
	if (p->limit)
		snprintf(limit, sizeof(limit), " limit=%" PRIu64 " limit_at=%" PRIu64, p->limit,
			 p->limit_ms / 1000);
	snprintf(line, SERVING_LINE, "v=1 uuid=%s serial=%" PRIu64 " state=%s%s%s%s", uuid,
		 p->serial, p->on ? "on" : "gone", limit, p->name[0] ? " name=" : "", p->name);
}

bool serving_parse(const char *line, uint8_t uuid[16], uint64_t *serial, bool *on)
{
	char text[UUID_TEXT], state[8];

	if (!kv_is_v1(line) || !kv_get(line, "uuid", text, sizeof(text)) ||
	    !uuid_parse(text, uuid) || !kv_u64(line, "serial", UINT64_MAX, serial) ||
	    !kv_get(line, "state", state, sizeof(state)))
		return false;
	*on = !strcmp(state, "on");
	return *on || !strcmp(state, "gone");
}

/* The decimal domid before the next '/'; NULL: not one. */
static const char *take_domid(const char *text, uint16_t *out)
{
	size_t len = strcspn(text, "/");
	char word[8];
	uint64_t value;

	if (len >= sizeof(word) || text[len] != '/')
		return NULL;
	memcpy(word, text, len);
	word[len] = '\0';
	if (!parse_u64(word, DOMID_LAST, &value))
		return NULL;
	*out = (uint16_t)value;
	return text + len + 1;
}

bool serving_backend_path(const char *path, uint16_t domid, uint16_t *backend)
{
	static const char head[] = "/local/domain/", mid[] = "backend/";
	uint16_t guest;
	size_t len;

	if (strncmp(path, head, sizeof(head) - 1) != 0)
		return false;
	path = take_domid(path + sizeof(head) - 1, backend);
	if (!path || strncmp(path, mid, sizeof(mid) - 1) != 0)
		return false;
	path += sizeof(mid) - 1;
	len = strcspn(path, "/");
	if (!len || path[len] != '/')
		return false;
	path = take_domid(path + len + 1, &guest);
	return path && guest == domid && *path && !strchr(path, '/');
}
