/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accountant/snapshot.h"

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

struct snapshot {
	int listener;
	int stop; /* eventfd */
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

static void answer(struct snapshot *s, int fd)
{
	struct timeval limit = { CLIENT_S, 0 };
	char *json = render(s);
	size_t at = 0, size = json ? strlen(json) : 0;

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

static int listen_at(const char *path)
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
	/* somebody who answers there is not pushed aside; a dead one's is */
	if (!connect(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		errno = EADDRINUSE;
		return -1;
	}
	unlink(path);
	if (!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !chmod(path, 0660) && !listen(fd, 16))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

struct snapshot *snapshot_open(const char *path)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	sigset_t all, old;
	int err;

	if (!s)
		return NULL;
	s->listener = listen_at(path);
	if (s->listener < 0) {
		free(s);
		return NULL;
	}
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->stop = eventfd(0, EFD_CLOEXEC);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = s->stop < 0 ? errno : pthread_create(&s->thread, NULL, serve, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		return s;
	close(s->listener);
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

void snapshot_publish(struct snapshot *s, struct view *v)
{
	struct view *old = __atomic_exchange_n(&s->view, v, __ATOMIC_ACQ_REL);

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
	close(s->listener);
	close(s->stop);
	view_free(s->view);
	free(s);
}
