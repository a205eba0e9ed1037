/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * vbd.h - a connected virtual disk and its queues.  Each queue has a ring, a
 * thread that serves it and a lane, so a slow file delays nobody else and the
 * kernel divides the CPU.
 */
#ifndef BACKEND_BLOCK_VBD_H
#define BACKEND_BLOCK_VBD_H

#include <pthread.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "backend/admission.h"
#include "backend/backend.h"
#include "backend/block/aio.h"
#include "backend/block/check.h"
#include "backend/block/file.h"
#include "backend/block/flush.h"
#include "backend/block/gate.h"
#include "backend/block/gauge.h"
#include "backend/block/ring.h"

#define QUEUES FLUSHERS /* most of a disk */
#define SLOTS 128u /* most requests of a queue that are in flight */
#define FLYING_PAGES 1024u /* most pages of them */
#define SIZES 5u /* of requests, whose costs are gauged apart */
#define COPIES (2 * SEGMENTS) /* most segments of one grant copy */

/* A request in flight. */
struct slot {
	struct slot *next; /* of those that are free, or that worked */
	struct slot *after; /* in the grant copy */
	struct request r;
	struct transfer t;
	struct iovec iov[SEGMENTS];
	bool held; /* its data: data_get() without data_put() */
	bool again; /* it was put a second time */
	bool copied; /* in our pages; else the guest's are mapped */
	char *map;
	uint16_t page[SEGMENTS]; /* of the queue's pool */
	int16_t status;
	bool answered; /* to be billed */
	bool gauged; /* its data has cost something */
	bool worked; /* since the queue's clock was read, so many cycles: */
	uint64_t cycles, data_cycles; /* for it alone, and of those for its data */
	uint64_t ns, data_ns; /* CPU burned, up to then */
	uint64_t end; /* counter */
	uint32_t wait; /* ns in the ring */
	uint8_t flags; /* ACCTRING_F_* */
};

struct queue {
	struct vbd *v;
	struct queue *next; /* in the list of those that end */
	unsigned int id;
	bool running;
	pthread_t thread;
	xengnttab_handle *xgt;
	xenevtchn_handle *xce;
	evtchn_port_t port;
	struct ring ring;
	/* the thread's own */
	struct acctring_lane *lane;
	struct gate_turn turn;
	unsigned int weight; /* of what it did in this turn */
	unsigned int taken; /* requests, likewise */
	uint64_t burned, charged; /* ns, in all: as the clock said, and to the guest in the gate */
	struct aio aio;
	/* what the file cannot do without waiting: [past the page cache][writes] */
	bool waits[2][2];
	struct slot *slots, *free;
	unsigned int pages; /* in flight */
	enum grants way; /* to the guest's pages */
	char *pool; /* FLYING_PAGES of our own, or NULL */
	uint16_t spare[FLYING_PAGES];
	unsigned int spares;
	/* to be copied by the hypervisor at once, between the guest's pages and ours */
	xengnttab_grant_copy_segment_t *copies; /* COPIES, or NULL */
	struct slot *copying, **last_copying;
	unsigned int segments; /* of them */
	struct gauge gauge[SIZES][2]; /* mapping against copying; reads, writes */
	/* cost.c: since the thread's CPU clock was read, which was then `clock` */
	uint64_t clock;
	struct slot *working; /* these have worked */
	unsigned int workers, answered; /* so many, of them so many to be billed */
	uint64_t cycles; /* for so long */
	uint64_t mark; /* the counter when last read */
	unsigned int unposted; /* requests that were taken, and are not billed yet */
	struct admission admission;
	uint64_t event_at; /* the counter when an event came; 0: requests were seen since */
	int masked; /* the port whose event was taken, or -1 */
	bool worked; /* since then */
	bool touched; /* the file, in this turn, if that was due */
	bool waited; /* for the file, since it was last looked whether it is the end */
	const char *broken; /* why the thread ended by itself, or NULL */
};

struct vbd {
	struct device *d;
	/* the file: from offer to release */
	struct file file;
	struct disk disk; /* vbd_disk(): .sectors and .lost change while it is served */
	struct flushes flushes;
	bool told; /* of an error of the file's */
	uint32_t info; /* VDISK_* */
	/* the connection */
	struct gate *gate;
	struct gate_guest *guest;
	int wake; /* eventfd, never read: the main thread wants the end */
	unsigned int lanes; /* reserved */
	unsigned int queues, running;
	struct queue *queue;
	const char *broken; /* of the first queue that broke */
};

/* The disk as it is now. */
static inline struct disk vbd_disk(const struct vbd *v)
{
	return (struct disk){
		.sectors = __atomic_load_n(&v->disk.sectors, __ATOMIC_RELAXED),
		.readonly = v->disk.readonly,
		.discard = v->disk.discard,
		.lost = __atomic_load_n(&v->disk.lost, __ATOMIC_RELAXED),
	};
}

static inline void vbd_resize(struct vbd *v, uint64_t bytes)
{
	__atomic_store_n(&v->disk.sectors, bytes / SECTOR, __ATOMIC_RELAXED);
}

/* data.c: BLKIF_RSP_OKAY or _ERROR. */
/* The segments of an indirect request, from its pages. */
int16_t data_indirect(struct queue *q, struct slot *s);
/* Memory for s->t; what is to be written is there when it does not data_wait(). */
int16_t data_get(struct queue *q, struct slot *s);
/* Gives it back; what was read is with the guest when it did not data_wait(). */
void data_put(struct queue *q, struct slot *s);
/* Is it to be copied: before it is written, after it was read? */
static inline bool data_waits(const struct slot *s, bool read)
{
	return s->held && s->copied && s->t.write != read;
}

/* Gets in line for the next copy; there is room for one more. */
void data_line_up(struct queue *q, struct slot *s);
static inline bool data_room(const struct queue *q)
{
	return q->segments + SEGMENTS <= COPIES;
}
/* Copies for all in line: they, by ->after, and how it went in ->status. */
struct slot *data_copy(struct queue *q);
/* s->data_ns is what its data has cost. */
void data_cost(struct queue *q, const struct slot *s);
bool data_open(struct queue *q);
void data_close(struct queue *q);

/* cost.c */
void cost_open(struct queue *q);
/* What the counter has counted since it was last looked at is nobody's own; or it is returned. */
void cost_skip(struct queue *q);
uint64_t cost_spent(struct queue *q);
/* A request had so much of it for itself alone. */
void cost_worked(struct queue *q, struct slot *s, uint64_t cycles);
/* It is over, and is billed when the queue is next settled. */
void cost_answered(struct queue *q, struct slot *s);
/* Divides what was burned among those that worked. */
void cost_settle(struct queue *q);
/* What was burned and not counted since the clock was read is this request's. */
void cost_waited(struct queue *q, struct slot *s);
/* A kick that brought nothing. */
void cost_idle_event(struct queue *q);

/* queue.c */
enum served {
	SERVED_ALL, /* the ring is empty, an event will come */
	SERVED_SOME, /* there is more */
	SERVED_FULL, /* there is more when some that are in flight are done */
	SERVED_BLOCKED, /* the guest may not spend more */
	SERVED_BROKEN /* the ring */
};
bool queue_open(struct queue *q);
/* Answers all that is in flight; waits for the file. */
void queue_close(struct queue *q);
/* Bounded work: takes requests, answers what is done. */
enum served queue_turn(struct queue *q);

/* thread.c: around queue_turn(), but not while it waits: gate.h. */
void queue_enter(struct queue *q);
void queue_leave(struct queue *q);
void queue_again(struct queue *q);
/* Serves until woken or broken, then reports to the main thread. */
void *queue_thread(void *queue);
void queue_ended(struct queue *q);

/* connect.c: 0, or -errno and device_fail()ed. */
int vbd_publish(struct vbd *v, unsigned int queues);
int vbd_map(struct vbd *v, unsigned int most);
void vbd_unmap(struct vbd *v);
/* What the disk is now, to a frontend that is connected; false and errno. */
bool vbd_publish_size(struct vbd *v);

#endif
