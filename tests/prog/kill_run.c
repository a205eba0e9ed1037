/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill_run - kills backends, the accountant's worker and its holder at random
 * moments, in every order, overlapping, and judges the ledger by the oracle
 * pages.  Runs in a driver domain: domain 1 of a sandbox that kill.t has set
 * up, or of Xen the domain that the environment names by KILL_DOMID.
 *
 *	kill_run ACCTRINGD BACKEND DIR KILLS SEED [lossy]
 *
 * lossy: also the states in which an epoch may be lost, and must be counted then.
 * Exit: 0 exact; 1 not.
 */
#include "tests/prog/kill.h"
#include "tests/prog/kill_hands.h"
#include "tests/prog/kill_judge.h"

#define BACKENDS 4u
#define UNSETTLED_MAX 10u

static struct test t;
static struct backend backend[BACKENDS];
static bool lossy;
static bool hopeless; /* what must happen did not: let the judge say it */

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

/* One that is attached, if there is: the others take their time to start. */
static struct backend *choose(void)
{
	unsigned int first = (unsigned int)random_below(&t, BACKENDS);
	struct backend *b;

	for (unsigned int i = 0; i < BACKENDS; i++) {
		b = &backend[(first + i) % BACKENDS];
		b->attached = b->attached || is_attached(&t, b);
		if (b->attached)
			return b;
	}
	b = &backend[first];
	wait_attached(&t, b);
	return b;
}

static void again(struct backend *b)
{
	reap_backend(b);
	start_backend(&t, b);
}

static void nap_below(uint64_t ms)
{
	nap_ms(random_below(&t, ms + 1));
}

/* ------------------------------------------------------------------ */
/* The orders                                                          */

static void one_backend(void)
{
	struct backend *b = choose();

	kill_backend(&t, b);
	again(b);
}

static void two_backends(void)
{
	struct backend *b = choose(), *c = &backend[(b - backend + 1) % BACKENDS];

	wait_attached(&t, c);
	kill_backend(&t, b);
	kill_backend(&t, c);
	again(b);
	again(c);
}

static void worker_alone(void)
{
	kill_worker(&t);
}

static void backend_then_worker(void)
{
	struct backend *b = choose();

	kill_backend(&t, b);
	nap_below(60); /* into the last drain and its commit */
	kill_worker(&t);
	again(b);
}

static void worker_then_backend(void)
{
	struct backend *b = choose();

	kill_worker(&t);
	nap_below(30);
	kill_backend(&t, b);
	again(b);
}

static void both_at_once(void)
{
	struct backend *b = choose();

	if (random_below(&t, 2)) {
		kill_backend(&t, b);
		kill_worker(&t);
	} else {
		kill_worker(&t);
		kill_backend(&t, b);
	}
	again(b);
}

/* What the last accountant said is not what the next one says. */
static void age_notices(void)
{
	char dir[96], path[160], line[256], *value, **names;
	unsigned int n = 0, len;

	peer_dir(dir);
	names = xs_directory(t.xs, XBT_NULL, dir, &n);
	for (unsigned int i = 0; names && i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		value = xs_read(t.xs, XBT_NULL, path, &len);
		snprintf(line, sizeof(line), "was: %s", value ? value : "");
		if (value && !strncmp(value, "attached", 8) &&
		    !xs_write(t.xs, XBT_NULL, path, line, (unsigned int)strlen(line)))
			err(1, "%s", path);
		free(value);
	}
	free(names);
	memset(t.told, 0, sizeof(t.told));
}

/* All that was attached has to be attached anew, by the next holder. */
static void next_accountant(pid_t orphan)
{
	reap_worker(orphan);
	age_notices();
	for (unsigned int i = 0; i < BACKENDS; i++)
		backend[i].attached = false;
	start_accountant(&t);
}

static bool is_alive(uint32_t index)
{
	for (unsigned int i = 0; i < BACKENDS; i++)
		if (backend[i].index == index)
			return true;
	return false;
}

/*
 * Before the holder is killed: who died a moment ago is kept only by it, until
 * its end is committed.  Either that is waited for, or a part may be lost.
 */
static void expose(bool wait)
{
	uint64_t began = now_ms();
	sqlite3 *db = judge_open(t.dir);

	for (uint32_t i = 0; i < t.count; i++) {
		if (t.fate[i] != KILL_KEPT || is_alive(i))
			continue;
		while (wait && !hopeless && judge_epoch_state(db, t.oracle[i]->epoch) != 2) {
			hopeless = now_ms() - began > PATIENCE_MS / 2;
			nap_ms(10);
		}
		if (!wait && judge_epoch_state(db, t.oracle[i]->epoch) != 2)
			t.fate[i] = KILL_MAY_LOSE;
	}
	sqlite3_close(db);
}

static void holder_alone(void)
{
	expose(!lossy || random_below(&t, 2));
	next_accountant(kill_holder(&t));
}

static void holder_and_worker(void)
{
	bool worker_first = random_below(&t, 2);
	pid_t w;

	expose(!lossy || random_below(&t, 2));
	if (worker_first)
		kill_worker(&t);
	w = kill_holder(&t);
	if (w > 0 && !kill(w, SIGKILL) && !worker_first)
		t.kills++;
	next_accountant(w);
}

/*
 * Links that were offered and whose end the ledger does not know: the library keeps
 * the nodes of so many (UNREAD_MAX in ring/control.c), and a worker must live
 * for a second or two to know that one is lost.
 */
static unsigned int unsettled(void)
{
	unsigned int open = 0, lost = 0, counted = judge_epochs_lost(t.dir), state;
	sqlite3 *db = judge_open(t.dir);

	for (uint32_t i = 0; i < t.count; i++)
		if (t.fate[i] != KILL_KEPT && t.oracle[i]->epoch && !is_alive(i)) {
			state = judge_epoch_state(db, t.oracle[i]->epoch);
			open += state == 1;
			lost += state == 4 || (!state && t.fate[i] != KILL_UNSEEN);
		}
	sqlite3_close(db);
	return open + (lost > counted ? lost - counted : 0);
}

/* Late is not never: what is missing then, the judge names. */
static void wait_settled(void)
{
	for (unsigned int ms = 0; unsettled() && ms < PATIENCE_MS; ms += 100)
		nap_ms(100);
}

static void wait_closed(void)
{
	for (unsigned int ms = 0; judge_open_epochs(t.dir) && ms < PATIENCE_MS; ms += 50)
		nap_ms(50);
}

/* Starting: it may have been offered, seen, attached, or nothing of that. */
static void unattached_backend(void)
{
	struct backend *b = &backend[random_below(&t, BACKENDS)];

	if (unsettled() >= UNSETTLED_MAX)
		wait_settled();
	if (b->attached || is_attached(&t, b)) {
		kill_backend(&t, b);
		again(b);
		nap_below(300);
	}
	t.fate[b->index] = is_published(&t, b) ? KILL_MAY_LOSE : KILL_UNSEEN;
	kill_backend(&t, b);
	again(b);
}

/* Everybody who has the pages. */
static void all_three(void)
{
	struct backend *b = choose();
	bool worker_too = random_below(&t, 2);
	pid_t w;

	expose(false);
	t.fate[b->index] = KILL_MAY_LOSE;
	kill_backend(&t, b);
	w = kill_holder(&t);
	if (worker_too && w > 0 && !kill(w, SIGKILL))
		t.kills++;
	next_accountant(w);
	again(b);
}

static const struct order {
	void (*run)(void);
	const char *name;
	unsigned int weight;
	bool lossy;
} orders[] = {
	{ one_backend, "backend", 4, false },
	{ two_backends, "two_backends", 2, false },
	{ worker_alone, "worker", 4, false },
	{ backend_then_worker, "backend_worker", 4, false },
	{ worker_then_backend, "worker_backend", 4, false },
	{ both_at_once, "at_once", 4, false },
	{ holder_alone, "holder", 1, false },
	{ holder_and_worker, "holder_worker", 1, false },
	{ unattached_backend, "unattached", 2, true },
	{ all_three, "all_three", 1, true },
};
#define ORDERS (sizeof(orders) / sizeof(orders[0]))

static unsigned int done[ORDERS];

static void round_of_kills(void)
{
	unsigned int all = 0, n;
	uint64_t at;

	for (n = 0; n < ORDERS; n++)
		all += orders[n].lossy && !lossy ? 0 : orders[n].weight;
	at = random_below(&t, all);
	for (n = 0; n < ORDERS - 1; n++) {
		unsigned int weight = orders[n].lossy && !lossy ? 0 : orders[n].weight;

		if (at < weight)
			break;
		at -= weight;
	}
	nap_below(random_below(&t, 8) ? 100 : 500);
	orders[n].run();
	done[n]++;
}

/* ------------------------------------------------------------------ */
/* The end, and what is certain to be lost                             */

static void stop_accountant(void)
{
	int status;

	kill(t.holder, SIGTERM);
	if (waitpid(t.holder, &status, 0) != t.holder || status)
		errx(1, "acctringd: status %#x at its end", status);
}

/* Nobody is there to read them: several, so that none hides another. */
static void die_unread(struct backend *b)
{
	reap_worker(kill_holder(&t));
	for (unsigned int i = 0; i < 3; i++) {
		start_backend(&t, b);
		wait_for(&t, b, "offered", is_published);
		t.fate[b->index] = KILL_LOST;
		kill_backend(&t, b);
		reap_backend(b);
	}
	start_accountant(&t);
	wait_settled();
}

/* Attached, some of it committed; then nobody has the pages. */
static void die_together(struct backend *b)
{
	pid_t w;

	start_backend(&t, b);
	wait_attached(&t, b);
	while (__atomic_load_n(&b->oracle->lane[0].done, __ATOMIC_ACQUIRE) < 500)
		nap_ms(5);
	t.fate[b->index] = KILL_LOST;
	w = kill_holder(&t);
	kill(w, SIGKILL);
	reap_worker(w);
	kill_backend(&t, b);
	reap_backend(b);
	start_accountant(&t);
	wait_settled();
}

static void report(uint64_t began)
{
	printf("# kills=%u in %" PRIu64 " s, waited for links %" PRIu64 " s; rounds:", t.kills,
	       (now_ms() - began) / 1000, t.waited_ms / 1000);
	for (unsigned int n = 0; n < ORDERS; n++)
		if (done[n])
			printf(" %s=%u", orders[n].name, done[n]);
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("KILL_SECONDS"); /* no more kills after that */
	uint64_t began = now_ms(),
		 end = seconds ? began + strtoull(seconds, NULL, 0) * 1000 : ~0ull;
	unsigned int kills;
	bool good;

	if (argc != 6 && argc != 7)
		errx(2, "usage: kill_run ACCTRINGD BACKEND DIR KILLS SEED [lossy]");
	t.acctringd = argv[1];
	t.backend = argv[2];
	t.dir = argv[3];
	kills = (unsigned int)strtoul(argv[4], NULL, 0);
	t.seed = t.rnd = strtoull(argv[5], NULL, 0);
	lossy = argc == 7;
	t.xs = xs_open(0);
	if (!t.xs || prctl(PR_SET_CHILD_SUBREAPER, 1))
		err(1, "xs_open");
	watch_notices(&t);
	configure();
	start_accountant(&t);
	for (unsigned int i = 0; i < BACKENDS; i++)
		start_backend(&t, &backend[i]);
	wait_attached(&t, &backend[0]); /* so the ledger is there */
	for (unsigned int next = 100; t.kills < kills && !hopeless && now_ms() < end;) {
		round_of_kills();
		if (t.kills >= next && (next += 100))
			report(began);
	}
	report(began);
	for (unsigned int i = 0; i < BACKENDS; i++)
		stop_backend(&t, &backend[i]);
	wait_closed();
	wait_settled();
	if (lossy && !hopeless) {
		die_unread(&backend[0]);
		die_together(&backend[0]);
	}
	stop_accountant();
	good = judge(t.dir, t.seed, t.oracle, t.count, t.fate, true);
	report(began);
	return good ? 0 : 1;
}
