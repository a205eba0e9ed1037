/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/net/flows.h"

#include <string.h>

void flows_see(struct flows *f, const uint8_t *frame, uint64_t number)
{
	struct flow *w = NULL;
	unsigned int i;

	for (i = 0; i < f->n && !w; i++)
		if (!memcmp(f->flow[i].address, frame, 12))
			w = &f->flow[i];
	if (!w) {
		if (f->n == FLOWS)
			return;
		w = &f->flow[f->n++];
		memcpy(w->address, frame, 12);
		w->next = number; /* what came before we listened is not lost */
	}
	if (number > w->next) {
		f->lost += number - w->next;
	} else if (number < w->next && number) {
		f->late++; /* was counted as lost, if it was */
		return;
	}
	w->next = number + 1;
}
