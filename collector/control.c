/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * control.c - requests of acctctl, at the socket collector.sock in the
 * collector's run directory, which only its user can open.  A socket and not
 * nodes in the store: the answer comes at once and says what went wrong,
 * nobody there is told from nobody answering, and what lasts as long as a
 * command (hold) ends with it, however it ends.
 *
 * One line asks, the first line of the answer is "ok" or "error: ..":
 *
 *	mode observe|guard|debt	ok, and what is so now, for people
 *	entitle VM cap N | entitle VM weight N | entitle VM clear	the same
 *	hold VM			until the connection is closed
 *	show			then a line for each VM: owed_line()
 *
 * VM: domid, UUID or name.
 */
#include "collector/collector.h"
#include "collector/keep.h"
#include "collector/lock.h"
#include "common/kv.h"
#include "common/lines.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 4

struct caller {
	struct collector *c;
	struct asker *who;
};

/* The UUID that the word means, of a VM that lives or not. */
static bool find(struct caller *who, const char *text, uint8_t uuid[16])
{
	const struct domain *d = domains_find(&who->c->domains, text);

	if (d && d->domid) {
		memcpy(uuid, d->uuid, 16);
		return true;
	}
	if (!d && uuid_parse(text, uuid))
		return true;
	answer_line(who->who, "error: %s: no such VM, allowed: a name, a domid, a UUID", text);
	return false;
}

static struct debt_vm *find_vm(struct caller *who, const char *text)
{
	struct debt_vm *v;
	uint8_t uuid[16];

	if (!find(who, text, uuid))
		return NULL;
	v = vm_known(who->c, uuid);
	if (!v)
		answer_line(who->who, "error: %s: what is kept of it cannot be read", text);
	return v;
}

static void do_mode(struct caller *who, char **word)
{
	enum mode mode, was = who->c->debt.mode;
	char error[512];

	if (!word[1] || !mode_parse(word[1], &mode))
		answer_line(who->who, "error: mode: allowed: observe, guard, debt");
	else if (mode_set(who->c, mode, "acctctl", error, sizeof(error)))
		answer_line(who->who, "error: %s", error);
	else if (mode == was)
		answer_line(who->who, "ok mode %s, as before", mode_name(mode));
	else
		answer_line(who->who, "ok mode %s, was %s", mode_name(mode), mode_name(was));
}

/* false: the words are wrong. */
static bool want(uint16_t asked[KNOBS], char **word)
{
	uint64_t n;

	if (word[2] && !strcmp(word[2], "clear") && !word[3]) {
		asked[KNOB_CAP] = asked[KNOB_WEIGHT] = 0;
		return true;
	}
	if (!word[2] || !word[3] || !parse_u64(word[3], 65535, &n) || !n)
		return false;
	if (!strcmp(word[2], "cap"))
		asked[KNOB_CAP] = (uint16_t)n;
	else if (!strcmp(word[2], "weight"))
		asked[KNOB_WEIGHT] = (uint16_t)n;
	else
		return false;
	return true;
}

/* What it has a right to now, and by whose word. */
static void right(const struct entitle *e, enum knob_name which, char text[48])
{
	const char *name = which == KNOB_CAP ? "cap" : "weight";
	unsigned int n = entitle_of(e, which);

	if (!e->want[which] && !e->knob[which].known)
		snprintf(text, 48, "%s as found", name);
	else if (!n)
		snprintf(text, 48, "no %s (as found)", name);
	else
		snprintf(text, 48, "%s %u%s (as %s)", name, n, which == KNOB_CAP ? " %" : "",
			 e->want[which] ? "said" : "found");
}

static void answer_right(struct caller *who, const char *vm, const struct entitle *e)
{
	char cap[48], weight[48];

	right(e, KNOB_CAP, cap);
	right(e, KNOB_WEIGHT, weight);
	answer_line(who->who, "ok %s is entitled to: %s, %s", vm, cap, weight);
}

static void do_entitle(struct caller *who, char **word)
{
	struct collector *c = who->c;
	struct debt_vm *v = word[1] ? find_vm(who, word[1]) : NULL;
	uint16_t was[KNOBS], asked[KNOBS];
	int err;

	if (!v) {
		if (!word[1])
			answer_line(who->who, "error: entitle: a VM is missing");
		return;
	}
	memcpy(asked, v->e.want, sizeof(asked));
	if (!want(asked, word)) {
		answer_line(who->who,
			    "error: entitle: allowed: cap 1..65535, weight 1..65535, clear");
		return;
	}
	err = mode_hands(c); /* and then v->e may be another */
	/* what it has now is what was found, before that is written down */
	if (!err && v->here && sched_window_ms(v->kind) &&
	    !entitle_young(&v->e, v->domid, v->paused))
		actuate_see(&c->debt.hands, v->kind, &v->e, v->domid);
	memcpy(was, v->e.want, sizeof(was));
	if (!err) {
		want(v->e.want, word);
		err = keep_write(c->debt.hands.dir, &v->e);
	}
	if (err) {
		memcpy(v->e.want, was, sizeof(was));
		answer_line(who->who, "error: %s: %s", c->config.debt.entitlements, strerror(-err));
		return;
	}
	entitle_kept(&v->e);
	log_info("domain %u: entitled to cap %u, weight %u (0: as found), says acctctl",
		 (unsigned int)v->domid, (unsigned int)v->e.want[KNOB_CAP],
		 (unsigned int)v->e.want[KNOB_WEIGHT]);
	answer_right(who, word[1], &v->e);
}

static void let_go(void *ctx, void *what)
{
	struct debt_vm *v = what;

	(void)ctx;
	v->holds--;
}

static void do_hold(struct caller *who, char **word)
{
	struct debt_vm *v = word[1] ? find_vm(who, word[1]) : NULL;

	if (!v)
		return;
	v->holds++;
	v->why = DEBT_HELD;
	asker_keep(who->who, let_go, v); /* a VM that is held is not forgotten */
	windows_give_back(who->c, v, "held");
	if (knob_ours(&v->e.knob[KNOB_CAP]) || knob_ours(&v->e.knob[KNOB_WEIGHT]))
		answer_line(who->who, "error: it cannot be given back what it had");
	else
		answer_line(who->who, "ok");
}

static void do_show(struct caller *who)
{
	char line[OWED_LINE];
	size_t i;

	answer_line(who->who, "ok mode=%s", mode_name(who->c->debt.mode));
	for (i = 0; i < who->c->debt.vms; i++) {
		owed_line(who->c, who->c->debt.vm[i], line);
		answer_line(who->who, "%s", line);
	}
}

static void obey(struct caller *who, char *line)
{
	char *word[WORDS + 1] = { NULL }, *save;
	int n = 0;

	for (word[0] = strtok_r(line, " ", &save); n < WORDS && word[n];)
		word[++n] = strtok_r(NULL, " ", &save);
	if (!word[0])
		answer_line(who->who, "error: nothing asked");
	else if (!strcmp(word[0], "mode"))
		do_mode(who, word);
	else if (!strcmp(word[0], "entitle"))
		do_entitle(who, word);
	else if (!strcmp(word[0], "hold"))
		do_hold(who, word);
	else if (!strcmp(word[0], "show"))
		do_show(who);
	else
		answer_line(who->who, "error: %s: unknown", word[0]);
}

static void obey_line(void *ctx, struct asker *who, char *line)
{
	struct caller caller = { .c = ctx, .who = who };

	obey(&caller, line);
}

bool control_begin(struct collector *c)
{
	char path[108];

	if (!lock_dir_path(path, sizeof(path), CONTROL_SOCKET))
		return false;
	c->debt.lines = lines_open(c->base, path, obey_line, c);
	if (!c->debt.lines)
		log_error("%s: cannot listen: %s", path, strerror(errno));
	return c->debt.lines != NULL;
}

void control_end(struct collector *c)
{
	lines_close(c->debt.lines);
	c->debt.lines = NULL;
}
