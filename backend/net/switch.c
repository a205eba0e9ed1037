/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The switch: joins the guests that have no TAP.  Frames are switched by all
 * workers at a time; ports come and go on the main thread.
 */
#include <stdlib.h>

#include "backend/net/net.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mac.h"
#include "common/xs.h"

/* The address that the toolstack gave; false: none. */
static bool read_mac(const struct vif *v, uint8_t mac[6])
{
	char *text = xs_readf(v->d->b->xsh, "%s/mac", v->d->dir);
	bool ok = text && mac_parse(text, mac);

	if (text && !ok)
		log_warn("vif %u/%u: mac: not an address", v->d->domid, v->d->id);
	free(text);
	return ok;
}

void switch_join(struct vif *v)
{
	struct net *net = v->net;
	uint8_t mac[6];
	/* xenstore is asked, and logs are written, while frames go on */
	bool known = read_mac(v, mac), given = true;

	pthread_rwlock_wrlock(&net->topology);
	fdb_port_init(&v->fdb, v);
	if (known) /* it is this port's and nobody else's */
		given = fdb_give(&net->fdb, &v->fdb, mac);
	LIST_INSERT_HEAD(&net->vifs, v, link);
	v->joined = true;
	pthread_rwlock_unlock(&net->topology);
	if (!given)
		log_warn("vif %u/%u: its mac is taken or a group's", v->d->domid, v->d->id);
}

void switch_leave(struct vif *v)
{
	pthread_rwlock_wrlock(&v->net->topology);
	fdb_forget(&v->net->fdb, &v->fdb);
	LIST_REMOVE(v, link);
	v->joined = false; /* its queues may be served for a while yet */
	pthread_rwlock_unlock(&v->net->topology);
}

void switch_begin(struct vif *from, struct frame *const *f, unsigned int n)
{
	struct net *net = from->net;
	bool known = true;
	unsigned int i;

	pthread_rwlock_rdlock(&net->topology);
	if (!from->joined)
		return;
	for (i = 0; known && i < n; i++)
		known = !f[i] || fdb_knows(&net->fdb, &from->fdb, f[i]->data + 6);
	if (known || !fdb_may_teach(&from->fdb, now_ms()))
		return;
	pthread_rwlock_unlock(&net->topology);
	pthread_rwlock_wrlock(&net->topology);
	for (i = 0; from->joined && i < n; i++)
		if (f[i])
			fdb_learn(&net->fdb, &from->fdb, f[i]->data + 6);
	pthread_rwlock_unlock(&net->topology);
	pthread_rwlock_rdlock(&net->topology);
}

void switch_end(struct net *net)
{
	pthread_rwlock_unlock(&net->topology);
}

/* The same for all frames of a connection, so that they stay in order. */
static unsigned int flow_hash(const struct frame *f)
{
	struct transport t;
	uint32_t h = 2166136261u;
	size_t from = 0, to = 12, i;

	if (transport_find(f->data, f->len, &t)) {
		from = t.ipv6 ? t.ip + 8 : t.ip + 12;
		to = from + (t.ipv6 ? 32 : 8);
		for (i = t.from; i < t.from + 4; i++)
			h = (h ^ f->data[i]) * 16777619u;
	}
	for (i = from; i < to; i++)
		h = (h ^ f->data[i]) * 16777619u;
	return h ^ h >> 16;
}

static void give(struct vif *to, struct frame *f, uint8_t klass, struct worker *by)
{
	unsigned int i = to->queues > 1 ? flow_hash(f) % to->queues : 0;

	queue_put(&to->queue[i], f, klass, by);
}

/* To the one port it is for, or to all others. */
void switch_frame(struct vif *from, struct frame *f, struct worker *by)
{
	struct net *net = from->net;
	struct fdb_port *to = NULL;
	struct vif *v;

	if (!fdb_is_group(f->data))
		to = fdb_find(&net->fdb, f->data);
	if (to) {
		if (to->owner != from)
			give(to->owner, f, ACCTRING_CLASS_RX, by);
		return;
	}
	LIST_FOREACH(v, &net->vifs, link)
		if (v != from)
			give(v, f, ACCTRING_CLASS_BROADCAST, by);
}
