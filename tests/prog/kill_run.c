/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill_run - kills backends and the accountant's worker at random moments,
 * overlapping, and judges the ledger by the oracle pages.  Runs in a
 * driver domain: domain 1 of a sandbox that kill.t has set up, or of Xen the
 * domain that the environment names by KILL_DOMID.
 *
 *	kill_run ACCTRINGD BACKEND DIR KILLS SEED [lossy]
 *
 * lossy: afterwards also the two states in which an epoch may be lost.
 * Exit: 0 exact; 1 not.
 */
#include "tests/prog/kill.h"
#include "tests/prog/kill_judge.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

#define BACKENDS 2u
#define SLOTS 16u /* other sandboxes of this machine take slots, too */
#define PATIENCE_MS 20000u

struct backend {
	pid_t pid;
	uint32_t index;
	struct kill_oracle *oracle;
	bool attached; /* and held: from here on nothing may be lost */
};

static struct {
	const char *acctringd, *backend, *dir;
	uint64_t seed, rnd;
	pid_t holder;
	struct xs_handle *xs;
	struct backend b[BACKENDS];
	struct kill_oracle *oracle[KILL_MAX];
	uint32_t count; /* of incarnations */
	unsigned int kills, kills_worker;
} t;

static uint64_t random_below(uint64_t n)
{
	t.rnd = kill_random(t.rnd);
	return t.rnd % n;
}

static void nap_ms(uint64_t ms)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

static pid_t start(char *const argv[])
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

/* Its devices tell the incarnations apart: far more than a VM has. */
static void configure(void)
{
	char conf[4096];
	FILE *f;

	snprintf(conf, sizeof(conf), "%s/conf", t.dir);
	f = fopen(conf, "a");
	if (!f || fputs("accounts_per_vm = 100000;\n", f) < 0 || fclose(f))
		err(1, "%s", conf);
}

static void start_accountant(void)
{
	char db[4096], sock[4096], conf[4096];
	char *argv[] = { (char *)t.acctringd, (char *)"-c", conf, (char *)"-d", db,
			 (char *)"-s",	      sock,	    NULL };

	snprintf(conf, sizeof(conf), "%s/conf", t.dir);
	snprintf(db, sizeof(db), "%s/ledger.db", t.dir);
	snprintf(sock, sizeof(sock), "%s/sock", t.dir);
	t.holder = start(argv);
}

/* 0 while the holder has none. */
static pid_t worker(void)
{
	char path[64];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", t.holder, t.holder);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return pid;
}

static void start_backend(struct backend *b)
{
	char file[4096], seed[24], index[16], lanes[16];
	char *argv[] = { (char *)t.backend, file, seed, index, lanes, (char *)kill_domid(), NULL };
	int fd;

	if (t.count == KILL_MAX)
		errx(1, "more than %u incarnations", KILL_MAX);
	b->index = t.count++;
	b->attached = false;
	snprintf(file, sizeof(file), "%s/oracle-%u", t.dir, b->index);
	fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*b->oracle)))
		err(1, "%s", file);
	b->oracle = mmap(NULL, sizeof(*b->oracle), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (b->oracle == MAP_FAILED)
		err(1, "mmap");
	close(fd);
	t.oracle[b->index] = b->oracle;
	snprintf(seed, sizeof(seed), "%" PRIu64, t.seed);
	snprintf(index, sizeof(index), "%u", b->index);
	snprintf(lanes, sizeof(lanes), "%u", 1 + (unsigned int)random_below(KILL_LANES));
	b->pid = start(argv);
}

/* The notice that the worker writes once the holder has the pages. */
static bool is_attached(const struct backend *b)
{
	uint64_t epoch = __atomic_load_n(&b->oracle->epoch, __ATOMIC_ACQUIRE);
	char path[96], wanted[64];
	bool found = false;

	snprintf(wanted, sizeof(wanted), "attached %016" PRIx64, epoch);
	for (unsigned int slot = 0; epoch && !found && slot < SLOTS; slot++) {
		unsigned int len;
		char *value;

		snprintf(path, sizeof(path), "/local/domain/%s/data/acctring/peer/%s/%u/state",
			 kill_domid(), kill_domid(), slot);
		value = xs_read(t.xs, XBT_NULL, path, &len);
		found = value && !strcmp(value, wanted);
		free(value);
	}
	return found;
}

static void wait_attached(struct backend *b)
{
	for (unsigned int ms = 0; !b->attached; ms += 5) {
		if (ms > PATIENCE_MS)
			errx(1, "backend %u: not attached after %u ms", b->index, PATIENCE_MS);
		b->attached = is_attached(b);
		if (!b->attached)
			nap_ms(5);
	}
}

static void kill_backend(struct backend *b)
{
	kill(b->pid, SIGKILL);
	t.kills++;
}

static void reap_backend(struct backend *b)
{
	int status;

	if (waitpid(b->pid, &status, 0) != b->pid || !WIFSIGNALED(status))
		errx(1, "backend %u ended by itself", b->index);
}

static void kill_worker(void)
{
	pid_t pid = worker();

	if (pid <= 0 || kill(pid, SIGKILL))
		return;
	t.kills++;
	t.kills_worker++;
}

/* Each round: one or two kills, a short while after the last ones. */
static void round_of_kills(void)
{
	struct backend *b = &t.b[random_below(BACKENDS)];
	uint64_t what = random_below(10);

	nap_ms(random_below(8) ? random_below(250) : random_below(1000));
	if (what < 3) {
		kill_worker();
		return;
	}
	wait_attached(b);
	if (what < 6) {
		kill_backend(b);
	} else if (what < 8) {
		kill_backend(b);
		nap_ms(random_below(60)); /* into the last drain and its commit */
		kill_worker();
	} else {
		kill_worker();
		if (random_below(2))
			nap_ms(random_below(30));
		kill_backend(b);
	}
	reap_backend(b);
	start_backend(b);
}

static void wait_closed(void)
{
	for (unsigned int ms = 0; judge_open_epochs(t.dir); ms += 50) {
		if (ms > PATIENCE_MS)
			errx(1, "epochs still open after %u ms", PATIENCE_MS);
		nap_ms(50);
	}
}

static void stop_backend(struct backend *b)
{
	int status;

	wait_attached(b);
	kill(b->pid, SIGTERM);
	if (waitpid(b->pid, &status, 0) != b->pid || status)
		errx(1, "backend %u: status %#x at its end", b->index, status);
}

static void stop_accountant(void)
{
	int status;

	kill(t.holder, SIGTERM);
	if (waitpid(t.holder, &status, 0) != t.holder || status)
		errx(1, "acctringd: status %#x at its end", status);
}

static void kill_accountant(void)
{
	pid_t w = worker();

	if (w > 0)
		kill(w, SIGKILL);
	kill(t.holder, SIGKILL);
	waitpid(t.holder, NULL, 0);
}

static void wait_lost(unsigned int n)
{
	for (unsigned int ms = 0; judge_epochs_lost(t.dir) != n; ms += 50) {
		if (ms > PATIENCE_MS)
			errx(1, "epochs_lost is %u, expected %u", judge_epochs_lost(t.dir), n);
		nap_ms(50);
	}
}

/* Both states in which an epoch is lost; its number is the result. */
static void lossy(uint32_t index[2])
{
	struct backend *b = &t.b[0];

	kill_accountant();
	start_backend(b); /* nobody reads it */
	index[0] = b->index;
	nap_ms(300);
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	start_accountant();
	wait_lost(1);

	start_backend(b);
	index[1] = b->index;
	wait_attached(b);
	nap_ms(300);
	kill_accountant();
	kill(b->pid, SIGKILL);
	waitpid(b->pid, NULL, 0);
	start_accountant();
	wait_lost(2);
}

int main(int argc, char **argv)
{
	unsigned int kills;
	uint32_t lost[2] = { UINT32_MAX, UINT32_MAX };
	bool with_lossy, good;

	if (argc != 6 && argc != 7)
		errx(2, "usage: kill_run ACCTRINGD BACKEND DIR KILLS SEED [lossy]");
	t.acctringd = argv[1];
	t.backend = argv[2];
	t.dir = argv[3];
	kills = (unsigned int)strtoul(argv[4], NULL, 0);
	t.seed = t.rnd = strtoull(argv[5], NULL, 0);
	with_lossy = argc == 7;
	t.xs = xs_open(0);
	if (!t.xs)
		err(1, "xs_open");
	configure();
	start_accountant();
	for (unsigned int i = 0; i < BACKENDS; i++)
		start_backend(&t.b[i]);
	while (t.kills < kills)
		round_of_kills();
	for (unsigned int i = 0; i < BACKENDS; i++)
		stop_backend(&t.b[i]);
	wait_closed();
	if (with_lossy)
		lossy(lost);
	stop_accountant();
	good = judge(t.dir, t.seed, t.oracle, t.count, lost, true);
	printf("# kills=%u of worker=%u\n", t.kills, t.kills_worker);
	return good ? 0 : 1;
}
