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
#include "common/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512
#define WORDS 4
#define ANSWER_MAX_S 10

struct caller {
	struct collector *c;
	struct bufferevent *bev;
	uint8_t held[16]; /* UUID */
	bool holds, asked;
};

static void __attribute__((format(printf, 2, 3))) answer(struct caller *who, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	evbuffer_add_vprintf(bufferevent_get_output(who->bev), fmt, ap);
	va_end(ap);
}

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
	answer(who, "error: %s: no such VM, allowed: a name, a domid, a UUID\n", text);
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
		answer(who, "error: %s: what is kept of it cannot be read\n", text);
	return v;
}

static void do_mode(struct caller *who, char **word)
{
	enum mode mode, was = who->c->debt.mode;
	char error[512];

	if (!word[1] || !mode_parse(word[1], &mode))
		answer(who, "error: mode: allowed: observe, guard, debt\n");
	else if (mode_set(who->c, mode, "acctctl", error, sizeof(error)))
		answer(who, "error: %s\n", error);
	else if (mode == was)
		answer(who, "ok mode %s, as before\n", mode_name(mode));
	else
		answer(who, "ok mode %s, was %s\n", mode_name(mode), mode_name(was));
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
	answer(who, "ok %s is entitled to: %s, %s\n", vm, cap, weight);
}

static void do_entitle(struct caller *who, char **word)
{
	struct collector *c = who->c;
	struct debt_vm *v = word[1] ? find_vm(who, word[1]) : NULL;
	uint16_t was[KNOBS], asked[KNOBS];
	int err;

	if (!v) {
		if (!word[1])
			answer(who, "error: entitle: a VM is missing\n");
		return;
	}
	memcpy(asked, v->e.want, sizeof(asked));
	if (!want(asked, word)) {
		answer(who, "error: entitle: allowed: cap 1..65535, weight 1..65535, clear\n");
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
		answer(who, "error: %s: %s\n", c->config.debt.entitlements, strerror(-err));
		return;
	}
	entitle_kept(&v->e);
	log_info("domain %u: entitled to cap %u, weight %u (0: as found), says acctctl",
		 (unsigned int)v->domid, (unsigned int)v->e.want[KNOB_CAP],
		 (unsigned int)v->e.want[KNOB_WEIGHT]);
	answer_right(who, word[1], &v->e);
}

static void do_hold(struct caller *who, char **word)
{
	struct debt_vm *v = word[1] ? find_vm(who, word[1]) : NULL;

	if (!v)
		return;
	v->holds++;
	v->why = DEBT_HELD;
	memcpy(who->held, v->e.uuid, 16);
	who->holds = true;
	windows_give_back(who->c, v, "held");
	if (knob_ours(&v->e.knob[KNOB_CAP]) || knob_ours(&v->e.knob[KNOB_WEIGHT]))
		answer(who, "error: it cannot be given back what it had\n");
	else
		answer(who, "ok\n");
}

static void do_show(struct caller *who)
{
	char line[OWED_LINE];
	size_t i;

	answer(who, "ok mode=%s\n", mode_name(who->c->debt.mode));
	for (i = 0; i < who->c->debt.vms; i++) {
		owed_line(who->c, who->c->debt.vm[i], line);
		answer(who, "%s\n", line);
	}
}

static void obey(struct caller *who, char *line)
{
	char *word[WORDS + 1] = { NULL }, *save;
	int n = 0;

	for (word[0] = strtok_r(line, " ", &save); n < WORDS && word[n];)
		word[++n] = strtok_r(NULL, " ", &save);
	if (!word[0])
		answer(who, "error: nothing asked\n");
	else if (!strcmp(word[0], "mode"))
		do_mode(who, word);
	else if (!strcmp(word[0], "entitle"))
		do_entitle(who, word);
	else if (!strcmp(word[0], "hold"))
		do_hold(who, word);
	else if (!strcmp(word[0], "show"))
		do_show(who);
	else
		answer(who, "error: %s: unknown\n", word[0]);
}

static void leave(struct caller *who)
{
	struct debt_vm *v = who->holds ? vm_by_uuid(who->c, who->held) : NULL;

	if (v && v->holds)
		v->holds--;
	bufferevent_free(who->bev);
	free(who);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	(void)bev;
	(void)what;
	leave(ctx); /* closed, failed, or said nothing for too long */
}

static void on_written(struct bufferevent *bev, void *ctx)
{
	struct caller *who = ctx;

	(void)bev;
	if (who->asked && !who->holds)
		leave(who);
}

static void on_line(struct bufferevent *bev, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct caller *who = ctx;
	char *line;

	if (who->asked) {
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
	if (!line) {
		if (evbuffer_get_length(in) > LINE_MAX_BYTES)
			leave(who);
		return;
	}
	who->asked = true;
	obey(who, line);
	free(line);
	if (who->holds)
		bufferevent_set_timeouts(bev, NULL, NULL);
}

static void on_caller(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len,
		      void *ctx)
{
	struct timeval most = { ANSWER_MAX_S, 0 };
	struct caller *who = calloc(1, sizeof(*who));
	struct collector *c = ctx;

	(void)l;
	(void)from;
	(void)len;
	if (who)
		who->bev = bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!who || !who->bev) {
		free(who);
		close(fd);
		return;
	}
	who->c = c;
	bufferevent_setcb(who->bev, on_line, on_written, on_event, who);
	bufferevent_set_timeouts(who->bev, &most, &most);
	bufferevent_enable(who->bev, EV_READ | EV_WRITE);
}

bool control_begin(struct collector *c)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	mode_t mask;

	if (!lock_dir_path(at.sun_path, sizeof(at.sun_path), CONTROL_SOCKET))
		return false;
	memcpy(c->debt.socket, at.sun_path, sizeof(c->debt.socket));
	unlink(at.sun_path); /* of one that was killed: we hold the lock */
	mask = umask(0177);
	c->debt.listener = evconnlistener_new_bind(c->base, on_caller, c,
						   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 8,
						   (struct sockaddr *)&at, sizeof(at));
	umask(mask);
	if (!c->debt.listener)
		log_error("%s: cannot listen: %s", at.sun_path, strerror(errno));
	return c->debt.listener != NULL;
}

void control_end(struct collector *c)
{
	if (!c->debt.listener)
		return;
	evconnlistener_free(c->debt.listener);
	c->debt.listener = NULL;
	unlink(c->debt.socket);
}
