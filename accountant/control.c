/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/control.h"

#include "accountant/snapshot.h"
#include "accountant/worker.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/percent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE 512u
#define CLIENT_S 2
#define CLIENTS_MAX 16u

struct client {
	struct client *next;
	struct control *control;
	struct event *event;
	int fd;
	size_t n;
	char line[LINE];
};

struct control {
	struct worker *w;
	int listener;
	struct event *event;
	struct client *clients;
	unsigned int n;
	char path[128];
};

static void __attribute__((format(printf, 2, 3))) answer(struct client *c, const char *fmt, ...)
{
	char text[LINE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	n = n < (int)sizeof(text) - 1 ? n : (int)sizeof(text) - 2;
	text[n++] = '\n';
	if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		log_debug("%s: who commanded has left", c->control->path);
}

/* ------------------------------------------------------------------ */
/* Commands                                                            */

/* What is known here by that text; its UUID, so that it stays the same VM. */
static bool known_vm(struct worker *w, const char *text, char uuid[UUID_TEXT])
{
	bool found = false;

	urcu_memb_read_lock();
	for (const struct served *s = w->served.first; s && !found; s = s->next) {
		found = s->named && !s->gone &&
			domtext_is(text, s->is.uuid, s->is.domid, s->is.name);
		if (found)
			uuid_format(s->is.uuid, uuid);
	}
	urcu_memb_read_unlock();
	return found;
}

static bool known_driver(const struct worker *w, const char *text)
{
	for (const struct domain *d = w->domains; d; d = d->next)
		if (d->named && domtext_is(text, d->uuid, d->domid, d->name))
			return true;
	return false;
}

/* Why it changes nothing at the moment; "": it does. */
static const char *but(const struct worker *w)
{
	if (w->conf.guard == GUARD_OBSERVE)
		return "; nothing is limited while guard = \"observe\"";
	if (!allow_acts_somewhere(w))
		return "; nothing is limited while dom0 says observe: acctctl guard there, or "
		       "guard = \"on\" here";
	return "";
}

/* It is durable, or the one who commanded is told that it is not. */
static void conclude(struct client *c, const char *what)
{
	struct worker *w = c->control->w;

	allow_again(w);
	worker_try_commit(w);
	if (!w->ledger) {
		answer(c, "error %d the ledger cannot be written at the moment", EXIT_RUNTIME);
		return;
	}
	log_info("commanded: %s", what);
	answer(c, "ok %s%s", what, but(w));
}

static bool limited(const struct quotas *q, const char *vm, const char *driver)
{
	for (unsigned int i = 0; i < q->n; i++)
		if (q->item[i].ppm && !strcmp(q->item[i].vm, vm) &&
		    !strcmp(q->item[i].driver, driver))
			return true;
	return false;
}

/* A VM that is known goes by its UUID from here on, also where it was commanded before. */
static bool set_limit(struct worker *w, const char *vm, const char *uuid, const char *driver,
		      uint64_t ppm)
{
	bool named = strcmp(vm, uuid) != 0 && limited(&w->quotas, vm, driver);
	bool had = limited(&w->quotas, uuid, driver);

	if (!ppm && !named && !had)
		return false;
	/* the new one first: where there is no room for it the old one stays */
	if ((ppm || had) && !quota_set(&w->quotas, uuid, driver, ppm))
		return false;
	return !named || quota_set(&w->quotas, vm, driver, 0);
}

static void do_limit(struct client *c)
{
	struct worker *w = c->control->w;
	char vm[DOMTEXT], driver[DOMTEXT], uuid[DOMTEXT], what[2 * DOMTEXT + 64],
		part[PERCENT_TEXT];
	uint64_t ppm;
	bool known;

	if (!kv_get(c->line, "vm", vm, sizeof(vm)) || !domtext_ok(vm) ||
	    !kv_get(c->line, "driver", driver, sizeof(driver)) ||
	    !kv_u64(c->line, "ppm", PERCENT_MAX, &ppm) || (ppm && ppm < PERCENT_MIN))
		return answer(c, "error %d not understood", EXIT_USAGE);
	if (!strcmp(driver, "-"))
		driver[0] = 0;
	else if (!domtext_ok(driver) || !known_driver(w, driver))
		return answer(c, "error %d --driver %s: no such driver domain here", EXIT_ENV,
			      driver);
	snprintf(uuid, sizeof(uuid), "%s", vm);
	known = known_vm(w, vm, uuid);
	if (!known && strspn(vm, "0123456789") == strlen(vm))
		return answer(c,
			      "error %d %s: no such VM is served here, allowed: a domid that is, "
			      "or a name or UUID",
			      EXIT_ENV, vm);
	if (!set_limit(w, vm, uuid, driver, ppm))
		return answer(c, "error %d %s: %s", EXIT_RUNTIME, vm,
			      ppm ? "too many limits" : "no such limit was commanded");
	snprintf(what, sizeof(what), "%s %s%s%s%s", vm,
		 ppm ? percent_format(part, ppm) : "no limit", *driver ? " at " : "", driver,
		 known ? "" : "; no such VM is served here yet");
	conclude(c, what);
}

static void do_share(struct client *c)
{
	struct worker *w = c->control->w;
	uint64_t on;

	if (!kv_u64(c->line, "on", 1, &on))
		return answer(c, "error %d not understood", EXIT_USAGE);
	w->share_commanded = (int)on;
	w->share_dirty = true;
	w->share = on;
	conclude(c, on ? "share on" : "share off");
}

static void obey(struct client *c)
{
	if (!c->control->w->ledger)
		answer(c, "error %d the ledger cannot be written at the moment", EXIT_RUNTIME);
	else if (!strncmp(c->line, "limit ", 6))
		do_limit(c);
	else if (!strncmp(c->line, "share ", 6))
		do_share(c);
	else
		answer(c, "error %d this acctringd does not know that command", EXIT_USAGE);
}

static void load_limit(void *ctx, const char *vm, const char *driver, uint64_t ppm)
{
	struct worker *w = ctx;

	if (!quota_load(&w->quotas, vm, driver, ppm))
		die(EXIT_RUNTIME, "out of memory");
}

int control_load(struct worker *w)
{
	int err = ledger_load_limits(w->ledger, load_limit, w);

	if (!err)
		err = ledger_load_share(w->ledger, &w->share_commanded);
	w->share = w->share_commanded >= 0 ? w->share_commanded : w->conf.share;
	return err;
}

/* ------------------------------------------------------------------ */
/* Clients                                                             */

static void client_free(struct client *c)
{
	if (c->event)
		event_free(c->event);
	close(c->fd);
	free(c);
}

static void leave(struct client *c)
{
	struct client **p = &c->control->clients;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	c->control->n--;
	client_free(c);
}

static void on_line(evutil_socket_t fd, short what, void *ctx)
{
	struct client *c = ctx;
	ssize_t n = what & EV_READ ? recv(fd, c->line + c->n, LINE - 1 - c->n, MSG_DONTWAIT) : 0;
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		return leave(c);
	c->n += (size_t)n;
	c->line[c->n] = 0;
	end = memchr(c->line, '\n', c->n);
	if (!end && c->n < LINE - 1)
		return;
	if (end) {
		*end = 0;
		obey(c);
	}
	leave(c);
}

static void on_client(evutil_socket_t fd, short what, void *ctx)
{
	struct timeval limit = { CLIENT_S, 0 };
	struct control *ctl = ctx;
	struct client *c;
	int at = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (at < 0)
		return;
	c = ctl->n < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(at);
		return;
	}
	c->control = ctl;
	c->fd = at;
	c->next = ctl->clients;
	ctl->clients = c;
	ctl->n++;
	c->event = event_new(ctl->w->base, at, EV_READ | EV_PERSIST, on_line, c);
	if (!c->event || event_add(c->event, &limit))
		leave(c);
}

struct control *control_open(struct worker *w)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->w = w;
	snprintf(c->path, sizeof(c->path), "%s" CONTROL_SUFFIX, w->conf.socket);
	c->listener = snapshot_listen(c->path, 0600);
	c->event = c->listener < 0
			   ? NULL
			   : event_new(w->base, c->listener, EV_READ | EV_PERSIST, on_client, c);
	if (c->event && !event_add(c->event, NULL))
		return c;
	if (c->listener >= 0)
		close(c->listener);
	free(c);
	return NULL;
}

void control_close(struct control *c)
{
	struct client *x;

	if (!c)
		return;
	while ((x = c->clients)) {
		c->clients = x->next;
		client_free(x);
	}
	event_free(c->event);
	close(c->listener);
	unlink(c->path);
	free(c);
}
