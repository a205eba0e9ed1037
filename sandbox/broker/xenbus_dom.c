/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The xenbus device of each domain but 0: its ring page (grant 1), its port,
 * its socket, and its introduction to xenstored, which completes in the loop;
 * until then its processes' requests wait in the socket.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "sandbox/broker/broker.h"
#include "sandbox/broker/store.h"
#include "sandbox/broker/xenbus.h"
#include "sandbox/shim/ctrl_wire.h"

#define XENSTORE_REF 1 /* GNTTAB_RESERVED_XENSTORE */

struct device {
	struct domain *d;
	struct xenbus *xb;
	struct store_tree *tree; /* being made */
	uint32_t port;
};

static void notify(void *arg)
{
	struct device *dev = arg;

	event_send(dev->d, dev->port);
}

static bool take_eagain(void *arg)
{
	struct device *dev = arg;

	if (!dev->d->faults.store_eagain)
		return false;
	dev->d->faults.store_eagain--;
	return true;
}

static const struct xenbus_ops ops = {
	.notify = notify,
	.take_eagain = take_eagain,
};

static void on_port(void *arg)
{
	struct device *dev = arg;

	if (dev->xb)
		xenbus_event(dev->xb);
}

static void on_tree(void *arg, int err)
{
	struct device *dev = arg;

	dev->tree = NULL;
	if (!err) {
		xenbus_start(dev->xb);
		return;
	}
	say("domain %u: no store: %s", dev->d->domid, strerror(-err));
	xenbus_close(dev->xb);
	dev->xb = NULL;
}

static void socket_path(const struct domain *d, char *buf, size_t size)
{
	snprintf(buf, size, "%s/xenbus.%u", broker.dir, d->domid);
}

static int open_device(struct device *dev)
{
	struct xenstore_domain_interface *ring;
	struct domain *d = dev->d;
	char path[300];
	int port;

	ring = grant_reserved(d, XENSTORE_REF, 0, NULL);
	if (!ring)
		return -errno;
	port = event_alloc_internal(d, 0, on_port, dev);
	if (port < 0)
		return port;
	dev->port = (uint32_t)port;
	socket_path(d, path, sizeof(path));
	return xenbus_open(&dev->xb, broker.base, path, ring, &ops, dev);
}

static int xenbus_domain_create(struct domain *d)
{
	struct device *dev;
	int rc;

	if (!d->domid)
		return 0;
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	dev->d = d;
	rc = open_device(dev);
	if (!rc) {
		dev->tree = store_tree_make(d, dev->port, on_tree, dev);
		rc = dev->tree ? 0 : -EIO;
	}
	if (rc) {
		if (dev->xb)
			xenbus_close(dev->xb);
		free(dev);
		return rc;
	}
	d->module[MODULE_XENBUS] = dev;
	return 0;
}

static void xenbus_domain_dead(struct domain *d)
{
	struct device *dev = d->module[MODULE_XENBUS];

	if (!dev)
		return;
	if (dev->tree)
		store_tree_cancel(dev->tree);
	if (dev->xb)
		xenbus_close(dev->xb);
	d->module[MODULE_XENBUS] = NULL;
	free(dev);
}

static void xenbus_domain_env(struct domain *d, struct envlist *env)
{
	char path[300];

	if (!d->domid)
		return;
	socket_path(d, path, sizeof(path));
	env_set(env, "XENSTORED_PATH", path);
}

static int xenbus_handle(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *fds,
			 int nfds)
{
	struct device *dev;
	struct domain *d;

	(void)c, (void)rep, (void)fds, (void)nfds;
	if (req->op != CTL_STORE_READY)
		return -ENOSYS;
	d = req->a[0] < DOMID_MAX ? domain_find((uint32_t)req->a[0]) : NULL;
	if (!d || d->dying)
		return -ESRCH;
	if (!d->domid)
		return 0;
	dev = d->module[MODULE_XENBUS];
	if (dev->tree)
		return -EAGAIN;
	return dev->xb ? 0 : -EIO;
}

const struct module xenbus_module = {
	.name = "xenbus",
	.domain_create = xenbus_domain_create,
	.domain_dead = xenbus_domain_dead,
	.domain_env = xenbus_domain_env,
	.handle = xenbus_handle,
};
