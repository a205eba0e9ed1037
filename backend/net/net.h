/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net.h - the backend as a whole: its workers, and the switch that joins what
 * has no TAP.
 */
#ifndef BACKEND_NET_NET_H
#define BACKEND_NET_NET_H

#include "backend/net/worker.h"

struct net {
	struct backend *b;
	struct acctring_lane *lane; /* the main thread's */
	struct worker *worker;
	unsigned int workers;
	/* the switch; its lock is taken before those of queues and workers */
	pthread_rwlock_t topology;
	LIST_HEAD(, vif) vifs;
	struct fdb fdb;
};

#endif
