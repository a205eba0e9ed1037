/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ring/link.h"
#include "ring/barrier.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define FIRST_TRY_MS 1000 /* after that it cannot shrink any more */
#define OWN_ROWS (ACCTRING_PAYERS_PER_PAGE - ACCTRING_PAYER_HOLE)

/* ------------------------------------------------------------------ */
/* Options                                                             */

/*
 * The caller was built with a header that is older or newer than ours: what
 * it does not know has its default, what we do not know is left out.
 */
static bool options_copy(struct acctring_options *o, const struct acctring_options *from)
{
	size_t size;

	*o = (struct acctring_options)ACCTRING_OPTIONS_INIT;
	if (!from)
		return true;
	size = from->size;
	if (size < sizeof(size))
		return false;
	memcpy(o, from, size < sizeof(*o) ? size : sizeof(*o));
	o->size = sizeof(*o);
	return true;
}

static bool options_ok(const struct acctring_options *o)
{
	if (o->lanes > ACCTRING_MAX_LANES || o->ring_pages < -1 ||
	    o->ring_pages > (int)ACCTRING_MAX_RING_PAGES ||
	    o->payers > ACCTRING_MAX_PAYER_PAGES * OWN_ROWS - 1 || o->accountant < -1 ||
	    o->accountant >= 0x7ff0)
		return false;
	return o->ring_pages <= 0 || !(o->ring_pages & (o->ring_pages - 1));
}

/* 0 and a copy in *o, or -EINVAL: out of range, or more than a link page can name. */
static int options_geometry(struct acctring_options *o, const struct acctring_options *options,
			    struct geometry *g)
{
	unsigned int ring_pages;

	if (!options_copy(o, options) || !options_ok(o))
		return -EINVAL;
	g->lanes = o->lanes ? o->lanes : 4;
	g->ring_pages = ring_pages = o->ring_pages < 0 ? 8 : (unsigned int)o->ring_pages;
	/* one row is our own */
	g->payer_pages = ((o->payers ? o->payers : OWN_ROWS - 1) + OWN_ROWS) / OWN_ROWS;
	g->ring_pages = 0;
	if (geometry_refs(g) > ACCTRING_MAX_REFS)
		return -EINVAL;
	g->ring_pages = ring_pages;
	return 0;
}

int acctring_pages(const struct acctring_options *options, bool least)
{
	struct acctring_options o;
	struct geometry g;
	int ret = options_geometry(&o, options, &g);

	if (ret)
		return ret;
	if (least)
		g.ring_pages = 0;
	return (int)(1 + geometry_refs(&g));
}

/* ------------------------------------------------------------------ */
/* Open                                                                */

uint64_t random_epoch(void)
{
	uint64_t v = 0;

	while (!v)
		if (getrandom(&v, sizeof(v), 0) != sizeof(v))
			v = 0;
	return v;
}

static void set_program(struct acctring *r, const char *name)
{
	size_t i;

	if (!name)
		name = program_invocation_short_name;
	for (i = 0; i < sizeof(r->program) - 1 && name[i]; i++)
		r->program[i] = name[i] < ' ' || name[i] > '~' ? '?' : name[i];
}

static void link_free(struct acctring *r)
{
	struct pages *p;
	unsigned int i;

	while (!r->forked && (p = r->sets)) {
		r->sets = p->next;
		pages_free(p);
	}
	for (i = 0; r->lane && i < r->geo.lanes; i++) {
		free(r->lane[i].pub.spent);
		free(r->lane[i].denied);
	}
	free(r->lane);
	free(r->row);
	if (!r->forked) {
		if (r->wake_fd >= 0)
			close(r->wake_fd);
		pthread_cond_destroy(&r->changed);
		pthread_mutex_destroy(&r->lock);
		pthread_mutex_destroy(&r->dev);
	}
	free(r);
}

static int link_lanes(struct acctring *r)
{
	uint32_t payers = geometry_payers(&r->geo);
	unsigned int i;

	r->lane = aligned_alloc(ACCTRING_LINE, r->geo.lanes * sizeof(*r->lane));
	if (!r->lane)
		return -ENOMEM;
	memset(r->lane, 0, r->geo.lanes * sizeof(*r->lane));
	for (i = 0; i < r->geo.lanes; i++) {
		struct lane *l = &r->lane[i];

		l->number = i;
		l->link = r;
		l->pub.spent = malloc(payers * sizeof(uint64_t));
		l->denied = malloc(payers * sizeof(*l->denied));
		if (!l->pub.spent || !l->denied)
			return -ENOMEM;
		/* touched here, not first while posting */
		memset(l->pub.spent, 0, payers * sizeof(uint64_t));
		memset(l->denied, 0, payers * sizeof(*l->denied));
	}
	return 0;
}

static struct acctring *link_new(const struct acctring_options *o, const struct geometry *g)
{
	struct acctring *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r)
		return NULL;
	r->geo = *g;
	r->accountant = o->accountant;
	r->epoch = random_epoch();
	r->conn.slot = r->conn.slot_fd = -1;
	set_program(r, o->program);
	r->features = o->flags & ACCTRING_OPEN_NEVER_ASKS ? ACCTRING_FEATURE_NEVER_ASKS : 0;
	r->features |= o->flags & ACCTRING_OPEN_TELLS_ALL ? ACCTRING_FEATURE_TELLS_ALL : 0;
	clock_calibrate(&r->counter, &r->mult, &r->shift);
	pthread_mutex_init(&r->dev, NULL);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->rows = g->payer_pages * OWN_ROWS - 1;
	r->row = calloc(geometry_payers(g), sizeof(*r->row));
	if (r->wake_fd < 0 || !r->row || link_lanes(r)) {
		link_free(r);
		errno = ENOMEM;
		return NULL;
	}
	r->row[ACCTRING_PAYER_OWN].state = ACCTRING_PAYER_OPEN;
	r->row_next = ACCTRING_PAYER_OWN + 1;
	return r;
}

static int link_start(struct acctring *r)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&r->thread, NULL, control_main, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret ? -EAGAIN : 0;
}

/* Under the lock: waits for a flag that the control thread sets. */
static bool link_wait(struct acctring *r, const bool *flag, unsigned int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	while (!*flag)
		if (pthread_cond_timedwait(&r->changed, &r->lock, &ts))
			break;
	return *flag;
}

/* The first attempt gets a moment; without it the pages are private. */
static int link_settle(struct acctring *r)
{
	struct pages *p;
	int ret = 0;

	pthread_mutex_lock(&r->lock);
	link_wait(r, &r->tried, FIRST_TRY_MS);
	if (!r->sets && r->error == -ENOSPC) {
		ret = -ENOSPC;
	} else if (!r->sets) {
		p = pages_local(&r->geo);
		ret = p ? link_install(r, p) : -ENOMEM;
	}
	r->frozen = true;
	pthread_mutex_unlock(&r->lock);
	return ret;
}

/* Ends the control thread; false if xenstore keeps it: it keeps the memory. */
static bool link_stop(struct acctring *r, unsigned int wait_ms)
{
	const uint64_t one = 1;
	bool gone;

	pthread_mutex_lock(&r->lock);
	r->closing = true;
	r->wait_ms = wait_ms;
	if (write(r->wake_fd, &one, sizeof(one)) < 0)
		r->wait_ms = wait_ms; /* full: it is awake already */
	gone = link_wait(r, &r->gone, wait_ms + 3000);
	pthread_mutex_unlock(&r->lock);
	if (gone)
		pthread_join(r->thread, NULL);
	else
		pthread_detach(r->thread);
	return gone;
}

struct acctring *acctring_open(const struct acctring_options *options)
{
	struct acctring_options o;
	struct geometry g;
	struct acctring *r;
	bool gone = true;
	int ret = options_geometry(&o, options, &g);

	if (ret) {
		errno = -ret;
		return NULL;
	}
	while (geometry_refs(&g) > ACCTRING_MAX_REFS)
		g.ring_pages /= 2;
	r = link_new(&o, &g);
	if (!r)
		return NULL;
	ret = fork_enlist(r);
	if (!ret)
		ret = link_start(r);
	if (!ret) {
		ret = link_settle(r);
		if (!ret)
			return r;
		gone = link_stop(r, 0);
	}
	fork_delist(r);
	if (gone)
		link_free(r);
	errno = -ret;
	return NULL;
}

int acctring_close(struct acctring *r, unsigned int wait_ms)
{
	bool gone = true;
	unsigned int i;
	int left;

	if (wait_ms > 60000)
		return -EINVAL;
	if (!r->forked) {
		pthread_mutex_lock(&r->lock);
		for (i = 0; i < r->geo.lanes; i++)
			if (r->lane[i].open)
				lane_shut(&r->lane[i]);
		pthread_mutex_unlock(&r->lock);
		gone = link_stop(r, wait_ms);
		fork_delist(r);
	}
	left = r->left > INT32_MAX ? INT32_MAX : (int)r->left;
	if (gone)
		link_free(r);
	return left;
}
