/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ring_ksim - kills posters at random moments, and judges what the
 * accountant has in its ledger by what they did.
 *
 * A poster is a process that posts as fast as it can into shared memory and
 * is killed with SIGKILL; the accountant is the parent, which "crashes" now
 * and then: before it commits, and between the commit and telling the
 * poster.  The oracle page belongs to the test: a poster writes there what
 * it is about to post (`started`), and what was done (`done`).  At the end
 * of a run the ledger must be the sum of `done`, or of the one post more
 * that the kill found under way: in every key, to the unit.
 *
 * The geometry is small, so that a run goes through full rings, re-keyed
 * rows and the overflow row.
 */
#include "common/clock.h"
#include "ring/barrier.h"
#include "ring/drain.h"
#include "ring/lane.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 32u
#define ROWS 6u
#define KEYS 16u
#define PAYERS 256u

struct sum {
	uint64_t ns, bytes, units, posts;
};

/* All of one run; the poster writes oracle, page and ring. */
struct shared {
	struct acctring_lane_page page;
	struct acctring_lane_reply_page reply;
	struct acctring_record ring[SLOTS];
	struct acctring_reply_page peer;
	uint64_t spent[PAYERS];
	uint64_t started; /* number of the post under way */
	uint64_t done; /* posts done */
	struct sum oracle[2][KEYS]; /* of all done: [done & 1] is valid */
};

/* What would be in the database. */
struct ledger {
	struct acctring_lane_state lane;
	struct sum key[KEYS];
	struct sum overflow;
};

struct ksim {
	struct shared *s;
	struct ledger durable, memory;
	struct drain drain;
	uint64_t rng, seed;
	unsigned int run;
	uint32_t first; /* position where this run began */
	/* over all runs */
	uint64_t posts, records, in_flight, overflow_runs, crashes;
};

static uint64_t mix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void sum_add(struct sum *s, uint64_t ns, uint64_t bytes, uint64_t units, uint64_t posts)
{
	s->ns += ns;
	s->bytes += bytes;
	s->units += units;
	s->posts += posts;
}

static bool sum_equal(const struct sum *a, const struct sum *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* ------------------------------------------------------------------ */
/* Poster                                                              */

/* Post number n of this run: known to the judge as well. */
static unsigned int cost_of(uint64_t seed, uint64_t n, struct acctring_cost *c)
{
	uint64_t x = seed + n * 0x9e3779b97f4a7c15u, r = mix(&x);
	/*
	 * In most runs only few keys are in use at a time, and others a while
	 * later: rows are re-keyed, but hardly any post finds none.
	 */
	unsigned int few = seed >> 8 & 3 ? 4 : KEYS, later = 10 + (seed >> 10 & 3);
	unsigned int k = (unsigned int)((r % few + (n >> later) * 3) % KEYS);

	*c = (struct acctring_cost){
		.end = n,
		.ns = r >> 8 & 0xfff,
		.bytes = r >> 24 & 0xffff,
		.units = 1 + (r >> 40 & 3),
		.payer = (uint16_t)(9 + k / 2),
		.klass = (uint8_t)(2 + k % 2),
	};
	if (r >> 54 == 0) /* one in 1024 is too large for a record */
		c->ns |= (uint64_t)1 << 33;
	return k;
}

static void oracle_done(struct shared *s, uint64_t n, unsigned int k, const struct acctring_cost *c)
{
	struct sum *before = s->oracle[n & 1], *after = s->oracle[~n & 1];

	memcpy(after, before, sizeof(s->oracle[0]));
	sum_add(&after[k], c->ns, c->bytes, c->units, 1);
	st_release(&s->done, n + 1);
}

static void poster(struct shared *s, uint64_t seed)
{
	static struct lane l;
	struct acctring_cost c;
	unsigned int k;
	uint64_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	l.pub.spent = s->spent;
	l.kpeer = &s->peer;
	lane_bind(&l, &(struct lane_pages){ &s->page, s->ring, &s->reply }, SLOTS, PAYERS, ROWS);
	for (n = 0;; n++) {
		k = cost_of(seed, n, &c);
		st_release(&s->started, n + 1);
		if (acctring_post(&l.pub, &c))
			_exit(3);
		oracle_done(s, n, k, &c);
	}
}

/* ------------------------------------------------------------------ */
/* Accountant                                                          */

static void account(void *ctx, const struct acctring_item *it, unsigned int n)
{
	struct ledger *m = ctx;

	for (; n; n--, it++) {
		struct sum *to =
			it->overflow ? &m->overflow : &m->key[(it->payer - 9) * 2 + it->klass - 2];

		sum_add(to, it->ns, it->bytes, it->units, it->posts);
	}
}

/* A crash: memory is gone, what is durable is read again. */
static void restart(struct ksim *k)
{
	k->memory = k->durable;
	drain_init(&k->drain, &k->s->page, k->s->ring, SLOTS, PAYERS, 0);
	k->drain.s = k->durable.lane;
}

static int drain(struct ksim *k, unsigned int flags)
{
	if (drain_lane(&k->drain, account, &k->memory, flags) >= 0)
		return 0;
	printf("# run %u: violation: %s\n", k->run, k->drain.reason);
	return -1;
}

static void commit(struct ksim *k)
{
	k->memory.lane = k->drain.s;
	k->durable = k->memory;
}

static void tell(struct ksim *k)
{
	drain_commit(&k->drain, &k->s->reply);
}

/* One tick of an accountant with an unhappy life. */
static int accountant_tick(struct ksim *k)
{
	uint64_t r = mix(&k->rng);

	if (drain(k, 0))
		return -1;
	if (!(r & 15)) { /* before the commit */
		k->crashes++;
		restart(k);
		return 0;
	}
	if (r >> 4 & 1) /* not every tick commits */
		return 0;
	commit(k);
	if (!(r >> 5 & 15)) { /* between the commit and the poster's knowing */
		k->crashes++;
		restart(k);
		return 0;
	}
	tell(k);
	return 0;
}

/* ------------------------------------------------------------------ */
/* Judge                                                               */

static bool ledger_is(const struct ksim *k, const struct sum *want)
{
	struct sum rest = { 0 };
	unsigned int i;

	for (i = 0; i < KEYS; i++) {
		const struct sum *got = &k->durable.key[i];

		if (sum_equal(got, &want[i]))
			continue;
		if (!k->durable.overflow.posts || got->ns > want[i].ns ||
		    got->bytes > want[i].bytes || got->units > want[i].units ||
		    got->posts > want[i].posts)
			return false;
		sum_add(&rest, want[i].ns - got->ns, want[i].bytes - got->bytes,
			want[i].units - got->units, want[i].posts - got->posts);
	}
	return sum_equal(&rest, &k->durable.overflow);
}

static int judge(struct ksim *k, uint64_t seed)
{
	struct shared *s = k->s;
	struct sum want[KEYS];
	struct acctring_cost c;
	unsigned int key;

	memcpy(want, s->oracle[s->done & 1], sizeof(want));
	k->posts += s->done;
	k->records += s->page.prod - k->first;
	k->overflow_runs += k->durable.overflow.posts != 0;
	if (ledger_is(k, want))
		return 0;
	if (s->started == s->done + 1) {
		key = cost_of(seed, s->done, &c);
		sum_add(&want[key], c.ns, c.bytes, c.units, 1);
		k->in_flight++;
		if (ledger_is(k, want))
			return 0;
	}
	printf("# run %u: the ledger is neither the sum of the %llu done posts nor of one more\n",
	       k->run, (unsigned long long)s->done);
	return -1;
}

/* ------------------------------------------------------------------ */

/* The life of one poster: microseconds to milliseconds. */
static int live(struct ksim *k, pid_t pid)
{
	uint64_t span = (uint64_t)20000 << mix(&k->rng) % 8, until, next, t;
	int ret = 0;

	while (!ld_acquire(&k->s->done) && !waitpid(pid, NULL, WNOHANG))
		;
	until = now_ns() + mix(&k->rng) % span;
	next = now_ns();
	for (t = now_ns(); t < until && !ret; t = now_ns()) {
		if (t < next)
			continue;
		ret = accountant_tick(k);
		/* mostly in a hurry, sometimes late */
		next = now_ns() + (mix(&k->rng) & 7 ? mix(&k->rng) % 2000 : mix(&k->rng) % 50000);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return ret;
}

static int run(struct ksim *k)
{
	uint64_t seed = mix(&k->rng);
	pid_t pid;

	memset(k->s, 0, sizeof(*k->s));
	memset(&k->durable, 0, sizeof(k->durable));
	/* positions wrap in half of the runs */
	if (seed & 1) {
		k->s->page.prod = k->s->reply.cons = 0xfffff000u + (seed >> 1 & 0xfff);
		k->durable.lane.pos = k->s->page.prod;
	}
	k->first = k->s->page.prod;
	restart(k);
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid)
		poster(k->s, seed);
	if (live(k, pid))
		return -1;
	if (drain(k, ACCTRING_DRAIN_LAST))
		return -1;
	commit(k);
	return judge(k, seed);
}

static int usage(int code)
{
	fprintf(code ? stderr : stdout,
		"usage: ring_ksim [--kills N] [--seconds S] [--seed SEED]\n"
		"Kills posters and judges the ledger; stops at the first difference.\n");
	return code;
}

static int parse(int argc, char **argv, struct ksim *k, unsigned int *kills, unsigned int *seconds)
{
	static const struct option opts[] = {
		{ "kills", required_argument, NULL, 'k' },
		{ "seed", required_argument, NULL, 's' },
		{ "seconds", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'k')
			*kills = (unsigned int)strtoul(optarg, NULL, 0);
		else if (c == 's')
			k->seed = strtoull(optarg, NULL, 0);
		else if (c == 't')
			*seconds = (unsigned int)strtoul(optarg, NULL, 0);
		else
			return usage(c == 'h' ? 0 : 2);
	}
	return -1;
}

int main(int argc, char **argv)
{
	static struct ksim k;
	unsigned int kills = 1000, seconds = 60;
	uint64_t end;
	int ret;

	if (getrandom(&k.seed, sizeof(k.seed), 0) != sizeof(k.seed))
		return 1;
	ret = parse(argc, argv, &k, &kills, &seconds);
	if (ret >= 0)
		return ret;
	k.s = mmap(NULL, sizeof(*k.s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k.s == MAP_FAILED)
		return 1;
	printf("# seed %#llx\n", (unsigned long long)k.seed);
	fflush(stdout);
	k.rng = k.seed;
	end = now_ns() + (uint64_t)seconds * 1000000000u;
	for (ret = 0; !ret && k.run < kills && now_ns() < end;) {
		k.run++;
		ret = run(&k);
	}
	printf("kills=%u posts=%llu records=%llu in_flight=%llu overflow_runs=%llu crashes=%llu "
	       "%s\n",
	       k.run, (unsigned long long)k.posts, (unsigned long long)k.records,
	       (unsigned long long)k.in_flight, (unsigned long long)k.overflow_runs,
	       (unsigned long long)k.crashes, ret ? "DIFFERENT" : "exact");
	return ret ? 1 : 0;
}
