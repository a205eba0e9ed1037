/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The protocol between the sandbox's shim libraries (or the program xsandbox)
 * and its broker: one SOCK_SEQPACKET unix socket per handle, at $XSANDBOX/broker.
 *
 * One call is one message there and one back, in order. A message is the fixed
 * header below and `len` bytes of data; descriptors travel beside it
 * (SCM_RIGHTS). The first message of a connection is XSB_HELLO: it says which
 * domain the process belongs to. The broker believes that (the sandbox is no
 * security boundary between processes of one user); every rule after it goes by
 * the domid.
 *
 * A connection is also the life line of what was made through it: grants,
 * mappings and exec'ed commands end when its last copy is closed, so a kill -9
 * needs no help of the victim. Event channels end with their pipe (see
 * XSB_EVT_OPEN), since that is what survives an exec.
 */
#ifndef SANDBOX_WIRE_H
#define SANDBOX_WIRE_H

#include <stdint.h>

#define XSB_ENV_DIR "XSANDBOX" /* the directory of the sandbox */
#define XSB_ENV_DOMID "XSANDBOX_DOMID"
#define XSB_SOCKET "broker" /* in that directory */

#define XSB_PAGE 4096u
#define XSB_DATA 4096u /* most data of one message */
#define XSB_FDS 64 /* most descriptors of one message */
#define XSB_NONE UINT64_MAX /* "no offset", "no port" */

struct xsb_msg {
	uint32_t op; /* enum xsb_op */
	int32_t err; /* reply: 0 or -errno */
	uint32_t len; /* valid bytes of data */
	uint32_t pad;
	uint64_t a[6];
	uint8_t data[XSB_DATA];
};

#define XSB_HEADER ((uint32_t)(sizeof(struct xsb_msg) - XSB_DATA))

/*
 * What a request carries -> what its reply does. Nothing said: nothing.
 *
 * HELLO       a0 domid
 *
 * Grants (sandbox/broker/grant.c, map.c):
 * GNT_SHARE   a0 grantee, a1 count, a2 writable, a3 notify offset, a4 notify
 *             port, fd memfd -> a0 share id, data u32 refs[count]
 * GNT_UNSHARE a0 share id
 * GNT_KEEP    a0 share id: a forked copy holds it, too
 * GNT_MAP     a0 map id or 0 for a new one, a1 writable, a2 notify offset, a3
 *             notify port, data struct xsb_ref[] -> a0 map id, data struct
 *             xsb_page[], fds
 * GNT_UNMAP   a0 map id
 * GNT_COPY    data struct xsb_end[] -> data struct xsb_page[], fds
 *
 * Event channels (sandbox/broker/event.c, evhandle.c):
 * EVT_OPEN    -> fd: read end of the pipe of pending ports
 * EVT_ADOPT   a0 inode of an inherited pipe
 * EVT_ALLOC   a0 remote domid -> a0 port
 * EVT_BIND    a0 remote domid, a1 remote port -> a0 port
 * EVT_VIRQ    a0 virq -> a0 port
 * EVT_CLOSE, EVT_SEND, EVT_UNMASK  a0 port
 * EVT_RESTRICT  a0 domid
 * EVT_CLOSED  the pipe was closed here: end it now, unless somebody else has it
 *
 * Toolstack, domain 0 only (sandbox/broker/control.c, exec.c, fault.c):
 * DOM_CREATE  a0 domid, data name NUL uuid NUL (either may be empty)
 * DOM_DESTROY a0 domid
 * DOM_LIST    a0 first domid -> data struct xsb_dominfo[]
 * EXEC        a0 domid, fds: vectors (blob.c), working directory, 0, 1, 2; later
 *             the broker sends EXITED: a0 wait status
 * SIGNAL      a0 signal; has no reply
 * FAULT       a0 enum xsb_fault, a1 domid, a2 value
 *
 * From MODULE on: libxenctrl and libxencall, the modules of broker.h.
 */
enum xsb_op {
	XSB_HELLO = 1,

	XSB_GNT_SHARE = 100,
	XSB_GNT_UNSHARE,
	XSB_GNT_KEEP,
	XSB_GNT_MAP,
	XSB_GNT_UNMAP,
	XSB_GNT_COPY,

	XSB_EVT_OPEN = 200,
	XSB_EVT_ADOPT,
	XSB_EVT_ALLOC,
	XSB_EVT_BIND,
	XSB_EVT_VIRQ,
	XSB_EVT_CLOSE,
	XSB_EVT_SEND,
	XSB_EVT_UNMASK,
	XSB_EVT_RESTRICT,
	XSB_EVT_CLOSED,

	XSB_DOM_CREATE = 300,
	XSB_DOM_DESTROY,
	XSB_DOM_LIST,
	XSB_EXEC,
	XSB_SIGNAL,
	XSB_EXITED,
	XSB_FAULT,

	XSB_MODULE = 1000,
};

struct xsb_ref {
	uint32_t domid;
	uint32_t ref;
};

struct xsb_end { /* one foreign end of a grant copy */
	uint32_t domid;
	uint32_t ref;
	uint32_t write;
	uint32_t pad;
};

struct xsb_page { /* where a granted page is */
	int32_t status; /* GNTST_* */
	uint32_t fd; /* index into the descriptors of the message */
	uint64_t offset; /* bytes into that file */
};

enum xsb_fault {
	XSB_FAULT_KILL_DOMAIN = 1,
	XSB_FAULT_DELAY_EVENTS, /* value: ms, 0 = off */
	XSB_FAULT_FAIL_MAP, /* value: how many map calls fail */
	XSB_FAULT_STORE_EAGAIN, /* value: how many store requests fail */
};

#define XSB_NAME 64

struct xsb_dominfo {
	uint32_t domid;
	uint32_t dying; /* 0 running, 1 dying */
	uint32_t processes;
	uint32_t pad;
	uint64_t cpu_ns;
	uint8_t uuid[16];
	char name[XSB_NAME];
};

#endif
