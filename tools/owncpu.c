/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owncpu.c - see owncpu.h.
 */
#include "tools/owncpu.h"

#include "common/clock.h"
#include "common/kv.h"
#include "common/xenctrl.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 64u

struct owncpu_handle {
	xc_interface *xc;
};

static void silent(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
		   const char *context, const char *format, va_list al)
	__attribute__((format(printf, 5, 0)));
static void silent(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
		   const char *context, const char *format, va_list al)
{
	(void)logger;
	(void)level;
	(void)errnoval;
	(void)context;
	(void)format;
	(void)al;
}

static void destroy(struct xentoollog_logger *logger)
{
	(void)logger;
}

static struct xentoollog_logger quiet = { silent, NULL, destroy };

struct owncpu_handle *owncpu_open(void)
{
	struct owncpu_handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->xc = xc_interface_open(&quiet, &quiet, 0);
	if (h->xc)
		return h;
	free(h);
	return NULL;
}

void owncpu_close(struct owncpu_handle *h)
{
	if (!h)
		return;
	xc_interface_close(h->xc);
	free(h);
}

static bool add(struct owncpu *o, const xc_domaininfo_t *info)
{
	struct owncpu_domain *d = realloc(o->domain, (o->domains + 1) * sizeof(*d));

	if (!d)
		return false;
	o->domain = d;
	d += o->domains++;
	d->domid = info->domain;
	d->cpu_ns = info->cpu_time;
	uuid_format(info->handle, d->uuid);
	return true;
}

void owncpu_read(struct owncpu_handle *h, struct owncpu *now)
{
	xc_domaininfo_t info[BATCH];
	uint32_t first = 0;
	int i, n;

	memset(now, 0, sizeof(*now));
	now->t_ns = now_ns();
	do {
		n = h ? xc_domain_getinfolist(h->xc, first, BATCH, info) : 0;
		for (i = 0; i < n; i++) {
			first = info[i].domain + 1u;
			if (!add(now, &info[i]))
				return;
		}
	} while (n == (int)BATCH);
}

void owncpu_free(struct owncpu *o)
{
	free(o->domain);
	memset(o, 0, sizeof(*o));
}

static const struct owncpu_domain *find(const struct owncpu *o, uint64_t domid, const char *uuid)
{
	size_t i;

	for (i = 0; i < o->domains; i++)
		if (o->domain[i].domid == domid && !strcmp(o->domain[i].uuid, uuid))
			return &o->domain[i];
	return NULL;
}

bool owncpu_percent(const struct owncpu *before, const struct owncpu *now, uint64_t domid,
		    const char *uuid, double *percent)
{
	const struct owncpu_domain *a = find(before, domid, uuid), *b = find(now, domid, uuid);

	if (!a || !b || now->t_ns <= before->t_ns || b->cpu_ns < a->cpu_ns)
		return false;
	*percent = 100.0 * (double)(b->cpu_ns - a->cpu_ns) / (double)(now->t_ns - before->t_ns);
	return true;
}
