/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker of a sandbox: one process, one thread, one libevent loop. It plays
 * the hypervisor and, for each domain, the part of the guest kernel that the Xen
 * libraries talk to (gntalloc, gntdev, evtchn, xenbus).
 *
 *   main.c run.c        the program xsandbox; one sandbox from start to end
 *   loop.c              sockets, clients, dispatch of requests
 *   domain.c            domains: create, destroy, zombie, free
 *   init.c exec.c       the init process of a domain; running commands in it
 *   procs.c             the processes of a domain, from /proc
 *   grant.c map.c       granter's side and mapper's side of granted pages
 *   event.c evhandle.c  event channels: hypervisor's part, evtchn device's part
 *   control.c fault.c   toolstack requests; faults on request
 *   env.c               lists of environment strings, say()
 *   cli.c cli_exec.c    the sub-commands that talk to a running sandbox
 *   blob.c              argument and environment vectors in a memfd
 *   store*.c xenbus*.c  modules: xenstored, and the xenbus device of each domain
 *   cpu*.c              modules: CPU time, caps, and the requests of libxenctrl
 *                       and libxencall
 *
 * A module is a struct module in the table of loop.c. Everything runs in the
 * loop: a module must not block (a few ms at create and destroy are fine).
 */
#ifndef SANDBOX_BROKER_H
#define SANDBOX_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <event2/event.h>

#include "sandbox/wire.h"

#define DOMID_MAX 0x7ff0u /* DOMID_FIRST_RESERVED */
#define DOM_SELF 0x7ff0u
#define MODULES 3 /* slots of module data in a domain */

struct broker;
struct client;
struct domain;
struct share;
struct map;
struct port;
struct evhandle;
struct spawn;
struct envlist;

/* ---- what a module gives; every member may be NULL ---- */
struct module {
	const char *name;
	/* Before the first domain; the loop does not run yet. 0 or -errno. */
	int (*start)(struct broker *b);
	/* After the last domain is gone. */
	void (*stop)(struct broker *b);
	/*
	 * The domain has its tables and its init process, but runs no command
	 * yet. Non-zero (-errno) refuses the domain. Called for 0 first; the
	 * store module starts xenstored at domain 0.
	 */
	int (*domain_create)(struct domain *d);
	/* Its processes are dead, its ports are closed; it is dying now. */
	void (*domain_dead)(struct domain *d);
	/* Nothing refers to it any more: free what hangs at it. */
	void (*domain_free)(struct domain *d);
	/* Adds "NAME=value" strings for each process that starts in it. */
	void (*domain_env)(struct domain *d, struct envlist *env);
	/*
	 * A request of XSB_MODULE and up. *rep comes zeroed with op set; fds are
	 * the request's (closed by the loop afterwards unless taken: set to -1).
	 * Returns 0 or -errno, which becomes rep->err; -ENOSYS = not mine.
	 */
	int (*handle)(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *fds,
		      int nfds);
};

/* Slots for module data: d->module[MODULE_STORE] and so on. */
enum { MODULE_STORE, MODULE_XENBUS, MODULE_CPU };

extern const struct module store_module, xenbus_module, cpu_module;

/* ---- a list of environment strings ---- */
struct envlist {
	char **v;
	size_t n, room;
};

/* Replaces a variable of that name. -ENOMEM or 0. */
int env_set(struct envlist *e, const char *name, const char *value);
/* Where libacctring of a domain locks its slots. */
int env_rundir(struct envlist *e, const char *dir, unsigned int domid);
/* The directory of program, an absolute path, at the end of PATH. */
int env_path(struct envlist *e, const char *program);
const char *env_get(const struct envlist *e, const char *name);
int env_copy(struct envlist *e, char *const *from);
void env_free(struct envlist *e);

/* ---- the sandbox ---- */
TAILQ_HEAD(domain_list, domain);
TAILQ_HEAD(client_list, client);
TAILQ_HEAD(spawn_list, spawn);

struct broker {
	struct event_base *base;
	char dir[200]; /* $XSANDBOX; modules may put files there */
	char shimdir[512]; /* LD_LIBRARY_PATH of processes of domains */
	char self[512]; /* path of the program xsandbox */
	struct domain_list domains; /* by domid, dying ones too */
	struct client_list clients;
	int listener;
	struct event *listen_ev, *chld_ev, *term_ev, *int_ev, *hup_ev;
	struct rlimit files; /* what we were started with, for commands */
	/* run.c */
	struct spawn *command;
	int exit_status; /* wait status of the command */
	int signalled; /* first of SIGTERM, SIGINT, SIGHUP or 0 */
	struct event *grace_ev;
	bool stopping;
};

extern struct broker broker;

/* ---- a connection ---- */
struct client {
	TAILQ_ENTRY(client) link;
	struct domain *d; /* NULL before XSB_HELLO */
	int fd;
	pid_t pid; /* who connected, for messages only */
	struct event *ev;
	TAILQ_HEAD(hold_list, share_hold) holds; /* grant.c */
	TAILQ_HEAD(map_list, map) maps; /* map.c */
	struct evhandle *evh; /* event.c */
	struct spawn *spawn; /* exec.c */
	void *module[MODULES];
};

int client_reply(struct client *c, const struct xsb_msg *m, const int *fds, int nfds);
void client_close(struct client *c);
int loop_open(struct broker *b);
void loop_close(struct broker *b);

/* For each module in order; stop, dead and free in reverse. loop.c */
int modules_start(struct broker *b);
void modules_stop(struct broker *b);
int modules_domain_create(struct domain *d);
void modules_domain_dead(struct domain *d);
void modules_domain_free(struct domain *d);
void modules_domain_env(struct domain *d, struct envlist *env);

/* ---- a domain ---- */
struct faults {
	unsigned int delay_ms; /* events to this domain arrive later */
	unsigned int fail_map; /* so many of its map calls fail */
	unsigned int store_eagain; /* so many of its store requests fail */
};

struct grant_table;
struct event_table;

struct domain {
	TAILQ_ENTRY(domain) link;
	uint32_t domid;
	uint8_t uuid[16];
	char name[XSB_NAME];
	bool dying; /* being destroyed, or a zombie */
	bool dead; /* all torn down: freed with the last mapping */
	pid_t init; /* its init process; 0 when dead */
	int init_fd; /* control socket of init */
	struct event *init_ev;
	struct spawn_list spawns;
	struct grant_table *gt;
	struct event_table *et;
	struct faults faults;
	unsigned int mapped; /* mappings by anyone of its pages */
	void *module[MODULES]; /* MODULE_* */
};

struct domain *domain_find(uint32_t domid); /* dying ones too, or NULL */
int domain_create(uint32_t domid, const char *name, const uint8_t uuid[16]);
int domain_destroy(struct domain *d); /* kills; then zombie or freed */
void domain_put_mapped(struct domain *d); /* a mapping of it went; may free d */
/* CPU time of all processes it ever had, in ns; cpu*.c gives it. */
uint64_t domain_cpu_ns(struct domain *d);

/*
 * The process ids of a domain: its init first, then its descendants, zombies too.
 * Returns how many there are; more than max: some were left out. One pass over
 * /proc. procs.c
 */
size_t domain_pids(const struct domain *d, pid_t *pid, size_t max);
void domain_kill_processes(struct domain *d);

/* ---- running commands ---- */
/*
 * The command of one domain_spawn(). exited() is called once, from the loop, with
 * the wait status (SIGKILL when the domain died); the struct is freed after it.
 */
struct spawn {
	TAILQ_ENTRY(spawn) link;
	struct domain *d;
	uint32_t id;
	pid_t pid; /* 0 until init has reported it */
	void (*started)(struct spawn *s, pid_t pid);
	void (*exited)(struct spawn *s, int status);
	void *arg;
};

/*
 * argv and env are NULL-terminated. fds[0..2] become 0, 1, 2 (-1 = /dev/null);
 * cwd is a directory descriptor or -1. None of them is closed here. env is taken
 * as it is: use spawn_env() for that of a normal process of the domain.
 */
int domain_spawn(struct domain *d, char *const *argv, char *const *env, int cwd, const int fds[3],
		 struct spawn *s);
void spawn_signal(struct spawn *s, int sig);
/* from (e.g. environ) + XSANDBOX, XSANDBOX_DOMID, LD_LIBRARY_PATH, ourselves on PATH + modules' */
int spawn_env(struct domain *d, char *const *from, struct envlist *env);

/* ---- grants, from inside the broker ---- */
#define GRANT_RESERVED 8 /* refs 0-7; GNTTAB_RESERVED_XENSTORE is 1 */

/*
 * Makes a zeroed page, grants it at the fixed reference ref (< GRANT_RESERVED) to
 * domain `to`, writable, and returns it mapped, or NULL with errno. It lives
 * until the domain is freed and does not count against gntalloc's limit. *fd, if
 * not NULL, gets its memfd (the grant table's own: do not close).
 */
void *grant_reserved(struct domain *d, uint32_t ref, uint32_t to, int *fd);

/* ---- event channels, from inside the broker ---- */
/*
 * A port of d that the broker itself serves (as the kernel of d would), unbound,
 * for domain `remote` to bind. cb runs in the loop when it is notified; there is
 * no masking. Returns the port or -errno. Closed with the domain, or by
 * event_close().
 */
int event_alloc_internal(struct domain *d, uint32_t remote, void (*cb)(void *arg), void *arg);
int event_bind_internal(struct domain *d, uint32_t remote, uint32_t remote_port,
			void (*cb)(void *arg), void *arg);
/* As EVTCHNOP_send from d: 0, or -EINVAL when port is no port of d. */
int event_send(struct domain *d, uint32_t port);
int event_close(struct domain *d, uint32_t port);
/* Raises a global virq (VIRQ_DOM_EXC, ...) in the domain that has bound it: d. */
void event_virq(struct domain *d, unsigned int virq);

/* One line on the broker's stderr: "xsandbox: ...". */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
