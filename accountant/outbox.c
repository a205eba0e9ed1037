/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct outbox_msg {
	struct outbox_msg *next;
	size_t size;
	char data[];
};

static bool full(void)
{
	return errno == EAGAIN || errno == ENOBUFS || errno == EINTR;
}

static bool keep(struct outbox *o, const void *data, size_t size)
{
	struct outbox_msg *m = malloc(sizeof(*m) + size);

	if (!m)
		return false;
	m->next = NULL;
	m->size = size;
	memcpy(m->data, data, size);
	*(o->first ? o->last : &o->first) = m;
	o->last = &m->next;
	return true;
}

bool outbox_flush(struct outbox *o, int fd)
{
	struct outbox_msg *m;

	while ((m = o->first)) {
		if (send(fd, m->data, m->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return full();
		o->first = m->next;
		free(m);
	}
	return true;
}

bool outbox_send(struct outbox *o, int fd, const void *data, size_t size)
{
	if (!outbox_flush(o, fd))
		return false;
	if (!o->first && send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	return (o->first || full()) && keep(o, data, size);
}

void outbox_free(struct outbox *o)
{
	struct outbox_msg *m;

	while ((m = o->first)) {
		o->first = m->next;
		free(m);
	}
}
