/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domains. One that is destroyed loses its processes, then its connections, its
 * grants that nobody maps and its ports; if pages of it are still mapped it
 * stays as a zombie (listed as dying) until the last is unmapped. As in Xen, a
 * page of a zombie that is mapped may be mapped again; the others are gone.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/xen.h>

#include "sandbox/broker/control.h"
#include "sandbox/broker/event.h"
#include "sandbox/broker/grant.h"

struct domain *domain_find(uint32_t domid)
{
	struct domain *d;

	TAILQ_FOREACH(d, &broker.domains, link)
		if (d->domid == domid)
			return d;
	return NULL;
}

static void insert_sorted(struct domain *d)
{
	struct domain *at;

	TAILQ_FOREACH(at, &broker.domains, link)
		if (at->domid > d->domid) {
			TAILQ_INSERT_BEFORE(at, d, link);
			return;
		}
	TAILQ_INSERT_TAIL(&broker.domains, d, link);
}

static void tell_dom0(struct domain *but)
{
	struct domain *d0 = domain_find(0);

	if (d0 && d0 != but && !d0->dying)
		event_virq(d0, VIRQ_DOM_EXC);
}

static void domain_free(struct domain *d)
{
	TAILQ_REMOVE(&broker.domains, d, link);
	modules_domain_free(d);
	grant_table_free(d);
	event_table_free(d);
	tell_dom0(d);
	free(d);
}

void domain_put_mapped(struct domain *d)
{
	if (--d->mapped == 0 && d->dead)
		domain_free(d);
}

static void close_clients(struct domain *d)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&broker.clients); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->d == d)
			client_close(c);
	}
}

int domain_destroy(struct domain *d)
{
	if (d->dying)
		return 0;
	d->dying = true;
	domain_kill_processes(d);
	init_gone(d);
	close_clients(d);
	grant_table_end(d);
	event_table_end(d);
	modules_domain_dead(d);
	d->dead = true;
	tell_dom0(d);
	if (d->mapped == 0)
		domain_free(d);
	return 0;
}

int domain_create(uint32_t domid, const char *name, const uint8_t uuid[16])
{
	struct domain *d;
	int rc;

	if (domid >= DOMID_MAX)
		return -EINVAL;
	if (domain_find(domid))
		return -EEXIST;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->domid = domid;
	d->init_fd = -1;
	memcpy(d->uuid, uuid, sizeof(d->uuid));
	snprintf(d->name, sizeof(d->name), "%s", name);
	TAILQ_INIT(&d->spawns);
	rc = grant_table_create(d);
	if (rc == 0)
		rc = event_table_create(d);
	if (rc) {
		free(d->gt);
		free(d);
		return rc;
	}
	insert_sorted(d);
	rc = init_start(d);
	if (rc == 0)
		rc = modules_domain_create(d);
	if (rc)
		domain_destroy(d);
	return rc;
}
