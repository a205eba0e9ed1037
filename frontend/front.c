/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frontend/front.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/xs.h"

#define M(state) XENBUS_MASK(XenbusState##state)

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool find_device(struct front *f, const char *kind, const char *device)
{
	uint64_t backend;
	unsigned int n = 0;
	char **list = NULL;
	int r;

	if (!device) {
		list = xs_listf(f->xsh, &n, "/local/domain/%d/device/%s", f->domid, kind);
		if (!list || !n) {
			log_error("no device below /local/domain/%d/device/%s", f->domid, kind);
			free(list);
			return false;
		}
		device = list[0];
	}
	r = asprintf(&f->dir, "/local/domain/%d/device/%s/%s", f->domid, kind, device);
	free(list);
	if (r < 0)
		return false;
	f->back = xs_readf(f->xsh, "%s/backend", f->dir);
	if (!f->back || !xs_read_u64f(f->xsh, DOMID_LAST, &backend, "%s/backend-id", f->dir)) {
		log_error("%s: no device: %s", f->dir, strerror(errno));
		return false;
	}
	f->backend = (int)backend;
	return true;
}

bool front_port(struct front *f, unsigned int i, evtchn_port_t *out)
{
	xenevtchn_port_or_error_t port = (xenevtchn_port_or_error_t)f->port;

	if (i || !f->port)
		port = xenevtchn_bind_unbound_port(f->xce, (uint32_t)f->backend);
	if (port < 0) {
		log_error("no event channel for domain %d: %s", f->backend, strerror(errno));
		return false;
	}
	*out = (evtchn_port_t)port;
	return true;
}

bool front_open(struct front *f, const char *kind, const char *device, int timeout_ms)
{
	memset(f, 0, sizeof(*f));
	f->timeout_ms = timeout_ms;
	f->signals = open_signals();
	f->xsh = xs_open(0);
	if (!f->xsh) {
		log_error("no xenstore: %s", strerror(errno));
		return false;
	}
	f->domid = xs_own_domid(f->xsh);
	if (f->domid < 0) {
		log_error("xenstore does not say our domid: %s", strerror(errno));
		return false;
	}
	if (!find_device(f, kind, device))
		return false;
	f->xgs = xengntshr_open(NULL, 0);
	f->xce = xenevtchn_open(NULL, 0);
	if (f->signals < 0 || !f->xgs || !f->xce) {
		log_error("no grant or event device: %s", strerror(errno));
		return false;
	}
	return front_port(f, 0, &f->port);
}

void *front_share(struct front *f, unsigned int pages, uint32_t *refs)
{
	return xengntshr_share_pages(f->xgs, (uint32_t)f->backend, (int)pages, refs, 1);
}

static bool wait_back(struct front *f, unsigned int mask, enum xenbus_state *state)
{
	if (xenbus_wait(f->xsh, f->back, mask, f->timeout_ms, f->signals, state))
		return true;
	if (errno != EINTR)
		log_error("%s: state stays %s: %s", f->back, xenbus_state_name(*state),
			  strerror(errno));
	return false;
}

static bool set_state(struct front *f, enum xenbus_state state)
{
	if (xenbus_write_state(f->xsh, f->dir, state))
		return true;
	log_error("%s: cannot write state %s: %s", f->dir, xenbus_state_name(state),
		  strerror(errno));
	return false;
}

bool front_begin(struct front *f)
{
	enum xenbus_state s = xenbus_read_state(f->xsh, f->back);

	if (s == XenbusStateInitialised || s == XenbusStateConnected || s == XenbusStateClosing) {
		if (!set_state(f, XenbusStateClosed) || !wait_back(f, M(Closed) | M(InitWait), &s))
			return false;
	}
	return set_state(f, XenbusStateInitialising) && wait_back(f, M(InitWait), &s);
}

bool front_write(struct front *f, const char *leaf, const char *fmt, ...)
{
	char path[XENSTORE_ABS_PATH_MAX + 1], text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "%s/%s", f->dir, leaf);
	if (xs_writef(f->xsh, path, "%s", text))
		return true;
	log_error("%s: cannot write: %s", path, strerror(errno));
	return false;
}

uint64_t front_back_u64(struct front *f, const char *leaf, uint64_t otherwise)
{
	uint64_t n;

	return xs_read_u64f(f->xsh, UINT64_MAX, &n, "%s/%s", f->back, leaf) ? n : otherwise;
}

static bool watch_back(struct front *f)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];

	if (f->watching)
		return true;
	snprintf(path, sizeof(path), "%s/state", f->back);
	f->watching = xs_watch(f->xsh, path, "front");
	if (!f->watching)
		log_error("cannot watch %s: %s", path, strerror(errno));
	return f->watching;
}

bool front_connect(struct front *f)
{
	enum xenbus_state s;
	char *why;

	if (!set_state(f, XenbusStateInitialised) ||
	    !wait_back(f, M(Connected) | M(Closing) | M(Closed), &s))
		return false;
	if (s != XenbusStateConnected) {
		why = xs_readf(f->xsh, "%s/error", f->back);
		log_error("%s: refused: %s", f->back, why ? why : "no reason given");
		free(why);
		return false;
	}
	return watch_back(f) && set_state(f, XenbusStateConnected);
}

static bool take_watches(struct front *f, struct front_events *e)
{
	bool any = false;
	char **event;

	while ((event = xs_check_watch(f->xsh))) {
		any = true;
		free(event);
	}
	if (errno != EAGAIN) {
		log_error("xenstore is gone: %s", strerror(errno));
		return false;
	}
	e->told = any;
	if (any)
		e->lost = xenbus_read_state(f->xsh, f->back) != XenbusStateConnected;
	return true;
}

static bool take_event(struct front *f, struct front_events *e)
{
	xenevtchn_port_or_error_t port = xenevtchn_pending(f->xce);

	if (port < 0)
		return errno == EAGAIN || errno == EINTR;
	e->kicked = true;
	return !xenevtchn_unmask(f->xce, (evtchn_port_t)port);
}

bool front_sleep(struct front *f, int64_t timeout_ns, struct front_events *e)
{
	struct timespec ts = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
	struct pollfd fd[3] = {
		{ .fd = xenevtchn_fd(f->xce), .events = POLLIN },
		{ .fd = xs_fileno(f->xsh), .events = POLLIN },
		{ .fd = f->signals, .events = POLLIN },
	};
	struct signalfd_siginfo info;

	memset(e, 0, sizeof(*e));
	if (ppoll(fd, 3, timeout_ns < 0 ? NULL : &ts, NULL) < 0 && errno != EINTR) {
		log_error("poll: %s", strerror(errno));
		return false;
	}
	e->ended = fd[2].revents && read(f->signals, &info, sizeof(info)) > 0;
	if (fd[1].revents && !take_watches(f, e))
		return false;
	if (fd[0].revents && !take_event(f, e)) {
		log_error("event channel: %s", strerror(errno));
		return false;
	}
	return true;
}

void front_kick(struct front *f)
{
	front_kick_port(f, f->port);
}

void front_kick_port(struct front *f, evtchn_port_t port)
{
	xenevtchn_notify(f->xce, port);
}

void front_end(struct front *f)
{
	enum xenbus_state s;

	if (!f->back || !xenbus_write_state(f->xsh, f->dir, XenbusStateClosing))
		return; /* the device is gone */
	xenbus_wait(f->xsh, f->back, M(Closing) | M(Closed) | M(Unknown), f->timeout_ms, -1, &s);
	xenbus_write_state(f->xsh, f->dir, XenbusStateClosed);
	if (!xenbus_wait(f->xsh, f->back, M(Closed) | M(Unknown), f->timeout_ms, -1, &s))
		log_warn("%s: stays %s", f->back, xenbus_state_name(s));
}

void front_close(struct front *f)
{
	if (f->xce)
		xenevtchn_close(f->xce);
	if (f->xgs)
		xengntshr_close(f->xgs);
	if (f->xsh)
		xs_close(f->xsh);
	if (f->signals >= 0)
		close(f->signals);
	free(f->dir);
	free(f->back);
	memset(f, 0, sizeof(*f));
	f->signals = -1;
}
