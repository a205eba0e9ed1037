/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plug.h - a device's nodes in xenstore, as a toolstack writes them.  In
 * dom0.  Errors are one line in `error`; what is returned is an exit status.
 */
#ifndef TOOLS_PLUG_H
#define TOOLS_PLUG_H

#include <stdbool.h>
#include <stdint.h>
#include <xenstore.h>

#include "common/xenbus.h"

#define PLUG_ERROR 400
#define PLUG_PATH 128

struct plug {
	struct xs_handle *xsh;
	unsigned int guest, backend; /* domids */
	const char *front_kind; /* vbd, vif */
	const char *back_kind; /* abd, avif, .. */
	uint32_t devid;
	char kind[33]; /* where plug_find() keeps back_kind */
	char error[PLUG_ERROR];
	/* made by plug_paths() */
	char front[PLUG_PATH], back[PLUG_PATH], record[PLUG_PATH];
};

/* The text into p->error; returns `status`. */
int plug_fail(struct plug *p, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* By errno. */
int plug_store_failed(struct plug *p, const char *path);
bool plug_write(struct xs_handle *xsh, xs_transaction_t t, const char *dir, const char *leaf,
		const char *value);

/* A domid or a name; `what` is for the error text. */
int plug_domain(struct plug *p, const char *what, const char *text, unsigned int *domid);
void plug_paths(struct plug *p);
/* Reads the record of a device that is there: backend and back_kind, then paths. */
int plug_find(struct plug *p, const char *front_kind, uint32_t devid, bool *found);

/*
 * All nodes in one transaction; never where there is a device of that
 * number.  front and back end with a NULL leaf.
 */
int plug_attach(struct plug *p, const struct xenbus_node *front, const struct xenbus_node *back);
/* Waits until both ends are Connected. */
int plug_wait(struct plug *p, unsigned int seconds);
/*
 * Unplugs, waits for the guest and the backend, then removes the guest's and
 * dom0's nodes.  force: the guest is not asked, and after the time what is
 * left is removed all the same.
 */
int plug_detach(struct plug *p, unsigned int seconds, bool force);

/* vdev.c: xvda..xvdzz, with a partition or not, or a number.  Pure. */
bool vdev_parse(const char *text, uint32_t *devid);
/* "xvda" of 51712; "" when it has no such name. */
void vdev_name(uint32_t devid, char name[16]);

#endif
