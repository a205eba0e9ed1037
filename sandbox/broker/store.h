/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store: xenstored itself, the broker's connection to it (it plays the
 * toolstack of domain 0), and what libxl would write for a domain.
 */
#ifndef SANDBOX_BROKER_STORE_H
#define SANDBOX_BROKER_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STORE_DIR "xenstored" /* in the sandbox's directory */
#define STORE_SOCKET STORE_DIR "/socket"

struct domain;
struct event_base;

/* ---- store_conn.c: requests to xenstored, answered in the loop ---- */

/* @err 0 and the answer, or -errno.  @data is NUL-terminated. */
typedef void store_done(void *arg, int err, const char *data, size_t len);

int store_connect(struct event_base *base, const char *path);
void store_disconnect(void);

/* @done may be NULL.  -ENOTCONN (done is not called) without a connection. */
int store_request(uint32_t type, uint32_t tx, const void *data, size_t len, store_done *done,
		  void *arg);
/* Calls made with @arg shall not call back any more. */
void store_forget(const void *arg);

/* ---- store_tree.c: as libxl writes it ---- */

/*
 * Make the tree of @d (domain 0 or another) in one transaction, retried on
 * conflict; for another than 0 also introduce it to xenstored with @port.
 * NULL: no memory or no connection; else @done is called once, later.
 */
struct store_tree;
struct store_tree *store_tree_make(struct domain *d, uint32_t port,
				   void (*done)(void *arg, int err), void *arg);
void store_tree_cancel(struct store_tree *t);
void store_tree_remove(const struct domain *d);

#endif
