/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Toolstack requests, and running commands in domains. */
#ifndef SANDBOX_BROKER_CONTROL_H
#define SANDBOX_BROKER_CONTROL_H

#include "sandbox/broker/broker.h"

/* control.c: XSB_DOM_*, XSB_EXEC, XSB_SIGNAL, XSB_FAULT; domain 0 only */
int control_call(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep, int *fds,
		 int nfds);
int uuid_parse_text(const char *s, uint8_t uuid[16]);
void uuid_random(uint8_t uuid[16]);

/* fault.c */
int fault_set(struct client *c, const struct xsb_msg *req);

/* exec.c */
int exec_call(struct client *c, const struct xsb_msg *req, int *fds, int nfds);
void exec_signal(struct client *c, int sig);
void exec_client_gone(struct client *c);
/* Starts the init process of a domain. */
int init_start(struct domain *d);
/* Its commands are dead, init is too: tell those who wait for them. */
void init_gone(struct domain *d);

/* The messages between broker and init, on a SOCK_SEQPACKET pair; init has fd 3. */
enum { INIT_SPAWN = 1, INIT_SIGNAL, INIT_STARTED, INIT_EXITED };

struct init_msg {
	uint32_t op, id;
	int32_t value; /* pid, wait status, signal */
	uint32_t has; /* INIT_SPAWN: which of cwd, 0, 1, 2 came */
};

#define INIT_FD 3
#define INIT_CWD 3 /* bit in `has`; 0-2 are the descriptors */

/* init.c: the program of a domain's init; never returns. */
void init_main(const char *number, const char *dir) __attribute__((noreturn));

/* Argument and environment vectors in a memfd: counts, then strings. blob.c */
int blob_make(char *const *argv, char *const *env);
int blob_read(int fd, char ***argv, char ***env);
void blob_free(char **argv, char **env);

/* cli.c: a sub-command against a running sandbox; returns the exit code. */
int cli_create(int argc, char **argv);
int cli_destroy(int argc, char **argv);
int cli_exec(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_fault(int argc, char **argv);

/* run.c */
int run_main(int argc, char **argv);

int parse_domid(const char *s, uint32_t *domid);
/* "name: text" on stderr; returns code. */
int fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int status_to_code(int status);

enum { EXIT_OK, EXIT_RUNTIME, EXIT_USAGE, EXIT_CONFIG, EXIT_ENVIRONMENT };

#endif
