/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vbd.h - a connected virtual disk.  One thread serves it, with a lane of
 * its own, so a slow file delays nobody else and the kernel divides the CPU.
 */
#ifndef BACKEND_BLOCK_VBD_H
#define BACKEND_BLOCK_VBD_H

#include <pthread.h>
#include <stdatomic.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "backend/backend.h"
#include "backend/block/check.h"

/* entries of a ring of one page */
#define VBD_RING __CONST_RING_SIZE(blkif, XENBUS_PAGE)

struct vbd {
	struct device *d;
	struct vbd *next; /* in the list of those that end */
	/* the file: from offer to release */
	int file;
	struct disk disk;
	/* the connection */
	pthread_t thread;
	int wake; /* eventfd: the main thread wants the end */
	xengnttab_handle *xgt;
	xenevtchn_handle *xce;
	evtchn_port_t port;
	struct blkif_back_ring ring;
	struct acctring_lane *lane;
	/* the frontend's index when we last looked; it never goes back */
	uint32_t seen_to;
	/* the counter when each request in the ring was first seen */
	uint64_t seen_at[VBD_RING], event_at;
	const char *broken; /* why the thread ended by itself, or NULL */
};

/* file.c: 0 or -errno; *fail says what is wrong with the toolstack's nodes. */
int vbd_open_file(struct vbd *v, char *fail, size_t size);
/* Waits for the grant device and for the file.  Returns the status to answer. */
int16_t vbd_do_request(struct vbd *v, const struct request *r);

/* ring.c */
enum served { SERVED_ALL, SERVED_SOME, SERVED_BLOCKED, SERVED_BROKEN };
/*
 * Takes at most `max` requests off the ring, serves and answers them.
 * *taken: how many.  v->event_at: the counter when an event came, or 0.
 */
enum served vbd_serve(struct vbd *v, unsigned int max, unsigned int *taken);

/* thread.c: serves until woken or broken, then reports to the main thread. */
void *vbd_thread(void *vbd);
void vbd_ended(struct vbd *v);

#endif
