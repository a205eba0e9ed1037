/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/snapshot.h"

#include "common/clock.h"
#include "common/lines.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <urcu/urcu-memb.h>

#define CLIENT_S 2 /* a client that does not read so long is left */
#define FRESH_MS 1000 /* so long it waits for the worker */

struct snapshot {
	int listener;
	int stop, ask, told; /* eventfds: ours, the worker's, ours */
	uint64_t questions, answered;
	pthread_t thread;
	struct view *view; /* RCU */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static char *render(struct snapshot *s)
{
	struct view *v;
	char *json = NULL;

	urcu_memb_read_lock();
	v = __atomic_load_n(&s->view, __ATOMIC_ACQUIRE);
	if (v) {
		json = snapshot_json(v);
		__atomic_fetch_add(&v->left, 1, __ATOMIC_RELEASE);
	}
	urcu_memb_read_unlock();
	return json;
}

/* What was acknowledged before the question shall be in the answer. */
static void ask(struct snapshot *s)
{
	uint64_t mine = __atomic_add_fetch(&s->questions, 1, __ATOMIC_RELEASE);
	uint64_t until = now_ms() + FRESH_MS, now, n;
	struct pollfd p[2] = { { .fd = s->told, .events = POLLIN },
			       { .fd = s->stop, .events = POLLIN } };

	eventfd_write(s->ask, 1);
	while (__atomic_load_n(&s->answered, __ATOMIC_ACQUIRE) < mine) {
		now = now_ms();
		if (now >= until || (poll(p, 2, (int)(until - now)) > 0 && p[1].revents))
			break;
		if (p[0].revents)
			eventfd_read(s->told, &n);
	}
}

static void answer(struct snapshot *s, int fd)
{
	struct timeval limit = { CLIENT_S, 0 };
	size_t at = 0, size;
	char *json;

	ask(s);
	json = render(s);
	size = json ? strlen(json) : 0;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (at < size) {
		ssize_t n = send(fd, json + at, size - at, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	free(json);
	close(fd);
}

static void *serve(void *ctx)
{
	struct snapshot *s = ctx;
	struct pollfd p[2] = { { .fd = s->listener, .events = POLLIN },
			       { .fd = s->stop, .events = POLLIN } };

	urcu_memb_register_thread();
	for (;;) {
		int fd;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			break;
		fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			answer(s, fd);
		else
			poll(NULL, 0, 10); /* out of descriptors: not at once again */
	}
	urcu_memb_unregister_thread();
	return NULL;
}

static void close_all(struct snapshot *s)
{
	close(s->listener);
	close(s->stop);
	close(s->ask);
	close(s->told);
}

struct snapshot *snapshot_open(const char *path)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	sigset_t all, old;
	int err;

	if (!s)
		return NULL;
	s->listener = lines_listen(path, 0660);
	if (s->listener < 0) {
		free(s);
		return NULL;
	}
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->stop = eventfd(0, EFD_CLOEXEC);
	s->ask = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = s->stop < 0 || s->ask < 0 || s->told < 0 ? errno
						       : pthread_create(&s->thread, NULL, serve, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		return s;
	close_all(s);
	free(s);
	errno = err;
	return NULL;
}

/*
 * After the grace period all readers have left.  `left` orders what they and
 * the worker did before the free a second time, for ThreadSanitizer, which does not see
 * into liburcu.
 */
static void retire(struct rcu_head *head)
{
	struct view *v = caa_container_of(head, struct view, rcu);

	__atomic_load_n(&v->left, __ATOMIC_ACQUIRE);
	view_free(v);
}

int snapshot_fd(const struct snapshot *s)
{
	return s->ask;
}

bool snapshot_asked(const struct snapshot *s, uint64_t *question)
{
	*question = __atomic_load_n(&s->questions, __ATOMIC_ACQUIRE);
	return *question != s->answered;
}

void snapshot_publish(struct snapshot *s, struct view *v, uint64_t question)
{
	struct view *old = v ? __atomic_exchange_n(&s->view, v, __ATOMIC_ACQ_REL) : NULL;

	if (question != s->answered) {
		__atomic_store_n(&s->answered, question, __ATOMIC_RELEASE);
		eventfd_write(s->told, 1);
	}
	if (!old)
		return;
	__atomic_fetch_add(&old->left, 1, __ATOMIC_RELEASE); /* we, too */
	urcu_memb_call_rcu(&old->rcu, retire);
}

void snapshot_close(struct snapshot *s)
{
	uint64_t one = 1;

	if (!s)
		return;
	if (write(s->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(s->thread, NULL);
	unlink(s->path);
	close_all(s);
	view_free(s->view);
	free(s);
}
