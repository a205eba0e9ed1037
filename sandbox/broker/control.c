/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Toolstack requests: domain 0 only, as domctl. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "sandbox/broker/control.h"

int uuid_parse_text(const char *s, uint8_t uuid[16])
{
	unsigned int byte;
	int i;

	for (i = 0; i < 16; i++, s += 2) {
		if (*s == '-' && i)
			s++;
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]) ||
		    sscanf(s, "%2x", &byte) != 1)
			return -EINVAL;
		uuid[i] = (uint8_t)byte;
	}
	return *s ? -EINVAL : 0;
}

void uuid_random(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16)
		memset(uuid, 0x5a, 16);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4 */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

/* data: name NUL uuid NUL; either may be empty. */
static int create(const struct xsb_msg *req)
{
	const char *name = (const char *)req->data, *id;
	char given[XSB_NAME];
	uint8_t uuid[16];
	size_t n;

	if (req->len < 2 || req->data[req->len - 1] != '\0' || req->a[0] >= DOMID_MAX)
		return -EINVAL;
	n = strlen(name);
	if (n >= XSB_NAME || n + 1 >= req->len)
		return -EINVAL;
	id = name + n + 1;
	if (!*id)
		uuid_random(uuid);
	else if (uuid_parse_text(id, uuid))
		return -EINVAL;
	snprintf(given, sizeof(given), "%s", name);
	if (!*given)
		snprintf(given, sizeof(given), "dom%u", (unsigned int)req->a[0]);
	return domain_create((uint32_t)req->a[0], given, uuid);
}

static int destroy(const struct xsb_msg *req)
{
	struct domain *d = domain_find((uint32_t)req->a[0]);

	if (!d)
		return -ESRCH;
	return d->domid ? domain_destroy(d) : -EINVAL;
}

#define MAX_PIDS 4096

static int list(const struct xsb_msg *req, struct xsb_msg *rep)
{
	static pid_t pids[MAX_PIDS];
	struct domain *d;

	for (d = TAILQ_FIRST(&broker.domains); d; d = TAILQ_NEXT(d, link)) {
		struct xsb_dominfo i = { .domid = d->domid, .dying = d->dying };

		if (d->domid < req->a[0])
			continue;
		if (rep->len + sizeof(i) > XSB_DATA)
			break;
		i.processes = (uint32_t)domain_pids(d, pids, MAX_PIDS);
		i.processes -= i.processes > 0; /* init is not theirs */
		i.cpu_ns = domain_cpu_ns(d);
		memcpy(i.uuid, d->uuid, sizeof(i.uuid));
		memcpy(i.name, d->name, sizeof(i.name));
		memcpy(rep->data + rep->len, &i, sizeof(i));
		rep->len += (uint32_t)sizeof(i);
	}
	return 0;
}

int control_call(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *fds,
		 int nfds)
{
	if (c->d->domid != 0)
		return -EPERM;
	switch (req->op) {
	case XSB_DOM_CREATE:
		return create(req);
	case XSB_DOM_DESTROY:
		return destroy(req);
	case XSB_DOM_LIST:
		return list(req, rep);
	case XSB_EXEC:
		return exec_call(c, req, fds, nfds);
	case XSB_SIGNAL:
		exec_signal(c, (int)req->a[0]);
		return 0;
	case XSB_FAULT:
		return fault_set(c, req);
	}
	return -ENOSYS;
}
