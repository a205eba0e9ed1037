/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Backends, as the accountant sees them.
 *   poster bills SECONDS FIRST COUNT  one, that serves COUNT domains from FIRST on:
 *                      when it is attached, and how regularly it is committed
 *                      while SECONDS last, or until SIGTERM
 *   poster crowd N SECONDS   N of them at once, 5 pages each; their process group
 *                      stops itself then, and after SIGCONT they leave together
 */
#include <acctring/acctring.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/xen/prog/prog.h"

#define MS 1000000u

static struct acctring_stats stats_of(struct acctring *r)
{
	struct acctring_stats s = { .size = sizeof(s) };

	acctring_stats(r, &s);
	return s;
}

static struct acctring *open_one(unsigned int payers, int ring_pages)
{
	struct acctring_options o = ACCTRING_OPTIONS_INIT;

	o.program = "poster";
	o.lanes = 1;
	o.payers = payers;
	o.ring_pages = ring_pages;
	return acctring_open(&o);
}

/* ------------------------------------------------------------------ */

struct pulse { /* of the accountant: its commits, as we see them */
	uint64_t committed, at, longest;
	unsigned int commits;
};

static void feel(struct pulse *p, const struct acctring_stats *s)
{
	uint64_t committed = s->recorded + s->spilled - s->pending, now = now_ns();

	if (committed == p->committed && s->pending) {
		if (now - p->at > p->longest)
			p->longest = now - p->at;
		return;
	}
	p->commits += committed != p->committed;
	p->committed = committed;
	p->at = now;
}

/* Each domain costs something in each round. */
static void post_all(struct acctring_lane *l, const int *payer, unsigned int n)
{
	struct acctring_cost c = { .ns = 20000, .bytes = 4096, .units = 1, .klass = 1 };

	for (unsigned int i = 0; i < n; i++) {
		c.payer = (uint16_t)payer[i];
		if (acctring_post(l, &c))
			die("post");
	}
}

static volatile sig_atomic_t told;

static void on_term(int sig)
{
	told = sig;
}

static int bills(unsigned int seconds, unsigned int first, unsigned int n)
{
	struct acctring *r = open_one(n, 2);
	struct acctring_lane *l = r ? acctring_lane_open(r) : NULL;
	uint64_t began = now_ns(), end = began + seconds * 1000ull * MS, next = 0;
	struct pulse p = { .at = began };
	int payer[1000];

	if (!l || n > 1000)
		die("open");
	signal(SIGTERM, on_term);
	for (unsigned int i = 0; i < n; i++)
		payer[i] = acctring_payer_open(r, first + i, ACCTRING_KIND_VBD, 51712);
	while (stats_of(r).state != ACCTRING_ATTACHED && now_ns() < end)
		nap_ms(10);
	printf("attached_ms=%llu", (unsigned long long)(now_ns() - began) / MS);
	fflush(stdout);
	for (p.at = now_ns(); !told && now_ns() < end; nap_ms(10)) {
		struct acctring_stats s = stats_of(r);

		feel(&p, &s);
		if (now_ns() < next)
			continue;
		post_all(l, payer, n);
		next = now_ns() + 100ull * MS;
	}
	printf(" posts=%llu commits=%u longest_ms=%llu", (unsigned long long)p.committed, p.commits,
	       (unsigned long long)p.longest / MS);
	acctring_lane_close(l);
	printf(" left=%d\n", acctring_close(r, 20000));
	return 0;
}

/* ------------------------------------------------------------------ */

struct member {
	int error; /* -errno; 1: attached */
	uint64_t ns;
};

/*
 * Who has its answer sleeps, until the parent closes the pipe: so many that look
 * would themselves be the load.
 */
static void join(struct member *m, uint64_t began, int over)
{
	struct acctring *r = open_one(1, 0);
	struct pollfd p = { .fd = over, .events = POLLIN };

	if (!r)
		m->error = -errno;
	while (!poll(&p, 1, r && m->error != 1 ? 2000 : -1)) {
		struct acctring_stats s = stats_of(r);

		if (s.state == ACCTRING_ATTACHED)
			m->ns = now_ns() - began;
		__atomic_store_n(&m->error, s.state == ACCTRING_ATTACHED ? 1 : s.error,
				 __ATOMIC_RELEASE);
	}
	if (r) /* the store serves them one after another */
		acctring_close(r, 60000);
	_exit(0);
}

/* How many have come to this; the latest of those that are attached. */
static unsigned int count(const struct member *m, unsigned int n, int error, uint64_t *latest)
{
	unsigned int c = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (__atomic_load_n(&m[i].error, __ATOMIC_ACQUIRE) != error)
			continue;
		c++;
		if (m[i].ns > *latest)
			*latest = m[i].ns;
	}
	return c;
}

/* Up to `seconds`, until each is attached or knows why not, and that for 3 s. */
static void await(const struct member *m, unsigned int n, unsigned int seconds)
{
	uint64_t end = now_ns() + seconds * 1000ull * MS, none = 0;
	unsigned int was = 0, still = 0;

	while (now_ns() < end && still < 15) {
		unsigned int is = count(m, n, 1, &none);
		bool done = is == n || (is && is + count(m, n, -ENOSPC, &none) == n);

		still = done && is == was ? still + 1 : 0;
		was = is;
		nap_ms(200);
	}
}

/* What they burn, all together, while they have nothing to do. */
static unsigned int burn_ms(const pid_t *pid, unsigned int n)
{
	struct timespec ts;
	uint64_t ns = 0;
	clockid_t clock;

	for (unsigned int i = 0; i < n; i++)
		if (!clock_getcpuclockid(pid[i], &clock) && !clock_gettime(clock, &ts))
			ns += (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
	return (unsigned int)(ns / MS);
}

static void say(const struct member *m, unsigned int n)
{
	struct acctring_options least = ACCTRING_OPTIONS_INIT;
	uint64_t latest = 0, none = 0;
	unsigned int ok = count(m, n, 1, &latest);

	least.lanes = least.payers = 1;
	printf("processes=%u attached=%u last_after_ms=%llu no_space=%u pages_each=%d", n, ok,
	       (unsigned long long)latest / MS, count(m, n, -ENOSPC, &none),
	       acctring_pages(&least, true));
	for (unsigned int i = 0; i < n; i++)
		if (m[i].error != 1 && m[i].error != -ENOSPC) {
			printf(" other=\"%s\"", m[i].error ? strerror(-m[i].error) : "waiting");
			break;
		}
}

static int crowd(unsigned int n, unsigned int seconds)
{
	uint64_t began = now_ns();
	struct member *m = mmap(NULL, n * sizeof(*m), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t *pid = calloc(n, sizeof(*pid));
	unsigned int burnt;
	int over[2];

	if (m == MAP_FAILED || !pid || pipe(over) || setpgid(0, 0))
		die("crowd");
	for (unsigned int i = 0; i < n; i++)
		if (!(pid[i] = fork())) {
			close(over[1]);
			join(&m[i], began, over[0]);
		}
	await(m, n, seconds);
	say(m, n);
	burnt = burn_ms(pid, n);
	nap_ms(3000);
	printf(" burn_in_3s_ms=%u\n", burn_ms(pid, n) - burnt);
	fflush(stdout);
	/* all stay until told: somebody counts what the store holds for them */
	kill(0, SIGSTOP);
	close(over[1]);
	while (wait(NULL) > 0)
		;
	free(pid);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "bills"))
		return bills((unsigned int)atoi(argv[2]), (unsigned int)atoi(argv[3]),
			     (unsigned int)atoi(argv[4]));
	if (argc == 4 && !strcmp(argv[1], "crowd"))
		return crowd((unsigned int)atoi(argv[2]), (unsigned int)atoi(argv[3]));
	die("usage: poster bills SECONDS FIRST COUNT | crowd N SECONDS");
}
