/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * node.c - dom0's nodes in the store: owner dom0, nobody writes, one
 * domain reads.
 */
#include "collector/collector.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool node_put(struct collector *c, uint16_t reader, const char *path, const char *value)
{
	if (xs_write(c->xsh, XBT_NULL, path, value, (unsigned int)strlen(value)) &&
	    xs_share(c->xsh, path, 0, reader))
		return true;
	log_warn("%s: cannot write: %s", path, strerror(errno));
	return false;
}

void node_remove(struct collector *c, const char *path)
{
	if (!xs_rm(c->xsh, XBT_NULL, path) && errno != ENOENT)
		log_warn("%s: cannot remove: %s", path, strerror(errno));
}

bool node_dir(struct collector *c, uint16_t domid, const char *name)
{
	char path[96];

	/* nodes made in it inherit its permissions: no moment without them */
	snprintf(path, sizeof(path), "/local/domain/%u/acctring%s%s", (unsigned int)domid,
		 name ? "/" : "", name ? name : "");
	if (xs_mkdir(c->xsh, XBT_NULL, path) && xs_share(c->xsh, path, 0, domid))
		return true;
	log_warn("%s: cannot make: %s", path, strerror(errno));
	return false;
}
