/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * debt.h - a VM pays with its own CPU for what driver domains burned for it.
 *
 *   vms.c     which VMs: served, not exempt, under a scheduler that can
 *   windows.c what each used and was charged, in a window; the law; the writes
 *   mode.c    observe, guard, debt: from one to the other
 *   watchdog.c  gives back when the collector was killed
 *   control.c   requests of acctctl
 *   owed.c    what stands in the store of it
 *   through.c   what a driver domain is charged goes on to its own clients
 *
 * In observe and guard the law runs, too, and nothing is written.  Limits at driver
 * domains are the accountants': they are told the mode (tree.c).
 */
#ifndef COLLECTOR_DEBT_H
#define COLLECTOR_DEBT_H

#include "collector/actuate.h"
#include "collector/config.h"
#include "collector/cost.h"
#include "collector/cpus.h"
#include "collector/weights.h"

#include <event2/event.h>
#include <sys/types.h>

struct lines;
struct collector;
struct domain;

/* ns of the last seconds: of this slot of time (through.c), and of the one before. */
struct lately {
	uint64_t slot, before, now;
};

/* What a driver domain charged a domain that works for others. */
struct passed {
	uint16_t backend;
	uint8_t uuid[16];
	uint64_t ns, every_ns;
};

/* Why nothing is taken from a VM, worst first. */
enum debt_why {
	DEBT_ON,
	DEBT_EXEMPT, /* dom0, a driver domain, an accountant, a stub domain */
	DEBT_NO_SCHEDULER, /* its pool's has no caps */
	DEBT_TWICE, /* two domains have its UUID: it migrates */
	DEBT_HELD, /* acctctl hold */
	DEBT_BLIND, /* an accountant that told of it is silent */
	DEBT_UNSERVED, /* no driver domain serves it: its weight only follows the others' */
};

struct debt_vm {
	struct entitle e;
	uint16_t domid;
	unsigned int vcpus;
	uint32_t pool;
	enum sched_kind kind;
	enum debt_why why;
	bool here; /* in this round */
	bool stub; /* that domain is a stub domain */
	uint16_t target; /* and whose */
	bool paused;
	unsigned int holds;
	uint64_t looked_ms; /* whether it waits for a CPU */
	int waits; /* 0..1000: part of the looks of late in which it did */
	int wanted; /* vCPUs that ran or wanted to, of late, in 1/1000 */
	uint8_t cpus[CPUS_BYTES];

	struct cost cost; /* charged, and waits to be seen in a window */
	uint64_t cost_ns; /* in this window; while its accountant is silent it waits */
	uint64_t passed_ns; /* charged to others that worked for it, since we run */
	uint64_t cpu_ns; /* as last measured */
	struct lately burned;
	bool measured;
	uint64_t own_ns; /* since the window began */
	enum knob_name knob; /* that was turned last, or would be */
	unsigned int value; /* the law's: what was, or would be, written */
	struct weights_vm law;
};

struct debt_pool {
	uint32_t id;
	enum sched_kind kind;
	uint8_t cpus[CPUS_BYTES];
	uint64_t began_ns; /* of the window */
	uint64_t idle_ns;
	bool idle_known;
	struct contention contention;
	bool here;
};

struct debt {
	enum mode mode;
	enum mode says; /* accountants are told; before mode_begin() what they were told last */
	struct hands hands;
	struct debt_vm **vm;
	struct debt_pool *pool;
	struct passed *passed; /* seen in this pass, not handed out yet */
	size_t vms, pools, charges;
	uint64_t updated_ms; /* vms_update() */
	uint64_t costs_ns; /* when costs were given out last */
	struct event *ev_window;
	pid_t watchdog;
	int watchdog_fd; /* open while we live; closed: it gives back, and ends */
	struct lines *lines; /* control.c */
};

/* windows.c: not marked untrusted in the configuration */
bool driver_trusted(const struct collector *c, uint16_t b);

/* vms.c */
void vms_update(struct collector *c);
struct debt_vm *vm_by_uuid(const struct collector *c, const uint8_t uuid[16]);
/* Also one that does not live: its record alone.  NULL: no memory, or it cannot be read. */
struct debt_vm *vm_known(struct collector *c, const uint8_t uuid[16]);
/* What is kept of those that are known; 0 or -errno: it cannot be read of one. */
int vms_read(struct collector *c, int dir);
void vms_free(struct collector *c);
/* Some accountant of what serves it was heard, and is silent. */
bool vm_is_blind(const struct collector *c, uint16_t domid);
const char *vm_why(enum debt_why why);

/* windows.c: nobody owes anything, and sums begin anew */
void windows_begin(struct collector *c);
/* Driver domain b has charged ns for it, in every_ns. */
void window_charge(struct collector *c, struct debt_vm *v, uint16_t b, uint64_t ns,
		   uint64_t every_ns);
/* After the domains were read. */
void windows_pass(struct collector *c);
/* All gets back what it had, now. */
void windows_give_back(struct collector *c, struct debt_vm *only, const char *why);

/* through.c: the time of struct lately */
uint64_t through_slot(void);
void lately_add(struct lately *l, uint64_t ns, uint64_t slot);
uint64_t lately_sum(struct lately *l, uint64_t slot);
/* false: the VM pays for itself */
bool through_keep(struct collector *c, const struct debt_vm *v, const struct passed *charge);
/* Hands out what was kept. */
void through_pass(struct collector *c);

/* mode.c: 0, or -errno and a line in `error` */
int mode_set(struct collector *c, enum mode mode, const char *who, char *error, size_t size);
/* First of all: accountants go on with what they were told. */
void mode_recall(struct collector *c);
/* As an earlier collector was told, else as configured; what it left is given back. */
void mode_begin(struct collector *c);
void mode_configured(struct collector *c, enum mode before);
void mode_end(struct collector *c);
/* The directory of keep.h, made; 0 or -errno. */
int mode_hands(struct collector *c);

/* watchdog.c */
int watchdog_start(struct collector *c);
void watchdog_stop(struct collector *c);
/* false: it ended, and could not be started again. */
bool watchdog_check(struct collector *c);
/* In the process that watches: returns when the other end of fd is closed and all is given back. */
int watchdog_main(int fd, const char *entitlements);

/* control.c */
bool control_begin(struct collector *c);
void control_end(struct collector *c);

/* enforce.c: whose debt driver domains limit; after the windows, before publish_serving() */
void enforce(struct collector *c);
/* No more of that, published at once. */
void enforce_end(struct collector *c);

/* owed.c */
void owed_publish(struct collector *c);
/* One VM, in words. */
#define OWED_LINE 512
void owed_line(const struct collector *c, const struct debt_vm *v, char line[OWED_LINE]);

#endif
