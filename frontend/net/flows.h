/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flows.h - numbers of received test frames, by sender, destination and
 * port: what is missing?  Pure.
 */
#ifndef FRONTEND_NET_FLOWS_H
#define FRONTEND_NET_FLOWS_H

#include <stdint.h>

#include "frontend/net/frame.h"

#define FLOWS 64u

struct flow_seen {
	uint8_t key[FRAME_KEY];
	uint64_t next;
};

struct flows {
	struct flow_seen flow[FLOWS];
	unsigned int n;
	uint64_t lost, late; /* frames; of streams: holes, and what came behind one */
};

/* Number 0: its sender began anew. */
void flows_see(struct flows *f, const uint8_t key[FRAME_KEY], uint64_t number);
/* A piece of a stream; positions are modulo 2^32. */
void flows_stream(struct flows *f, const uint8_t key[FRAME_KEY], uint32_t at, uint32_t len);

#endif
