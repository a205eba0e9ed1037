/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.h - the command line of acctring-netfront.
 */
#ifndef FRONTEND_NET_OPTIONS_H
#define FRONTEND_NET_OPTIONS_H

#include "frontend/net/netfront.h"

#define PROGRAM "acctring-netfront"

struct options {
	const char *device;
	uint8_t to[6], from[6];
	uint64_t size, rate, bits, runtime, count, stall, timeout, parallel, gso;
	struct net_how how;
	bool send, receive, filter, blank, hash, hello, progress, verbose, tcp, ipv6;
};
#define OPTIONS_INIT                                                              \
	{                                                                         \
		.size = 1500, .timeout = 10, .hello = true, .how = {.queues = 1 } \
	}

/* Dies where they are wrong. */
void options_take(struct options *o, int argc, char **argv);

#endif
