/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * acctring/acctring.h - for backends: post what a request cost.
 *
 *	struct acctring *r = acctring_open(NULL);
 *	int payer = acctring_payer_open(r, domid, ACCTRING_KIND_VBD, device);
 *	struct acctring_lane *l = acctring_lane_open(r);	// on the thread
 *	...
 *	struct acctring_span s;
 *	acctring_span_begin(l, &s);
 *	serve(request);
 *	ns = acctring_span_end(l, &s);
 *	acctring_post(l, &(struct acctring_cost){
 *		.ns = ns, .end = s.mark, .bytes = n, .units = 1,
 *		.payer = payer, .klass = ACCTRING_CLASS_READ });
 *
 * Rules that hold for the whole interface
 *
 * Errors	int functions return 0 or a positive result, or -errno;
 *		functions that return a pointer return NULL and set errno.
 *		Nothing is ever printed or logged.
 * Threads	one link may be used by all threads; a lane belongs to ONE
 *		posting thread at a time.  The library runs one control thread
 *		per link, with all signals blocked.
 * Signals	acctring_post and acctring_admit may be called in a signal
 *		handler, but not on a lane that the handler may have
 *		interrupted: give the handler a lane of its own.  Nothing
 *		else here is async-signal-safe.
 * fork		the child of fork() has no link: its pages are not inherited,
 *		and post, admit and payer_open return at once (-EPIPE, true,
 *		-EPIPE).  It may acctring_close() what it inherited and open
 *		anew.  Programs that daemonise open after daemon().
 * exec		closes everything; the accountant sees the link die and
 *		bills what was posted.
 * Versions	libacctring.so.1; structures that the caller allocates begin
 *		with their size or never grow.
 */
#ifndef ACCTRING_ACCTRING_H
#define ACCTRING_ACCTRING_H

#include <acctring/abi.h>
#include <errno.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct acctring;

/*
 * Version of the library as "major.minor.patch".  Static; never fails.
 */
const char *acctring_version(void);

/* ------------------------------------------------------------------ */
/* Link                                                                */

struct acctring_options {
	size_t size; /* sizeof(struct acctring_options) */
	const char *program; /* shown to operators; NULL: the process's name */
	unsigned int lanes; /* 1..256, 0: 4 */
	int ring_pages; /* per lane: 0 (sums only), 1, 2, 4 .. 64; -1: 8 */
	unsigned int payers; /* rows, 1..3719; 0: 247; rounded up to pages */
	int accountant; /* its domid; -1: as xenstore names it, else 0 */
	unsigned int flags; /* ACCTRING_OPEN_*; what the library does not know is left out */
};

/*
 * acctring_admit() is never called, as by who posts for work that others do.  Limits
 * cannot hold there, and operators are told so.
 */
#define ACCTRING_OPEN_NEVER_ASKS 1u
/* What is posted here is all that the CPUs of this domain do, for others and for itself. */
#define ACCTRING_OPEN_TELLS_ALL 2u

#define ACCTRING_OPTIONS_INIT                                          \
	{                                                              \
		sizeof(struct acctring_options), NULL, 0, -1, 0, -1, 0 \
	}

/*
 * Opens a link.  NULL as options: the defaults.  Returns at once (it may
 * take some 50 ms, to measure the cycle counter and to grant the pages; where the
 * machine or xenstore is slow up to a second) and then connects, and connects
 * again, for ever in the background: no accountant, no xenstore, no grant device
 * or no directory for the slot's
 * lock ($ACCTRING_RUNDIR, else /run/acctring, root's or ours, writable by
 * nobody else) is not an error, it shows in acctring_stats().  Posting works from the start.
 *
 * When a domain's grants (gntalloc: 1024) do not suffice, ring_pages is
 * halved down to 0; then NULL with errno ENOSPC: acctring_pages() tells how
 * many pages the options need at the least.
 *
 * errno: EINVAL (an option out of range), ENOSPC, ENOMEM, EAGAIN (no thread).
 * May block; not from a signal handler.
 */
struct acctring *acctring_open(const struct acctring_options *options);

/*
 * Grant pages that these options need: `least` after shrinking to sums-only
 * lanes, otherwise as asked.  -EINVAL for options out of range.
 */
int acctring_pages(const struct acctring_options *options, bool least);

/*
 * Closes the link: closes its lanes, tells the accountant, waits up to
 * `wait_ms` (0..60000) until all that was posted is committed, then gives
 * the pages back.  Returns the number of posts that the accountant had not
 * committed by then (they are in its hands if it is attached: it drains a
 * dead link once more), or -EINVAL.  No other call on the link may be
 * running.  Blocks.
 */
int acctring_close(struct acctring *r, unsigned int wait_ms);

enum acctring_state {
	ACCTRING_LOCAL, /* no grants yet: pages are private memory */
	ACCTRING_WAITING, /* granted and published, no accountant attached */
	ACCTRING_ATTACHED, /* an accountant drains */
	ACCTRING_REFUSED, /* quarantined by the accountant; see `reason` */
};

struct acctring_stats {
	size_t size; /* set by the caller */
	enum acctring_state state;
	int error; /* why the last try to connect failed, -errno or 0 */
	char reason[64]; /* the accountant's words when refused */
	uint64_t epoch;
	unsigned int accountant; /* domid */
	unsigned int ring_pages; /* after shrinking */
	unsigned int lanes, lanes_open;
	unsigned int payers, payers_open;
	uint64_t recorded; /* posts that went into rings */
	uint64_t spilled; /* posts that went into spill rows */
	uint64_t overflowed; /* of those, that found no row of their own */
	uint64_t pending; /* posts not yet committed by the accountant */
	uint64_t moves; /* lanes that moved to new pages */
	unsigned int payers_used; /* rows ever opened: at `payers` none is left */
	uint64_t left_behind; /* posts given up with pages of an earlier accountant */
};

/* Fills *stats.  -EINVAL if stats->size is 0.  Any thread; takes a lock. */
int acctring_stats(struct acctring *r, struct acctring_stats *stats);

/* ------------------------------------------------------------------ */
/* Payers                                                              */

/*
 * A row for one connected device: frontend domain 0..32751, kind
 * ACCTRING_KIND_*, device id.  Returns the payer number (> 8), never used
 * again while the link is open.  -ENOSPC when the rows are used up, which
 * acctring_stats() shows coming (`payers_used` of `payers`): what is posted to
 * ACCTRING_PAYER_OWN then is billed to nobody but the backend's own domain, so
 * refuse the device or say so loudly, and open a link with more `payers`.
 * -EINVAL, -EPIPE.  Any thread; takes a lock, no system call.
 */
int acctring_payer_open(struct acctring *r, unsigned int domid, unsigned int kind,
			unsigned int device);

/* The device is disconnected; posts that still come are billed to it. */
int acctring_payer_close(struct acctring *r, int payer);

/* ------------------------------------------------------------------ */
/* Lanes                                                               */

/*
 * What the inline functions below need of a lane.  Read-only for callers
 * and part of the library's binary interface.
 */
struct acctring_lane {
	uint32_t stop; /* fast path while stop - 1 - prod < slots */
	uint32_t slots;
	uint32_t mask; /* slots - 1 */
	uint32_t payers; /* payer numbers are 8 .. payers - 1 */
	uint32_t *prod; /* in the lane page */
	struct acctring_record *ring;
	uint64_t *spent; /* private: ns posted, by payer number */
	const struct acctring_allowance *allowance; /* by payer number */
	uint64_t mult; /* ns = cycles * mult >> shift */
	uint32_t shift;
	uint32_t counter; /* ACCTRING_COUNTER_* */
};

/*
 * A lane for the calling thread; its CPU clock is published with it.
 * -> NULL: errno EBUSY (all lanes of the link are open), EPIPE, ENOMEM.
 * Blocks shortly.
 */
struct acctring_lane *acctring_lane_open(struct acctring *r);

/*
 * The same, and says on what the lane's clock rests: ACCTRING_BASIS_* (abi.h); it is
 * ACCTRING_BASIS_THREAD of acctring_lane_open().  For people who judge a bill; nothing else
 * depends on it.  A lane that had another basis is taken last: what was posted there and not
 * yet read counts as this one.  errno EINVAL, too.
 */
struct acctring_lane *acctring_lane_open_basis(struct acctring *r, unsigned int basis);

/* Gives the lane back.  On the thread that opened it.  Blocks shortly. */
void acctring_lane_close(struct acctring_lane *l);

/*
 * For a program that posts for threads which are not its own, as those of a
 * kernel: from the first call on the lane's CPU clock is not this thread's but
 * `ns`, what those threads have burned since the lane was opened.  It only
 * grows: a smaller value changes nothing.  Call it after the posts that it
 * pays for.  A lane whose clock runs faster than time is cut by the
 * accountant, so threads that run side by side need a lane each.  0, or
 * -EPIPE after fork.  On the lane's thread; takes a lock shortly.
 */
int acctring_lane_clock(struct acctring_lane *l, uint64_t ns);

/* ------------------------------------------------------------------ */
/* Posting                                                             */

struct acctring_cost {
	uint64_t end; /* counter when the work ended (span.mark); 0: unknown */
	uint64_t ns; /* CPU time claimed for it */
	uint64_t bytes;
	uint32_t wait; /* ns the request waited before the work began; ~0: more */
	uint32_t units; /* requests, frames: what the class counts */
	uint16_t payer; /* from acctring_payer_open, or ACCTRING_PAYER_OWN */
	uint16_t cause; /* payer that made the work happen, 0: outside, unknown */
	uint8_t klass; /* ACCTRING_CLASS_* */
	uint8_t flags; /* ACCTRING_F_* */
};

/* compilers find acctring_post too long, but called it costs three times as much */
#define ACCTRING_INLINE static inline __attribute__((__always_inline__))
#define ACCTRING_UNLIKELY(x) __builtin_expect(!!(x), 0)
typedef uint64_t __attribute__((__may_alias__)) acctring_word;

/* Full ring, large cost, move to new pages, after fork: in the library. */
int acctring__post_slow(struct acctring_lane *l, uint64_t end, uint64_t ns, uint64_t bytes,
			uint64_t wait_units, uint64_t payer_cause_class_flags);
bool acctring__admit_more_slow(const struct acctring_lane *l, unsigned int payer, uint64_t pending);

/* Not for callers: the record at p, then the index. */
ACCTRING_INLINE void acctring__put(struct acctring_lane *l, uint32_t p,
				   const struct acctring_cost *c)
{
	acctring_word *w = (acctring_word *)&l->ring[p & l->mask];

	__atomic_store_n(w, c->end, __ATOMIC_RELAXED);
	__atomic_store_n(w + 1, c->wait | c->ns << 32, __ATOMIC_RELAXED);
	__atomic_store_n(w + 2, c->bytes | (uint64_t)c->payer << 32 | (uint64_t)c->cause << 48,
			 __ATOMIC_RELAXED);
	__atomic_store_n(w + 3,
			 c->units | (uint64_t)c->klass << 16 | (uint64_t)c->flags << 24 |
				 (uint64_t)p << 48,
			 __ATOMIC_RELAXED);
	/* P1 -> D1: the record before the index */
	__atomic_store_n(l->prod, p + 1, __ATOMIC_RELEASE);
}

/*
 * Posts one cost record.  Wait-free: no lock, no system call, no
 * allocation, no notification, whatever the accountant does.  The post is
 * done when this returns; interrupted by a kill, it is there whole or not
 * at all.  Returns 0; -EINVAL: payer, cause or class out of range, nothing posted;
 * -EPIPE: in the child of a fork.  On the lane's thread.
 * Algorithm: docs/protocol.md, "Posting".
 */
ACCTRING_INLINE int acctring_post(struct acctring_lane *l, const struct acctring_cost *c)
{
	uint32_t p = __atomic_load_n(l->prod, __ATOMIC_RELAXED);
	uint32_t stop = __atomic_load_n(&l->stop, __ATOMIC_RELAXED);

	if (ACCTRING_UNLIKELY(stop - 1 - p >= l->slots ||
			      ((c->ns | c->bytes) >> 32 | c->units >> 16) ||
			      c->payer - 8u >= l->payers - 8u || c->cause >= l->payers ||
			      c->klass - 1u >= ACCTRING_CLASSES - 1u))
		/* by value: so that *c never needs to be in memory */
		return acctring__post_slow(
			l, c->end, c->ns, c->bytes, c->wait | (uint64_t)c->units << 32,
			c->payer | (uint32_t)c->cause << 16 | (uint64_t)c->klass << 32 |
				(uint64_t)c->flags << 40);

	l->spent[c->payer] += c->ns;
	acctring__put(l, p, c);
	return 0;
}

/* The same as a function, for other languages. */
int acctring_post_fn(struct acctring_lane *l, const struct acctring_cost *c);

/*
 * May this payer be served now on this lane?  Ask before taking a request
 * off its ring; when false, leave the ring alone and ask again in 1 or 2 ms, then
 * rarer, but within 20 ms: to ask costs, too.
 * One load and one compare; always true without an accountant, past the
 * end of the allowance, for payers without limit, and for one that was denied
 * and spent nothing for a second, until it has.  On the lane's thread.  Docs: docs/protocol.md, "Allowance".
 *
 * `pending`, ns below 2^62: what was taken for this payer on this lane and is not posted yet
 * will cost about so much.  Who takes several requests before it posts must say so, or
 * a limit is overrun by all of them.
 */
ACCTRING_INLINE bool acctring_admit_more(const struct acctring_lane *l, unsigned int payer,
					 uint64_t pending)
{
	uint64_t ns;

	if (ACCTRING_UNLIKELY(payer >= l->payers))
		return true;
	/* an allowance of 0 is no limit: 0 - 1 is more than was ever spent */
	ns = __atomic_load_n(&l->allowance[payer].ns, __ATOMIC_RELAXED);
	if (!ACCTRING_UNLIKELY(ns - 1 < l->spent[payer] + pending))
		return true;
	return acctring__admit_more_slow(l, payer, pending);
}

/* The same where all that was taken is posted. */
ACCTRING_INLINE bool acctring_admit(const struct acctring_lane *l, unsigned int payer)
{
	return acctring_admit_more(l, payer, 0);
}

bool acctring_admit_fn(const struct acctring_lane *l, unsigned int payer);
bool acctring_admit_more_fn(const struct acctring_lane *l, unsigned int payer, uint64_t pending);

/* ------------------------------------------------------------------ */
/* Spans: how long the work took, by the cycle counter                 */

/*
 * A span is elapsed time: preemption is inside it.  That is enough, because
 * spans only divide; what they divide is the thread's CPU clock, which the
 * lane publishes.  A request with several segments pauses and resumes.
 */
struct acctring_span {
	uint64_t mark; /* counter at the last begin, resume, pause or end */
	uint64_t cycles;
};

uint64_t acctring__clock(void); /* CLOCK_MONOTONIC in ns */

static inline uint64_t acctring_counter(const struct acctring_lane *l)
{
#if defined(__x86_64__)
	if (l->counter == ACCTRING_COUNTER_TSC)
		return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	if (l->counter == ACCTRING_COUNTER_CNTVCT) {
		uint64_t v;

		__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
		return v;
	}
#endif
	(void)l;
	return acctring__clock();
}

/* Cycles of the lane's counter as ns. */
static inline uint64_t acctring_ns(const struct acctring_lane *l, uint64_t cycles)
{
	__extension__ typedef unsigned __int128 wide;

	return (uint64_t)((wide)cycles * l->mult >> l->shift);
}

static inline void acctring_span_begin(const struct acctring_lane *l, struct acctring_span *s)
{
	s->cycles = 0;
	s->mark = acctring_counter(l);
}

static inline void acctring_span_pause(const struct acctring_lane *l, struct acctring_span *s)
{
	uint64_t now = acctring_counter(l);

	s->cycles += now - s->mark;
	s->mark = now;
}

static inline void acctring_span_resume(const struct acctring_lane *l, struct acctring_span *s)
{
	s->mark = acctring_counter(l);
}

/* Ends a running span; returns its ns.  s->mark is then the record's `end`. */
static inline uint64_t acctring_span_end(const struct acctring_lane *l, struct acctring_span *s)
{
	acctring_span_pause(l, s);
	return acctring_ns(l, s->cycles);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* ACCTRING_ACCTRING_H */
