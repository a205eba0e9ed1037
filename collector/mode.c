/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mode.c - observe, guard, debt.  What acctctl said last counts, also after a
 * restart of the collector, until the host restarts or the configured mode is
 * changed: /tool/acctring/mode.
 */
#include "collector/collector.h"
#include "collector/keep.h"
#include "collector/lock.h"
#include "collector/release.h"
#include "common/clock.h"
#include "common/kv.h"
#include "common/log.h"
#include "common/xs.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_MS 100

/* In the store: for the next collector, and for accountants, whose limits it lets act. */
static void publish(struct collector *c)
{
	char line[96];

	snprintf(line, sizeof(line), "v=1 mode=%s configured=%s t=%" PRIu64,
		 mode_name(c->debt.mode), mode_name(c->config.mode), (uint64_t)time(NULL));
	if (!xs_writef(c->xsh, MODE_NODE, "%s", line) || !xs_share(c->xsh, MODE_NODE, 0, -1))
		log_warn(MODE_NODE ": cannot write: %s", strerror(errno));
	c->debt.says = c->debt.mode;
	trees_tell(c);
}

int mode_hands(struct collector *c)
{
	int dir = c->debt.hands.dir, err;

	if (dir >= 0)
		return 0;
	dir = keep_open(c->config.debt.entitlements, true);
	if (dir < 0)
		return dir;
	/* it may have been there all the time, and we could not read it */
	err = vms_read(c, dir);
	if (err)
		close(dir);
	else
		c->debt.hands.dir = dir;
	return err;
}

/* Where a later --restore finds it, whatever has become of the configuration. */
static void leave_path(const struct collector *c)
{
	char path[PATH_MAX];

	if (!lock_dir_path(path, sizeof(path), ENTITLEMENTS_LINK))
		return;
	unlink(path);
	if (symlink(c->config.debt.entitlements, path))
		log_warn("%s: cannot write: %s", path, strerror(errno));
}

static int begin_debt(struct collector *c, char *error, size_t size)
{
	struct timeval tv = { 0, WINDOW_MS * 1000 };
	int err = mode_hands(c);

	if (err) {
		snprintf(error, size,
			 "%s: cannot use: %s, allowed: a directory of our own, all can be read",
			 c->config.debt.entitlements, strerror(-err));
		return err;
	}
	err = watchdog_start(c);
	if (err) {
		snprintf(error, size, "cannot start the watchdog: %s", strerror(-err));
		return err;
	}
	leave_path(c);
	event_add(c->debt.ev_window, &tv);
	return 0;
}

/* How many VMs could not be given back what they had. */
static unsigned int end_debt(struct collector *c, const char *why)
{
	unsigned int left = 0;
	size_t i;

	event_del(c->debt.ev_window);
	windows_give_back(c, NULL, why);
	enforce_end(c);
	watchdog_stop(c);
	for (i = 0; i < c->debt.vms; i++)
		left += knob_ours(&c->debt.vm[i]->e.knob[KNOB_CAP]) ||
			knob_ours(&c->debt.vm[i]->e.knob[KNOB_WEIGHT]);
	return left;
}

int mode_set(struct collector *c, enum mode mode, const char *who, char *error, size_t size)
{
	enum mode was = c->debt.mode;
	unsigned int left = 0;
	int err = 0;

	if (mode == MODE_DEBT && was != MODE_DEBT)
		err = begin_debt(c, error, size);
	if (err)
		return err;
	c->debt.mode = mode;
	if ((mode == MODE_DEBT) != (was == MODE_DEBT))
		windows_begin(c); /* what was only reckoned is nobody's debt */
	if (was == MODE_DEBT && mode != MODE_DEBT)
		left = end_debt(c, "end of debt");
	if (mode != was)
		log_info("mode %s, was %s (%s)", mode_name(mode), mode_name(was), who);
	publish(c);
	if (left)
		snprintf(error, size, "%u VMs could not be given back what they had: see the log",
			 left);
	return left ? -EIO : 0;
}

/* What an earlier collector was told, if the configured mode is still the same. */
static enum mode told(struct collector *c)
{
	char *line = xs_readf(c->xsh, MODE_NODE), word[16];
	enum mode mode = c->config.mode, configured;

	if (line && kv_is_v1(line) && kv_get(line, "configured", word, sizeof(word)) &&
	    mode_parse(word, &configured) && configured == c->config.mode &&
	    kv_get(line, "mode", word, sizeof(word)))
		mode_parse(word, &mode);
	free(line);
	return mode;
}

void mode_recall(struct collector *c)
{
	c->debt.says = told(c);
}

void mode_begin(struct collector *c)
{
	enum mode mode = told(c);
	char error[512] = "";
	int left;

	c->debt.hands = (struct hands){ c->xc, keep_open(c->config.debt.entitlements, false) };
	/* in debt what is ours goes on from where it is */
	if (c->debt.hands.dir >= 0 && mode != MODE_DEBT) {
		left = actuate_restore(&c->debt.hands, "left by an earlier collector");
		if (left)
			log_error("%s: not all could be given back", c->config.debt.entitlements);
	}
	vms_update(c);
	if (mode_set(c, mode, "at start", error, sizeof(error))) {
		log_error("mode %s: %s; observing", mode_name(mode), error);
		publish(c);
	}
}

void mode_configured(struct collector *c, enum mode before)
{
	char error[512] = "";

	if (c->config.mode != before &&
	    mode_set(c, c->config.mode, "configured", error, sizeof(error)))
		log_error("mode %s: %s", mode_name(c->config.mode), error);
}

void mode_end(struct collector *c)
{
	if (c->debt.mode == MODE_DEBT && c->debt.ev_window)
		end_debt(c, "the collector ends");
	vms_free(c);
	if (c->debt.hands.dir >= 0)
		close(c->debt.hands.dir);
}
