/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * front.h - a frontend's side of a device: its place in xenstore, its
 * granted pages, its event channel, its way through the xenbus states.
 * One thread.  Functions that return bool have said on the log what failed.
 */
#ifndef FRONTEND_FRONT_H
#define FRONTEND_FRONT_H

#include <stdbool.h>
#include <stdint.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "common/xenbus.h"

struct front {
	struct xs_handle *xsh;
	xengntshr_handle *xgs;
	xenevtchn_handle *xce;
	evtchn_port_t port;
	int domid, backend; /* domains */
	char *dir, *back; /* their directories */
	int signals; /* signalfd of SIGTERM and SIGINT; blocked */
	int timeout_ms; /* for each step of the other end */
	bool watching;
};

/* kind: vbd, vif; device: its number, or NULL for the first that is there. */
bool front_open(struct front *f, const char *kind, const char *device, int timeout_ms);

/* Event channel `i`; 0 is f->port, which front_open() has made. */
bool front_port(struct front *f, unsigned int i, evtchn_port_t *port);

/* Pages for the backend, writable, zeroed; NULL: errno. */
void *front_share(struct front *f, unsigned int pages, uint32_t *refs);

/*
 * Brings both ends to the start of a connection: the backend has let go of
 * what an earlier process of ours gave it, and offers the device.  After
 * that ring pages may be initialised.
 */
bool front_begin(struct front *f);

bool front_write(struct front *f, const char *leaf, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A number from the backend's directory; `otherwise` when there is none. */
uint64_t front_back_u64(struct front *f, const char *leaf, uint64_t otherwise);

/* The nodes are written: state Initialised, and wait until it is connected. */
bool front_connect(struct front *f);

struct front_events {
	bool kicked; /* the event channel fired; it is unmasked again */
	bool told; /* the backend has written its state, the same or another */
	bool lost; /* it closes, or is gone */
	bool ended; /* SIGTERM, SIGINT */
};

/* Sleeps for at most timeout_ns (-1: for ever).  false: a device failed. */
bool front_sleep(struct front *f, int64_t timeout_ns, struct front_events *e);
void front_kick(struct front *f);
void front_kick_port(struct front *f, evtchn_port_t port);

/* Closing, Closed; waits for the backend, so that pages can be given back. */
void front_end(struct front *f);
void front_close(struct front *f);

#endif
