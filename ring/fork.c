/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork: the child has no link.  Its lanes return at once, and what would
 * keep the parent's link alive after the parent (slot, devices, store) is
 * closed in it.
 */
#include "ring/link.h"

#include <unistd.h>

static pthread_mutex_t links_lock = PTHREAD_MUTEX_INITIALIZER;
static struct acctring *links;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_error;

static void fork_prepare(void)
{
	struct acctring *r;

	pthread_mutex_lock(&links_lock);
	for (r = links; r; r = r->next) {
		pthread_mutex_lock(&r->dev);
		pthread_mutex_lock(&r->lock);
	}
}

static void fork_release(void)
{
	struct acctring *r;

	for (r = links; r; r = r->next) {
		pthread_mutex_unlock(&r->lock);
		pthread_mutex_unlock(&r->dev);
	}
	pthread_mutex_unlock(&links_lock);
}

static void link_orphan(struct acctring *r)
{
	struct conn *c = &r->conn;
	unsigned int i;

	r->forked = true;
	for (i = 0; i < r->geo.lanes; i++)
		lane_kill(&r->lane[i]);
	if (c->xs)
		xs_daemon_destroy_postfork(c->xs);
	if (c->evtchn)
		xenevtchn_close(c->evtchn);
	if (c->gntshr)
		xengntshr_close(c->gntshr);
	if (c->slot_fd >= 0)
		close(c->slot_fd);
	close(r->wake_fd);
}

static void fork_child(void)
{
	struct acctring *r, *next;

	fork_release();
	slot_forget();
	for (r = links; r; r = next) {
		next = r->next;
		link_orphan(r);
	}
	links = NULL;
}

static void fork_register(void)
{
	once_error = pthread_atfork(fork_prepare, fork_release, fork_child);
}

int fork_enlist(struct acctring *r)
{
	pthread_once(&once, fork_register);
	if (once_error)
		return -once_error;
	pthread_mutex_lock(&links_lock);
	r->next = links;
	links = r;
	pthread_mutex_unlock(&links_lock);
	return 0;
}

void fork_delist(struct acctring *r)
{
	struct acctring **at;

	pthread_mutex_lock(&links_lock);
	for (at = &links; *at && *at != r; at = &(*at)->next)
		;
	if (*at)
		*at = r->next;
	pthread_mutex_unlock(&links_lock);
}
