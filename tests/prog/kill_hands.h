/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill_hands.h - starts, finds and kills the processes of the kill test.
 */
#ifndef TESTS_KILL_HANDS_H
#define TESTS_KILL_HANDS_H

#include "common/clock.h"
#include "tests/prog/kill_judge.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenstore.h>

#define SLOTS 64u
#define PATIENCE_MS 30000u
#define ENV_MISSING 4 /* acctringd's exit code when the database is another's */

struct backend {
	pid_t pid;
	uint32_t index;
	struct kill_oracle *oracle;
	bool attached; /* and held: from here on nothing may be lost */
};

struct test {
	const char *acctringd, *backend, *dir;
	uint64_t seed, rnd;
	pid_t holder;
	struct xs_handle *xs;
	struct kill_oracle *oracle[KILL_MAX];
	enum kill_fate fate[KILL_MAX];
	uint32_t count; /* of incarnations */
	unsigned int kills;
	uint64_t waited_ms; /* for backends to be attached */
	uint64_t told[64]; /* epochs that the accountant said are attached; the latest */
	unsigned int tells;
};

static inline uint64_t random_below(struct test *t, uint64_t n)
{
	t->rnd = kill_random(t->rnd);
	return t->rnd % n;
}

static inline pid_t start(char *const argv[])
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		execv(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	return pid;
}

/* ------------------------------------------------------------------ */
/* The accountant                                                      */

static inline void start_accountant(struct test *t)
{
	char db[4096], sock[4096], conf[4096];
	char *argv[] = { (char *)t->acctringd, (char *)"-c", conf, (char *)"-d", db,
			 (char *)"-s",	       sock,	     NULL };

	snprintf(conf, sizeof(conf), "%s/conf", t->dir);
	snprintf(db, sizeof(db), "%s/ledger.db", t->dir);
	snprintf(sock, sizeof(sock), "%s/sock", t->dir);
	t->holder = start(argv);
}

/* 0 while the holder has none. */
static inline pid_t worker(const struct test *t)
{
	char path[64];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", t->holder, t->holder);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

static inline void kill_worker(struct test *t)
{
	pid_t pid = worker(t);

	if (pid > 0 && !kill(pid, SIGKILL))
		t->kills++;
}

/* Its worker, an orphan then, comes to us; 0 if there was none. */
static inline pid_t kill_holder(struct test *t)
{
	pid_t w = worker(t);

	kill(t->holder, SIGKILL);
	t->kills++;
	if (waitpid(t->holder, NULL, 0) != t->holder)
		err(1, "waitpid");
	return w;
}

/*
 * A worker whose holder died commits and ends by itself.  Until it has, what
 * stands on the notice board is not the next one's.
 */
static inline void reap_worker(pid_t w)
{
	for (unsigned int ms = 0; w > 0 && waitpid(w, NULL, WNOHANG) == 0; ms += 5) {
		if (ms > PATIENCE_MS)
			errx(1, "a worker without a holder lives on");
		nap_ms(5);
	}
}

/* ------------------------------------------------------------------ */
/* Backends                                                            */

static inline void start_backend(struct test *t, struct backend *b)
{
	char file[4096], seed[24], index[16], lanes[16];
	char *argv[] = { (char *)t->backend, file, seed, index, lanes, (char *)kill_domid(), NULL };
	int fd;

	if (t->count == KILL_MAX)
		errx(1, "more than %u incarnations", KILL_MAX);
	b->index = t->count++;
	b->attached = false;
	snprintf(file, sizeof(file), "%s/oracle-%u", t->dir, b->index);
	fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*b->oracle)))
		err(1, "%s", file);
	b->oracle = mmap(NULL, sizeof(*b->oracle), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (b->oracle == MAP_FAILED)
		err(1, "mmap");
	close(fd);
	t->oracle[b->index] = b->oracle;
	snprintf(seed, sizeof(seed), "%" PRIu64, t->seed);
	snprintf(index, sizeof(index), "%u", b->index);
	snprintf(lanes, sizeof(lanes), "%u", 1 + (unsigned int)random_below(t, KILL_LANES));
	b->pid = start(argv);
}

/* A node in `dir`, one a slot, has this in it. */
static inline bool is_said(struct test *t, const char *dir, const char *wanted)
{
	unsigned int n = 0, len;
	char **slots = xs_directory(t->xs, XBT_NULL, dir, &n), path[160], *value;
	bool is = false;

	for (unsigned int i = 0; slots && !is && i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, slots[i]);
		value = xs_read(t->xs, XBT_NULL, path, &len);
		is = value && strstr(value, wanted);
		free(value);
	}
	free(slots);
	return is;
}

static inline uint64_t epoch_of(const struct backend *b)
{
	return __atomic_load_n(&b->oracle->epoch, __ATOMIC_ACQUIRE);
}

static inline void peer_dir(char dir[96])
{
	snprintf(dir, 96, "/local/domain/%s/data/acctring/peer/%s", kill_domid(), kill_domid());
}

static inline void watch_notices(struct test *t)
{
	char dir[96];

	peer_dir(dir);
	if (!xs_watch(t->xs, dir, "notice"))
		err(1, "xs_watch");
}

static inline void read_notices(struct test *t)
{
	char **event, *value;
	unsigned int len;

	while ((event = xs_check_watch(t->xs))) {
		value = xs_read(t->xs, XBT_NULL, event[XS_WATCH_PATH], &len);
		if (value && !strncmp(value, "attached ", 9))
			t->told[t->tells++ % 64] = strtoull(value + 9, NULL, 16);
		free(value);
		free(event);
	}
}

/* By the notice that the worker writes once the holder has the pages. */
static inline bool is_attached(struct test *t, const struct backend *b)
{
	read_notices(t);
	for (unsigned int i = 0; epoch_of(b) && i < 64; i++)
		if (t->told[i] == epoch_of(b))
			return true;
	return false;
}

/* Its link is offered: whoever comes now or later knows of it. */
static inline bool is_published(struct test *t, const struct backend *b)
{
	char dir[96], wanted[32];

	snprintf(dir, sizeof(dir), "/local/domain/%s/data/acctring/link", kill_domid());
	snprintf(wanted, sizeof(wanted), "epoch=%016" PRIx64, epoch_of(b));
	return epoch_of(b) && is_said(t, dir, wanted); /* with its state, 4 */
}

static inline void wait_for(struct test *t, const struct backend *b, const char *what,
			    bool (*is)(struct test *, const struct backend *))
{
	uint64_t began = now_ms();

	while (!is(t, b)) {
		if (now_ms() - began > PATIENCE_MS)
			errx(1, "backend %u: not %s after %u ms", b->index, what, PATIENCE_MS);
		nap_ms(5);
	}
	t->waited_ms += now_ms() - began;
}

static inline void wait_attached(struct test *t, struct backend *b)
{
	if (!b->attached)
		wait_for(t, b, "attached", is_attached);
	b->attached = true;
}

static inline void kill_backend(struct test *t, const struct backend *b)
{
	if (!kill(b->pid, SIGKILL))
		t->kills++;
}

static inline void reap_backend(struct backend *b)
{
	int status;

	if (waitpid(b->pid, &status, 0) != b->pid || !WIFSIGNALED(status))
		errx(1, "backend %u ended by itself", b->index);
	b->index = KILL_MAX; /* nobody's */
}

static inline void stop_backend(struct test *t, struct backend *b)
{
	int status;

	wait_attached(t, b);
	kill(b->pid, SIGTERM);
	if (waitpid(b->pid, &status, 0) != b->pid || status)
		errx(1, "backend %u: status %#x at its end", b->index, status);
	b->index = KILL_MAX;
}

#endif
