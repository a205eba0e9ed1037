/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domains.c - see domains.h.
 */
#include "collector/domains.h"

#include "common/clock.h"
#include "common/kv.h"
#include "common/xs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 64u

/* A name is one word of a line and of a message. */
static void take_name(char to[DOMAIN_NAME], const char *name)
{
	snprintf(to, DOMAIN_NAME, "%s", name);
	for (; *to; to++)
		if (!isgraph((unsigned char)*to))
			*to = '_';
}

static void find_name(struct domain *d, const struct domains *before, struct xs_handle *xsh)
{
	const struct domain *old = before ? domains_same(before, d->domid, d->uuid) : NULL;
	char *name;

	d->name[0] = '\0';
	if (old && old->name[0]) {
		memcpy(d->name, old->name, sizeof(d->name));
		return;
	}
	name = xs_readf(xsh, "/local/domain/%u/name", (unsigned int)d->domid);
	if (name)
		take_name(d->name, name);
	else if (!d->domid)
		take_name(d->name, "Domain-0");
	free(name);
}

static bool add(struct domains *now, const xc_domaininfo_t *info)
{
	struct domain *d;

	if (!(now->n & (now->n - 1))) {
		d = realloc(now->domain, (now->n ? now->n * 2 : 1) * sizeof(*d));
		if (!d)
			return false;
		now->domain = d;
	}
	d = &now->domain[now->n++];
	memset(d, 0, sizeof(*d));
	d->domid = info->domain;
	d->cpu_ns = info->cpu_time;
	d->pool = info->cpupool;
	d->vcpus = info->max_vcpu_id + 1;
	d->paused = info->flags & XEN_DOMINF_paused;
	d->stopped = info->flags & (XEN_DOMINF_paused | XEN_DOMINF_shutdown);
	memcpy(d->uuid, info->handle, 16);
	return true;
}

int domains_read(struct domains *now, const struct domains *before, xc_interface *xc,
		 struct xs_handle *xsh)
{
	xc_domaininfo_t info[BATCH];
	uint32_t first = 0;
	size_t k;
	int i, n;

	memset(now, 0, sizeof(*now));
	do {
		n = xc_domain_getinfolist(xc, first, BATCH, info);
		if (n < 0) {
			n = -errno;
			domains_free(now);
			return n;
		}
		for (i = 0; i < n; i++) {
			first = info[i].domain + 1u;
			if (info[i].flags & XEN_DOMINF_dying)
				continue;
			if (!add(now, &info[i])) {
				domains_free(now);
				return -ENOMEM;
			}
		}
	} while (n == (int)BATCH);
	now->t_ns = now_ns();
	for (k = 0; k < now->n; k++)
		find_name(&now->domain[k], before, xsh);
	return 0;
}

void domains_free(struct domains *d)
{
	free(d->domain);
	memset(d, 0, sizeof(*d));
}

bool domain_cpu(xc_interface *xc, uint16_t domid, const uint8_t uuid[16], uint64_t *ns)
{
	xc_domaininfo_t info;

	if (xc_domain_getinfolist(xc, domid, 1, &info) != 1 || info.domain != domid ||
	    memcmp(info.handle, uuid, 16) != 0)
		return false;
	*ns = info.cpu_time;
	return true;
}

const struct domain *domains_get(const struct domains *d, uint16_t domid)
{
	size_t low = 0, high = d->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (d->domain[mid].domid == domid)
			return &d->domain[mid];
		if (d->domain[mid].domid < domid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct domain *domains_same(const struct domains *d, uint16_t domid, const uint8_t uuid[16])
{
	const struct domain *found = domains_get(d, domid);

	return found && uuid_equal(found->uuid, uuid) ? found : NULL;
}

const struct domain *domains_by_uuid(const struct domains *d, const uint8_t uuid[16])
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (uuid_equal(d->domain[i].uuid, uuid))
			return &d->domain[i];
	return NULL;
}

const struct domain *domains_find(const struct domains *d, const char *text)
{
	uint8_t uuid[16];
	uint64_t domid;
	size_t i;

	if (parse_u64(text, UINT16_MAX, &domid))
		return domains_get(d, (uint16_t)domid);
	if (uuid_parse(text, uuid))
		return domains_by_uuid(d, uuid);
	for (i = 0; i < d->n; i++)
		if (!strcmp(d->domain[i].name, text))
			return &d->domain[i];
	return NULL;
}

bool domains_equal(const struct domains *a, const struct domains *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (a->domain[i].domid != b->domain[i].domid ||
		    !uuid_equal(a->domain[i].uuid, b->domain[i].uuid) ||
		    strcmp(a->domain[i].name, b->domain[i].name) != 0)
			return false;
	return true;
}
