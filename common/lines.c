/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/lines.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_S 10
#define ASKERS_MAX 16u

struct lines {
	struct event_base *base;
	struct evconnlistener *listener;
	struct asker *askers;
	unsigned int n; /* of them, without those that are kept */
	lines_fn *fn;
	void *ctx;
	char path[128];
};

struct asker {
	struct asker *next;
	struct lines *at;
	struct bufferevent *bev;
	bool asked;
	void (*gone)(void *ctx, void *what); /* kept */
	void *what;
};

int lines_listen(const char *path, unsigned int mode)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(at.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* somebody who answers there is not pushed aside, nor one who is busy; a dead one's is */
	if (!connect(fd, (struct sockaddr *)&at, sizeof(at)) || errno == EAGAIN) {
		close(fd);
		errno = EADDRINUSE;
		return -1;
	}
	unlink(path);
	if (!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !chmod(path, mode) && !listen(fd, 16))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

void answer_line(struct asker *who, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	evbuffer_add_vprintf(bufferevent_get_output(who->bev), fmt, ap);
	va_end(ap);
	evbuffer_add(bufferevent_get_output(who->bev), "\n", 1);
}

void asker_keep(struct asker *who, void (*gone)(void *ctx, void *what), void *what)
{
	who->gone = gone;
	who->what = what;
	who->at->n--;
	bufferevent_set_timeouts(who->bev, NULL, NULL);
}

static void end(struct asker *who)
{
	if (who->gone)
		who->gone(who->at->ctx, who->what);
	else
		who->at->n--;
	bufferevent_free(who->bev);
	free(who);
}

static void leave(struct asker *who)
{
	struct asker **p = &who->at->askers;

	while (*p != who)
		p = &(*p)->next;
	*p = who->next;
	end(who);
}

static void on_end(struct bufferevent *bev, short what, void *ctx)
{
	(void)bev;
	(void)what;
	leave(ctx); /* closed, failed, or said nothing for too long */
}

static void on_written(struct bufferevent *bev, void *ctx)
{
	struct asker *who = ctx;

	(void)bev;
	if (who->asked && !who->gone)
		leave(who);
}

static void on_line(struct bufferevent *bev, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct asker *who = ctx;
	char *line;

	if (who->asked) {
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
	if (line ? strlen(line) >= LINES_MAX : evbuffer_get_length(in) >= LINES_MAX) {
		free(line);
		leave(who);
		return;
	}
	if (!line)
		return;
	who->asked = true;
	who->at->fn(who->at->ctx, who, line);
	free(line);
	if (!who->gone && !evbuffer_get_length(bufferevent_get_output(bev)))
		leave(who);
}

static void on_asker(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len,
		     void *ctx)
{
	struct timeval most = { WAIT_S, 0 };
	struct lines *a = ctx;
	struct asker *who = a->n < ASKERS_MAX ? calloc(1, sizeof(*who)) : NULL;

	(void)l;
	(void)from;
	(void)len;
	if (who)
		who->bev = bufferevent_socket_new(a->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!who || !who->bev) {
		free(who);
		close(fd);
		return;
	}
	who->at = a;
	who->next = a->askers;
	a->askers = who;
	a->n++;
	bufferevent_setcb(who->bev, on_line, on_written, on_end, who);
	bufferevent_set_timeouts(who->bev, &most, &most);
	bufferevent_enable(who->bev, EV_READ | EV_WRITE);
}

struct lines *lines_open(struct event_base *base, const char *path, lines_fn *fn, void *ctx)
{
	struct lines *a = calloc(1, sizeof(*a));
	int fd = a ? lines_listen(path, 0600) : -1; /* a longer path than ours does not listen */

	if (fd >= 0) {
		a->listener = evconnlistener_new(
			base, on_asker, a, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
		if (!a->listener)
			close(fd);
	}
	if (!a || !a->listener) {
		free(a);
		return NULL;
	}
	a->base = base;
	a->fn = fn;
	a->ctx = ctx;
	memcpy(a->path, path, strlen(path) + 1);
	return a;
}

void lines_close(struct lines *a)
{
	struct asker *who;

	if (!a)
		return;
	while ((who = a->askers)) {
		a->askers = who->next;
		end(who);
	}
	evconnlistener_free(a->listener);
	unlink(a->path);
	free(a);
}
