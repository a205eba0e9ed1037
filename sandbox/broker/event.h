/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Event channels inside the broker. event.c is the hypervisor's part (ports and
 * their states), evhandle.c the part of the guest's evtchn device (who in the
 * domain has a port, the pipe that a process reads pending ports from, masking).
 */
#ifndef SANDBOX_BROKER_EVENT_H
#define SANDBOX_BROKER_EVENT_H

#include "sandbox/broker/broker.h"

#define EVENT_PORTS 4096u /* 2-level event channels on 64 bits */
#define EVENT_VIRQS 24u

enum port_state { PORT_UNBOUND, PORT_INTERDOMAIN, PORT_VIRQ };

struct port {
	struct domain *d;
	uint32_t n;
	enum port_state state;
	uint32_t remote; /* domid: may bind, or is bound */
	struct port *peer; /* PORT_INTERDOMAIN */
	uint32_t virq;
	unsigned int refs; /* its user, and notifications to come */
	bool masked, pending;
	struct evhandle *user; /* NULL = none any more, or the broker */
	TAILQ_ENTRY(port) user_link;
	void (*cb)(void *arg); /* the broker's own port */
	void *arg;
	struct event *cb_ev;
};

struct event_table {
	struct port *port[EVENT_PORTS]; /* by number; 0 is never used */
	uint32_t virq[EVENT_VIRQS]; /* port that has it, 0 = none */
};

int event_table_create(struct domain *d);
void event_table_end(struct domain *d); /* closes every port */
void event_table_free(struct domain *d);

struct port *port_find(struct domain *d, uint64_t n);
int port_alloc(struct domain *d, struct port **out);
int port_unbound(struct domain *d, uint64_t remote, struct port **out);
int port_interdomain(struct domain *d, uint64_t remote, uint64_t remote_port, struct port **out);
int port_virq(struct domain *d, uint64_t virq, struct port **out);
void port_send(struct port *p);
void port_raise(struct port *p); /* an event arrives at p */
void port_put(struct port *p); /* the last one closes it */

/* Keeps a port of d open until event_put(), as evtchn_get() of Linux. -EINVAL */
int event_get(struct domain *d, uint64_t port);
void event_put(struct domain *d, uint32_t port);

/* evhandle.c */
void evhandle_deliver(struct port *p);
int evhandle_open(struct client *c, struct xsb_msg *rep, int *out, int *nout);
int evhandle_adopt(struct client *c, const struct xsb_msg *req);
int evhandle_call(struct client *c, const struct xsb_msg *req, struct xsb_msg *rep);
void evhandle_client_gone(struct client *c);
void evhandle_domain_gone(struct domain *d);

#endif
