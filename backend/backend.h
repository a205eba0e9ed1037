/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * backend.h - what the backends have in common: options, the devices that
 * the toolstack gave us, their xenbus states, the link, the end.
 *
 * The main thread does all xenstore work.  A backend serves its devices on
 * threads of its own.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stdbool.h>
#include <sys/queue.h>

#include "backend/bill.h"
#include "common/xenbus.h"

struct backend;
struct device;

/* How a guest's pages are reached: whichever costs less, or as the option says. */
enum grants { GRANTS_AUTO, GRANTS_MAP, GRANTS_COPY };

struct backend_ops {
	const char *program, *about;
	const char *kind; /* default of --kind */
	const char *frontend; /* the guest's directory: vbd, vif */
	const char *rival; /* the kernel's module that serves such */
	unsigned int acct_kind;
	unsigned int lanes; /* of devices, by default; 0: threads serve them all, see below */
	unsigned int max_lanes;
	unsigned int queues, max_queues; /* of a device */
	unsigned int max_threads; /* with a lane each, and one for the main thread; 0: no such */
	/* 0 or -errno.  Sets b->fd: readable when turn() has work. */
	int (*start)(struct backend *b);
	void (*stop)(struct backend *b);
	/* Does bounded work; returns ms until it wants to be called again, -1: b->fd. */
	int (*turn)(struct backend *b);
	/* Publishes what the device is and can. 0, or -errno and device_fail()ed. */
	int (*offer)(struct device *d);
	/* Maps the frontend's rings; then serves.  As above. */
	int (*connect)(struct device *d);
	/* Ends serving.  false: not yet, device_stopped() will be called. */
	bool (*disconnect)(struct device *d);
	/* The device goes; it is disconnected. */
	void (*release)(struct device *d);
};

/* One directory backend/<kind>/<frontend>/<id>. */
struct device {
	LIST_ENTRY(device) link;
	struct backend *b;
	unsigned int domid, id;
	char *dir; /* ours */
	char *front; /* the frontend's; NULL until the toolstack wrote it */
	enum xenbus_state own, written;
	bool dirty; /* look at it in this turn */
	bool failed; /* error told; wait until the frontend lets go */
	bool serving; /* connect() succeeded, disconnect() not complete */
	bool refused; /* another backend's: told, and not touched */
	bool gone; /* the toolstack removed it, or we have */
	bool watched; /* its frontend's state is */
	bool again; /* the store failed: to be looked at again */
	bool kept; /* its directory cannot be removed: told */
	uint64_t retire_at; /* ms: when to remove its directory; 0: not decided */
	enum xenbus_state after; /* state to write when serving ended */
	/*
	 * From the first connection until the toolstack removes the device:
	 * a guest that connects a thousand times does not use up the rows.
	 */
	struct payer payer;
	void *data; /* of the backend */
};

LIST_HEAD(device_list, device);

struct backend {
	const struct backend_ops *ops;
	const char *kind, *totals_file;
	struct acctring_options options;
	unsigned int most_devices, queues, threads; /* as the options say */
	const char *bridge; /* of devices whose directory names none, or NULL */
	bool switched; /* all are joined with each other, bridge or not */
	enum grants grants;
	struct xs_handle *xsh;
	int domid;
	char root[128]; /* /local/domain/<own>/backend/<kind> */
	int signals; /* signalfd */
	int fd;
	struct bill bill;
	struct device_list devices;
	bool rescan, ending;
	/* of watch.c */
	bool rooted; /* the root is watched */
	bool lost, told_lost; /* the connection to the store is */
	unsigned int watches, room, told_room; /* that we have, may have, said so */
	uint64_t look_at, watch_at, room_until; /* ms */
	int link_error; /* as it was told; 0: none */
	uint64_t link_seen; /* ms: when it was looked at */
	void *data;
};

/* The whole program. */
int backend_main(const struct backend_ops *ops, int argc, char **argv);

/* options.c: dies where they are wrong */
void backend_options(struct backend *b, int argc, char **argv);

/* watch.c: false: the store is lost */
bool devices_watch(struct backend *b);
/* devices.c */
/* Takes watch events, bounded. */
void devices_events(struct backend *b);
/* Returns ms until it wants to be called again, -1: when something happens. */
int devices_turn(struct backend *b);
/* Closes all; true when none is left. */
bool devices_close(struct backend *b);

/* device.c */
/* The error is logged, written to the device's directory; state Closing. */
void device_fail(struct device *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Serving ended that disconnect() could not end at once. */
void device_stopped(struct device *d);
/* Serving broke; `why` is told to all, and the device is closed. */
void device_broken(struct device *d, const char *why);

/* Numbers from the frontend's directory; false: absent or no number up to max. */
bool device_front_u64(struct device *d, const char *leaf, uint64_t max, uint64_t *out);
/* Nodes of our own directory, all or none; false and errno. */
bool device_publish(struct device *d, const struct xenbus_node *nodes, unsigned int n);

#endif
