/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * entitle.c and actuate.c: whoever writes, reboots, saves, migrates and dies
 * when: a VM ends as capped as its operator left it, no more and no less.
 *
 * The scheduler and the disk are models here; a kill is a jump out of any of
 * their calls.  Histories are random: SEED=N and COUNT=N repeat and extend.
 */
#include "collector/actuate.h"
#include "collector/keep.h"
#include "common/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VCPUS 4
#define CAP_MAX (100 * VCPUS)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HISTORIES 50000
#else
#define HISTORIES 1000000
#endif

static const uint8_t uuid[16] = { 9 };

/* What is true; the code under test sees only what Xen and the disk say. */
static struct {
	enum sched_kind kind;
	uint16_t domid;
	bool lives;
	bool paused; /* it is being made, with the defaults; next_is comes */
	uint16_t next_is[KNOBS];
	uint16_t is[KNOBS];
	uint16_t right[KNOBS]; /* as the operator left it */
	uint16_t then[KNOBS]; /* or had left it when the image was saved that it was born from */
	uint32_t now_s;
	bool image; /* saved */
	bool image_end; /* and the domain ended with that; else it went on */
	uint32_t image_s; /* then */
	uint16_t image_is[KNOBS], image_right[KNOBS];
	struct entitle disk;
	bool kept;
	unsigned long writes, kills, ambiguous, late, zero, forgotten, meant;
	bool judged; /* no number was written by both */
	unsigned int kill_in; /* calls until we are killed; 0: not */
	unsigned int operator_in; /* calls until the operator writes; 0: not */
	unsigned int fail_in; /* readings until Xen refuses one; 0: not */
} w;
static struct entitle mine; /* what the collector knows: gone when it is killed */
static jmp_buf killed;
static uint64_t state;

static uint64_t rnd(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

/* ---- the log: TRACE=1 shows it, with what is true */

static void show(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static void show(const char *fmt, va_list ap)
{
	static int on = -1;

	if (on < 0)
		on = getenv("TRACE") != NULL;
	if (!on)
		return;
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\t[domain %u: is %u %u, right %u %u]\n", w.domid, w.is[0], w.is[1],
		w.right[0], w.right[1]);
}

#define LOG(name)                       \
	void name(const char *fmt, ...) \
	{                               \
		va_list ap;             \
                                        \
		va_start(ap, fmt);      \
		show(fmt, ap);          \
		va_end(ap);             \
	}
LOG(log_error)
LOG(log_warn)
LOG(log_info)
LOG(log_debug)

/* ---- the operator */

/* One of the few that a VM that is born again may have of us. */
static bool known_ours(enum knob_name which, uint16_t value)
{
	const struct knob *k = &w.disk.knob[which];
	unsigned int i;

	for (i = 0; i < k->ends; i++)
		if (k->ended[i] == value)
			return true;
	return value == k->is || value == k->next ||
	       ((k->ours.bit[value / 64] | k->older.bit[value / 64]) >> (value % 64) & 1);
}

static void operator_writes(void)
{
	enum knob_name k = rnd(4) ? KNOB_CAP : KNOB_WEIGHT;
	uint16_t value = (uint16_t)(k == KNOB_CAP ? rnd(5) * 25 : 128 + rnd(4) * 128);

	if (w.paused)
		return; /* what he writes then, libxl overwrites */
	if (!rnd(3))
		value = (uint16_t)(1 + rnd(CAP_MAX));
	/* the number that is there, or that is just being written: nobody can tell whose it is */
	if (value == w.is[k] || value == mine.knob[k].next ||
	    (w.kept && (value == w.disk.knob[k].is || value == w.disk.knob[k].next))) {
		w.ambiguous++;
		return;
	}
	/* nor one of ours before anybody has looked at a VM that was born again */
	if (w.kept && w.disk.domid != w.domid && known_ours(k, value))
		w.judged = false;
	w.is[k] = w.right[k] = w.then[k] = value;
	log_info("the operator wrote");
}

/* Each call of Xen or of the disk is a place to be killed, or to be overtaken. */
static void here(bool overtaken)
{
	if (w.operator_in && !--w.operator_in && overtaken)
		operator_writes();
	if (w.kill_in && !--w.kill_in) {
		w.kills++;
		log_info("killed");
		longjmp(killed, 1);
	}
}

/* ---- the disk */

/* About to be written, and at this moment it is the operator who has written it. */
static void collision(const struct entitle *e)
{
	int i;

	for (i = 0; i < KNOBS; i++)
		if (e->knob[i].next != e->knob[i].is && e->knob[i].next == w.is[i])
			w.judged = false;
}

int keep_open(const char *path, bool make)
{
	(void)path;
	(void)make;
	return 0;
}

int keep_write(int dir, const struct entitle *e)
{
	(void)dir;
	here(true);
	collision(e);
	w.disk = *e;
	w.kept = true;
	here(true);
	return 0;
}

/* What the head of the line holds. */
int keep_mark(int dir, const struct entitle *e)
{
	int i;

	(void)dir;
	here(true);
	if (!w.kept)
		return -ENOENT;
	collision(e);
	w.disk.domid = e->domid;
	for (i = 0; i < KNOBS; i++) {
		w.disk.knob[i].is = e->knob[i].is;
		w.disk.knob[i].next = e->knob[i].next;
	}
	here(true);
	return 0;
}

uint32_t keep_now(void)
{
	return w.now_s;
}

int keep_remove(int dir, const struct entitle *e)
{
	(void)dir;
	(void)e;
	return 0;
}

int keep_read(int dir, const uint8_t of[16], struct entitle *e)
{
	(void)dir;
	*e = w.disk;
	if (!w.kept)
		memset(e, 0, sizeof(*e));
	memcpy(e->uuid, of, 16);
	return 0;
}

int keep_each(int dir, void (*take)(void *ctx, const struct entitle *e), void *ctx,
	      unsigned int *bad)
{
	(void)dir;
	*bad = 0;
	if (w.kept)
		take(ctx, &w.disk);
	return 0;
}

/* ---- the scheduler, by its own rules */

static int refuse(int err)
{
	errno = err;
	return -1;
}

static int get(enum sched_kind kind, uint32_t domid, uint16_t *weight, uint16_t *cap)
{
	here(false);
	if (w.fail_in && !--w.fail_in)
		return refuse(ENOMEM);
	if (!w.lives || domid != w.domid)
		return refuse(ESRCH);
	if (kind != w.kind)
		return refuse(EINVAL);
	*weight = w.is[KNOB_WEIGHT];
	*cap = w.is[KNOB_CAP];
	return 0;
}

static void set_cap(uint16_t cap)
{
	if (!cap && w.is[KNOB_CAP] && w.right[KNOB_CAP] && w.then[KNOB_CAP] && w.judged)
		w.zero++;
	w.is[KNOB_CAP] = cap;
}

static int set(enum sched_kind kind, uint32_t domid, uint16_t weight, uint16_t cap)
{
	here(false);
	if (!w.lives || domid != w.domid)
		return refuse(ESRCH);
	if (kind != w.kind)
		return refuse(EINVAL);
	w.writes++;
	if (weight)
		w.is[KNOB_WEIGHT] = weight;
	if (kind == SCHED_CREDIT2) {
		if (cap > CAP_MAX)
			return refuse(EINVAL); /* after the weight was set */
		set_cap(cap);
	} else if (cap != 0xffff) {
		set_cap(cap);
	}
	here(false);
	return 0;
}

int xc_sched_credit2_domain_get(xc_interface *xc, uint32_t d, struct xen_domctl_sched_credit2 *s)
{
	(void)xc;
	return get(SCHED_CREDIT2, d, &s->weight, &s->cap);
}

int xc_sched_credit_domain_get(xc_interface *xc, uint32_t d, struct xen_domctl_sched_credit *s)
{
	(void)xc;
	return get(SCHED_CREDIT, d, &s->weight, &s->cap);
}

int xc_sched_credit2_domain_set(xc_interface *xc, uint32_t d, struct xen_domctl_sched_credit2 *s)
{
	(void)xc;
	return set(SCHED_CREDIT2, d, s->weight, s->cap);
}

int xc_sched_credit_domain_set(xc_interface *xc, uint32_t d, struct xen_domctl_sched_credit *s)
{
	(void)xc;
	return set(SCHED_CREDIT, d, s->weight, s->cap);
}

xc_cpupoolinfo_t *xc_cpupool_getinfo(xc_interface *xc, uint32_t pool)
{
	static xc_cpupoolinfo_t info;

	(void)xc;
	info.cpupool_id = pool;
	info.sched_id = w.kind == SCHED_CREDIT2 ? XEN_SCHEDULER_CREDIT2 : XEN_SCHEDULER_CREDIT;
	return &info;
}

void xc_cpupool_infofree(xc_interface *xc, xc_cpupoolinfo_t *info)
{
	(void)xc;
	(void)info;
}

int xc_domain_getinfolist(xc_interface *xc, uint32_t first, unsigned int max, xc_domaininfo_t *info)
{
	(void)xc;
	(void)max;
	if (!w.lives || w.domid < first)
		return 0;
	memset(info, 0, sizeof(*info));
	info->domain = w.domid;
	info->flags = w.paused ? XEN_DOMINF_paused : 0;
	memcpy(info->handle, uuid, 16);
	return 1;
}

/* ---- the toolstack */

/* The values that libxl read, at any time, are those that it is born with. */
static void born(const uint16_t is[KNOBS], const uint16_t right[KNOBS], bool older)
{
	int i;

	w.domid++;
	for (i = 0; i < KNOBS; i++) {
		w.then[i] = right[i];
		if (is[i] == right[i]) {
			/* its own; nobody can tell where it is a number that we wrote, too */
			if (w.kept && known_ours((enum knob_name)i, is[i]) &&
			    is[i] != w.disk.knob[i].found)
				w.judged = false;
			w.right[i] = is[i];
		} else if (older && w.kept && !w.image_end &&
			   w.now_s - w.image_s >= ENTITLE_TURN_S &&
			   !known_ours((enum knob_name)i, is[i])) {
			/* it went on for long: nobody knows any more whose that is */
			w.right[i] = w.then[i] = is[i];
			w.forgotten++;
		} else if (older && w.kept) {
			/* what was written since, and nobody of ours has seen, went with the VM */
			w.right[i] = w.disk.knob[i].found;
		}
		w.next_is[i] = is[i];
	}
	/* libxl makes it with the defaults, and gives it these before it runs */
	w.is[KNOB_WEIGHT] = 256;
	w.is[KNOB_CAP] = 0;
	w.paused = true;
	w.lives = true;
	log_info("born again");
}

static void made(void)
{
	if (!w.paused)
		return;
	memcpy(w.is, w.next_is, sizeof(w.is));
	w.paused = false;
	log_info("runs");
}

static void toolstack(void)
{
	static uint16_t is[KNOBS], right[KNOBS];

	if (w.paused) {
		made();
		return;
	}
	switch (rnd(5)) {
	case 4: /* the operator mends its configuration, and it is created anew */
		memcpy(is, w.right, sizeof(is));
		is[KNOB_CAP] = (uint16_t)(1 + rnd(CAP_MAX));
		if (w.kept && !known_ours(KNOB_CAP, is[KNOB_CAP]))
			w.meant++;
		born(is, is, false);
		break;
	case 0: /* reboot */
		memcpy(is, w.is, sizeof(is));
		memcpy(right, w.then, sizeof(right));
		born(is, right, false);
		break;
	case 1: /* save, and go on or not */
		memcpy(w.image_is, w.is, sizeof(is));
		memcpy(w.image_right, w.right, sizeof(right));
		w.image = true;
		w.lives = w.lives && rnd(2);
		/* of one that nobody has seen it is as old as what it was born from */
		w.image_end = !w.lives && w.disk.domid == w.domid;
		w.image_s = w.disk.domid == w.domid ? w.now_s : 0;
		break;
	case 2: /* restore, of an older state it may be */
		if (w.image)
			born(w.image_is, w.image_right, true);
		break;
	default:
		if (w.lives)
			operator_writes();
	}
}

/* ---- the collector */

static const struct hands hands;

static void load(void)
{
	keep_read(0, uuid, &mine);
}

static void collect(void)
{
	enum knob_name k;
	uint16_t right, value;

	if (!w.lives || entitle_young(&mine, w.domid, w.paused) ||
	    actuate_see(&hands, w.kind, &mine, w.domid))
		return;
	k = entitle_of(&mine, KNOB_CAP) ? KNOB_CAP : KNOB_WEIGHT;
	if (k == KNOB_CAP && knob_ours(&mine.knob[KNOB_WEIGHT]))
		actuate_back(&hands, w.kind, &mine, "test");
	right = entitle_of(&mine, k);
	if (k == KNOB_CAP && !right) /* taken away meanwhile */
		return;
	value = (uint16_t)(k == KNOB_CAP ? 1 + rnd(right) : 1 + rnd(2000));
	actuate_write(&hands, w.kind, &mine, k, value, "test");
}

static void give_back(void)
{
	if (w.lives && !entitle_young(&mine, w.domid, w.paused) &&
	    !actuate_see(&hands, w.kind, &mine, w.domid))
		actuate_back(&hands, w.kind, &mine, "test");
}

/* One step of the collector, which a kill may end anywhere. */
static void step(void (*what)(void))
{
	w.kill_in = rnd(5) ? 0 : 1 + (unsigned int)rnd(6);
	w.operator_in = rnd(6) ? 0 : 1 + (unsigned int)rnd(4);
	w.fail_in = rnd(8) ? 0 : 1 + (unsigned int)rnd(4);
	if (!setjmp(killed)) {
		what();
	} else {
		w.kill_in = w.operator_in = w.fail_in = 0;
		if (rnd(2)) /* its watchdog, or the next collector */
			actuate_restore(&hands, "test");
		load();
	}
	w.kill_in = w.operator_in = w.fail_in = 0;
}

static void begin(void)
{
	unsigned long sums[] = { w.writes, w.kills,	w.ambiguous, w.late,
				 w.zero,   w.forgotten, w.meant };

	memset(&w, 0, sizeof(w));
	w.writes = sums[0];
	w.kills = sums[1];
	w.ambiguous = sums[2];
	w.late = sums[3];
	w.zero = sums[4];
	w.forgotten = sums[5];
	w.meant = sums[6];
	w.now_s = 1000000;
	w.kind = rnd(2) ? SCHED_CREDIT : SCHED_CREDIT2;
	w.domid = 1;
	w.lives = w.judged = true;
	w.is[KNOB_WEIGHT] = w.right[KNOB_WEIGHT] = w.then[KNOB_WEIGHT] = 256;
	w.is[KNOB_CAP] = w.right[KNOB_CAP] = w.then[KNOB_CAP] = (uint16_t)(rnd(4) * 50);
	memset(&mine, 0, sizeof(mine));
	memcpy(mine.uuid, uuid, 16);
}

static bool history(void)
{
	unsigned int i, n = 1 + (unsigned int)rnd(24);

	begin();
	for (i = 0; i < n; i++) {
		w.now_s += (uint32_t)(rnd(6) ? rnd(5) : rnd(3 * ENTITLE_TURN_S));
		if (rnd(3))
			step(collect);
		else if (rnd(3))
			toolstack();
		else
			step(give_back);
	}
	/* at last it ends, well or badly */
	made();
	if (rnd(2))
		give_back();
	else
		actuate_restore(&hands, "test");
	if (!w.judged) {
		w.late++;
		return true;
	}
	for (i = 0; i < KNOBS && w.lives; i++)
		if (w.is[i] != w.right[i] && w.is[i] != w.then[i])
			return false;
	return true;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void histories(void **ctx)
{
	uint64_t i, seed = number("SEED", 1), count = number("COUNT", HISTORIES);

	(void)ctx;
	for (i = 0; i < count; i++) {
		state = (seed + i) * 0x9e3779b97f4a7c15u | 1;
		if (!history())
			fail_msg("SEED=%llu COUNT=1: weight %u cap %u, not %u %u",
				 (unsigned long long)(seed + i), w.is[0], w.is[1], w.right[0],
				 w.right[1]);
	}
	print_message(
		"# %llu histories, %lu writes, %lu kills; %lu times the operator wrote our "
		"number; %lu not judged for it; %lu old images; %lu born with the operator's\n",
		(unsigned long long)count, w.writes, w.kills, w.ambiguous, w.late, w.forgotten,
		w.meant);
	assert_int_equal(w.zero, 0); /* no cap 0 for who has a right to a cap */
	assert_true(w.kills > count / 10 && w.writes > count && w.late < count / 20);
	assert_true(w.forgotten < count / 20 && w.meant > count / 20);
}

/* ------------------------------------------------------------------ */

static void line(void **ctx)
{
	static struct entitle e, f;
	static char text[ENTITLE_LINE];
	unsigned int i;

	(void)ctx;
	memcpy(e.uuid, uuid, 16);
	memcpy(f.uuid, uuid, 16);
	e.domid = 7;
	e.met = true;
	e.want[KNOB_CAP] = 50;
	e.knob[KNOB_CAP] = (struct knob){ .known = true, .found = 60, .is = 42, .next = 43 };
	for (i = 10; i <= 43; i++)
		entitle_plan(&e, KNOB_CAP, (uint16_t)i);
	entitle_plan(&e, KNOB_CAP, 65535);
	e.knob[KNOB_CAP].next = 43;
	entitle_kept(&e);
	entitle_line(&e, text, sizeof(text));
	assert_non_null(strstr(text, " cap_ours=10-43,65535"));
	assert_true(entitle_parse(text, &f));
	assert_memory_equal(&e, &f, sizeof(e));
	entitle_head(&e, text);
	assert_int_equal(strlen(text), ENTITLE_HEAD);

	/* the longest */
	for (i = 0; i < 65536; i += 2)
		entitle_plan(&e, KNOB_CAP, (uint16_t)i), entitle_plan(&e, KNOB_WEIGHT, (uint16_t)i);
	for (i = 0; i < KNOBS; i++) {
		e.knob[i].older = e.knob[i].ours;
		e.knob[i].ends = ENTITLE_ENDED;
	}
	entitle_kept(&e);
	assert_true(entitle_line(&e, text, sizeof(text)) < sizeof(text) - 64);
	assert_true(entitle_parse(text, &f));
	assert_memory_equal(&e, &f, sizeof(e));
}

static void bad_lines(void **ctx)
{
	static struct entitle e;
	static const char *const bad[] = {
		"", "v=2 domid=1", "v=1 domid=1 weight=1",
		"v=1 domid=70000 weight=1 weight_next=1 cap=1 cap_next=1"
	};
	size_t i;

	(void)ctx;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(entitle_parse(bad[i], &e));
}

/* A write that does not take: the scheduler does nothing, as null does. */
static void wrong_scheduler(void **ctx)
{
	uint16_t is[KNOBS], now = 0;

	(void)ctx;
	state = 1;
	begin();
	w.kind = SCHED_CREDIT;
	assert_int_equal(sched_get(NULL, SCHED_CREDIT2, 1, is), -EINVAL);
	assert_int_equal(sched_get(NULL, SCHED_NONE, 1, is), -EOPNOTSUPP);
	assert_int_equal(sched_get(NULL, SCHED_CREDIT, 2, is), -ESRCH);
	w.is[KNOB_CAP] = 50;
	assert_int_equal(sched_set(NULL, SCHED_CREDIT, 1, KNOB_CAP, 49, 10, &now), -EAGAIN);
	assert_int_equal(now, 50);
	assert_int_equal(w.is[KNOB_CAP], 50);
	assert_int_equal(sched_set(NULL, SCHED_CREDIT, 1, KNOB_WEIGHT, 256, 512, &now), 0);
	assert_int_equal(w.is[KNOB_CAP], 50);
	w.kind = SCHED_CREDIT2;
	assert_int_equal(sched_set(NULL, SCHED_CREDIT2, 1, KNOB_WEIGHT, 512, 300, &now), 0);
	assert_int_equal(w.is[KNOB_CAP], 50);
	assert_int_equal(w.is[KNOB_WEIGHT], 300);
}

/* What we wrote an hour before the end is the operator's, if a VM is born with it; lately: ours. */
static void lately(void **ctx)
{
	uint16_t is[KNOBS] = { 256, 60 };
	enum knob_seen seen[KNOBS];

	(void)ctx;
	state = 1;
	begin();
	entitle_see(&mine, 1, is, seen);
	entitle_turn(&mine, w.now_s);
	entitle_plan(&mine, KNOB_CAP, 28);
	mine.knob[KNOB_CAP].is = mine.knob[KNOB_CAP].next = 60;
	assert_false(entitle_turn(&mine, w.now_s + ENTITLE_TURN_S - 1));
	assert_true(entitle_turn(&mine, w.now_s + ENTITLE_TURN_S));
	is[KNOB_CAP] = 28;
	w.disk = mine;
	entitle_see(&mine, 2, is, seen);
	assert_int_equal(seen[KNOB_CAP], KNOB_OURS);
	assert_int_equal(entitle_of(&mine, KNOB_CAP), 60);
	/* and from then on: there is an image with it */
	entitle_turn(&mine, w.now_s + 9 * ENTITLE_TURN_S);
	entitle_see(&mine, 3, is, seen);
	assert_int_equal(seen[KNOB_CAP], KNOB_OURS);

	mine = w.disk;
	assert_true(entitle_turn(&mine, w.now_s + 2 * ENTITLE_TURN_S));
	assert_true(entitle_empty(&mine));
	entitle_see(&mine, 2, is, seen);
	assert_int_equal(seen[KNOB_CAP], KNOB_THEIRS);
	assert_int_equal(entitle_of(&mine, KNOB_CAP), 28);
}

/* Written, and it cannot be read whether: it is ours as well as what was there before. */
static void unread(void **ctx)
{
	(void)ctx;
	state = 1;
	begin();
	w.is[KNOB_CAP] = 60;
	assert_int_equal(actuate_see(&hands, w.kind, &mine, 1), 0);
	w.fail_in = 2;
	assert_int_equal(actuate_write(&hands, w.kind, &mine, KNOB_CAP, 28, "test"), -ENOMEM);
	assert_int_equal(w.is[KNOB_CAP], 28);
	/* nothing more before it was seen */
	assert_int_equal(actuate_write(&hands, w.kind, &mine, KNOB_CAP, 27, "test"), -EBUSY);
	assert_int_equal(actuate_see(&hands, w.kind, &mine, 1), 0);
	assert_int_equal(entitle_of(&mine, KNOB_CAP), 60);
	assert_int_equal(actuate_back(&hands, w.kind, &mine, "test"), 0);
	assert_int_equal(w.is[KNOB_CAP], 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(wrong_scheduler),
		cmocka_unit_test(lately),
		cmocka_unit_test(unread),
		cmocka_unit_test(histories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
