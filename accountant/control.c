/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/control.h"

#include "accountant/snapshot.h"
#include "accountant/worker.h"
#include "common/kv.h"
#include "common/lines.h"
#include "common/log.h"
#include "common/percent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
	struct worker *w;
	struct asker *who;
	const char *line;
};

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
	struct worker *w = c->w;

	allow_again(w);
	worker_try_commit(w);
	if (!w->ledger) {
		answer_line(c->who, "error %d the ledger cannot be written at the moment",
			    EXIT_RUNTIME);
		return;
	}
	log_info("commanded: %s", what);
	answer_line(c->who, "ok %s%s", what, but(w));
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
	struct worker *w = c->w;
	char vm[DOMTEXT], driver[DOMTEXT], uuid[DOMTEXT], what[2 * DOMTEXT + 64],
		part[PERCENT_TEXT];
	uint64_t ppm;
	bool known;

	if (!kv_get(c->line, "vm", vm, sizeof(vm)) || !domtext_ok(vm) ||
	    !kv_get(c->line, "driver", driver, sizeof(driver)) ||
	    !kv_u64(c->line, "ppm", PERCENT_MAX, &ppm) || (ppm && ppm < PERCENT_MIN))
		return answer_line(c->who, "error %d not understood", EXIT_USAGE);
	if (!strcmp(driver, "-"))
		driver[0] = 0;
	else if (!domtext_ok(driver) || !known_driver(w, driver))
		return answer_line(c->who, "error %d --driver %s: no such driver domain here",
				   EXIT_ENV, driver);
	snprintf(uuid, sizeof(uuid), "%s", vm);
	known = known_vm(w, vm, uuid);
	if (!known && strspn(vm, "0123456789") == strlen(vm))
		return answer_line(
			c->who,
			"error %d %s: no such VM is served here, allowed: a domid that is, "
			"or a name or UUID",
			EXIT_ENV, vm);
	if (!set_limit(w, vm, uuid, driver, ppm))
		return answer_line(c->who, "error %d %s: %s", EXIT_RUNTIME, vm,
				   ppm ? "too many limits" : "no such limit was commanded");
	snprintf(what, sizeof(what), "%s %s%s%s%s", vm,
		 ppm ? percent_format(part, ppm) : "no limit", *driver ? " at " : "", driver,
		 known ? "" : "; no such VM is served here yet");
	conclude(c, what);
}

static void do_share(struct client *c)
{
	struct worker *w = c->w;
	uint64_t on;

	if (!kv_u64(c->line, "on", 1, &on))
		return answer_line(c->who, "error %d not understood", EXIT_USAGE);
	w->share_commanded = (int)on;
	w->share_dirty = true;
	w->share = on;
	conclude(c, on ? "share on" : "share off");
}

static void obey(void *ctx, struct asker *who, char *line)
{
	struct client client = { .w = ctx, .who = who, .line = line }, *c = &client;

	if (!c->w->ledger)
		answer_line(c->who, "error %d the ledger cannot be written at the moment",
			    EXIT_RUNTIME);
	else if (!strncmp(c->line, "limit ", 6))
		do_limit(c);
	else if (!strncmp(c->line, "share ", 6))
		do_share(c);
	else
		answer_line(c->who, "error %d this acctringd does not know that command",
			    EXIT_USAGE);
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

struct lines *control_open(struct worker *w)
{
	char path[128];

	snprintf(path, sizeof(path), "%s" CONTROL_SUFFIX, w->conf.socket);
	return lines_open(w->base, path, obey, w);
}
