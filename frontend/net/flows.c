/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/net/flows.h"

#include <stddef.h>
#include <string.h>

/* What came before we listened is not lost. */
static struct flow_seen *find(struct flows *f, const uint8_t key[FRAME_KEY], uint64_t first)
{
	struct flow_seen *w;
	unsigned int i;

	for (i = 0; i < f->n; i++)
		if (!memcmp(f->flow[i].key, key, FRAME_KEY))
			return &f->flow[i];
	if (f->n == FLOWS)
		return NULL;
	w = &f->flow[f->n++];
	memcpy(w->key, key, FRAME_KEY);
	w->next = first;
	return w;
}

void flows_see(struct flows *f, const uint8_t key[FRAME_KEY], uint64_t number)
{
	struct flow_seen *w = find(f, key, number);

	if (!w)
		return;
	if (number > w->next) {
		f->lost += number - w->next;
	} else if (number < w->next && number) {
		f->late++; /* was counted as lost, if it was */
		return;
	}
	w->next = number + 1;
}

void flows_stream(struct flows *f, const uint8_t key[FRAME_KEY], uint32_t at, uint32_t len)
{
	struct flow_seen *w = find(f, key, at);
	uint32_t gap = w ? at - (uint32_t)w->next : 0;

	if (!w)
		return;
	if (gap && gap < UINT32_MAX / 2) {
		f->lost++;
	} else if (gap && at) {
		f->late++;
		return;
	}
	w->next = at + len;
}
