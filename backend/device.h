/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * device.h - what the files about devices share among themselves.
 */
#ifndef BACKEND_DEVICE_H
#define BACKEND_DEVICE_H

#include "backend/backend.h"

/* watch.c */
void device_watch_front(struct device *d, bool on);
/* At what has no watch, each second; returns ms until then. */
int devices_look(struct backend *b, uint64_t now);

/* device.c */
/* Reads the states, does what is next. */
void device_look(struct device *d);
/* We go: serving ends, state Closed. */
void device_end(struct device *d);

/* retire.c */
/* The frontend's state is there for nobody: guest destroyed, or forced out. */
bool device_front_gone(struct device *d);
/* The toolstack has said so; a node that is missing says nothing. */
bool device_offline(struct device *d);
/*
 * Closed stands in our directory: removes it when nobody will want it again.
 * Then d->gone; or d->retire_at says when to call this again (0: when
 * something changes).
 */
void device_retire(struct device *d);

#endif
