/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flows.h - numbers of received test frames, by sender and destination:
 * what is missing?  Pure.
 */
#ifndef FRONTEND_NET_FLOWS_H
#define FRONTEND_NET_FLOWS_H

#include <stdint.h>

#define FLOWS 64u

struct flow {
	uint8_t address[12]; /* destination, source */
	uint64_t next;
};

struct flows {
	struct flow flow[FLOWS];
	unsigned int n;
	uint64_t lost, late;
};

/* A frame begins with its addresses.  Number 0: its sender began anew. */
void flows_see(struct flows *f, const uint8_t *frame, uint64_t number);

#endif
