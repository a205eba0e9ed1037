/* SPDX-License-Identifier: MIT */
/*
 * acctring/abi.h - what stands in the shared pages.
 *
 * The text that goes with this file is docs/protocol.md; offsets and sizes
 * are asserted at the end of this file.  Needs only <stdint.h> and
 * <stddef.h>, compiles alone as C99 and as C++.
 *
 * All integers are little-endian; both peers are 64-bit; a page is 4096
 * bytes whatever the kernel's page size.  Every page has ONE writer, named
 * at its structure; the other side maps it read-only where the grant says
 * so.  Bytes not named here are zero and stay zero.
 */
#ifndef ACCTRING_ABI_H
#define ACCTRING_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ */
/* Version.  Another major is refused.  A minor adds, in bytes that    */
/* were zero, what an older reader may ignore.                         */

#define ACCTRING_ABI_MAJOR 1u
#define ACCTRING_ABI_MINOR 2u
#define ACCTRING_ABI_VERSION (ACCTRING_ABI_MAJOR << 16 | ACCTRING_ABI_MINOR)

#define ACCTRING_PAGE 4096u
#define ACCTRING_LINE 128u /* two lines: the adjacent-line prefetcher */

#define ACCTRING_MAGIC_LINK 0x314b4e4c54434341ull /* "ACCTLNK1" */
#define ACCTRING_MAGIC_REPLY 0x3159505254434341ull /* "ACCTRPY1" */
#define ACCTRING_MAGIC_LANE_REPLY 0x31524e4c54434341ull /* "ACCTLNR1" */
#define ACCTRING_MAGIC_STATEMENT 0x31544d5354434341ull /* "ACCTSMT1" */

/* ------------------------------------------------------------------ */
/* Limits                                                              */

#define ACCTRING_LINK_SLOTS 256u /* of a domain: processes with a link */
#define ACCTRING_SLOTS_PER_PAGE 128u /* records in a ring page */
#define ACCTRING_MAX_RING_PAGES 64u /* per lane; 0 or a power of two */
#define ACCTRING_MAX_PAYER_PAGES 15u
#define ACCTRING_MAX_REFS 960u /* grant references in a link page */
#define ACCTRING_MAX_LANES 256u

/*
 * A payer is named by the number of its 16-byte row in the payer table.
 * Each page of the table begins with 128 bytes that hold no rows, so
 * numbers whose low 8 bits are below 8 name nobody; 0 means "no payer".
 * The allowance rows of a lane have the same numbers, so the same shape.
 */
#define ACCTRING_PAYERS_PER_PAGE 256u
#define ACCTRING_PAYER_HOLE 8u
#define ACCTRING_PAYER_NONE 0u
#define ACCTRING_PAYER_OWN 8u /* the backend's own domain, always there */
#define ACCTRING_PAYER_LIMIT (ACCTRING_MAX_PAYER_PAGES * ACCTRING_PAYERS_PER_PAGE)

/* Spill rows of a lane; the last one takes what finds no row. */
#define ACCTRING_ROWS 62u
#define ACCTRING_ROW_OVERFLOW 61u

/* ------------------------------------------------------------------ */
/* Enumerations                                                        */

/* What a record is for.  Readers accept and account any value below
 * ACCTRING_CLASSES; 0 and values from ACCTRING_CLASSES on are a violation. */
#define ACCTRING_CLASS_OTHER 1u
#define ACCTRING_CLASS_READ 2u
#define ACCTRING_CLASS_WRITE 3u
#define ACCTRING_CLASS_FLUSH 4u
#define ACCTRING_CLASS_DISCARD 5u
#define ACCTRING_CLASS_TX 6u /* the guest sends */
#define ACCTRING_CLASS_RX 7u /* the guest receives */
#define ACCTRING_CLASS_BROADCAST 8u /* a copy of a frame for many */
#define ACCTRING_CLASS_DROP 9u /* work on a frame that was dropped */
#define ACCTRING_CLASS_CONTROL 10u /* connect, disconnect, configure */
#define ACCTRING_CLASS_EVENT 11u /* a kick that brought no request */
#define ACCTRING_CLASSES 32u

/* Record flags.  Unknown ones are ignored. */
#define ACCTRING_F_FIRST 1u /* first request of a batch */
#define ACCTRING_F_FAILED 2u /* the request was answered with an error */

/* Kind of a device, by its xenbus name.  Unknown kinds are shown by number. */
#define ACCTRING_KIND_OWN 0u
#define ACCTRING_KIND_VBD 1u
#define ACCTRING_KIND_VIF 2u
#define ACCTRING_KIND_OTHER 3u
#define ACCTRING_KINDS 16u

/* State of a payer row; published last, with release. */
#define ACCTRING_PAYER_FREE 0u
#define ACCTRING_PAYER_OPEN 1u
#define ACCTRING_PAYER_CLOSED 2u

/*
 * Link page, `features`: what the backend says of itself.  Unknown ones are ignored.
 * NEVER_ASKS (1.1): it serves without acctring_admit(), so no limit holds there.
 * Absent: it asks, or nobody knows.
 * TELLS_ALL (1.2): its lanes' clocks are all that the CPUs of its domain do, its own work included.
 */
#define ACCTRING_FEATURE_NEVER_ASKS 1u
#define ACCTRING_FEATURE_TELLS_ALL 2u

/*
 * Lane page, `basis` (1.2): on what the lane's clock rests.  THREAD: records divide a
 * thread's clock.  DIRECT: it is of what serves one VM by its nature.  POOL: of a pool that VMs
 * share, divided by one driver.  MODEL: of such a pool, by weights that were learned.
 * Unknown ones are read as MODEL.
 */
#define ACCTRING_BASIS_THREAD 0u
#define ACCTRING_BASIS_DIRECT 1u
#define ACCTRING_BASIS_POOL 2u
#define ACCTRING_BASIS_MODEL 3u

/* What `end` in a record counts. */
#define ACCTRING_COUNTER_NS 1u /* CLOCK_MONOTONIC in ns */
#define ACCTRING_COUNTER_TSC 2u /* x86 time stamp counter */
#define ACCTRING_COUNTER_CNTVCT 3u /* Arm generic timer */

/* ------------------------------------------------------------------ */
/* Link page.  Writer: backend, before publication; then only `alive`  */
/* (cleared by the backend's kernel when the process ends).            */
/* Granted read-only.                                                  */

struct acctring_link_page {
	uint64_t magic; /* 0x000 ACCTRING_MAGIC_LINK */
	uint32_t version; /* 0x008 ACCTRING_ABI_VERSION of the writer */
	uint32_t features; /* 0x00c ACCTRING_FEATURE_*; unknown ones are ignored */
	uint64_t epoch; /* 0x010 random, not 0, never used again */
	uint16_t domid; /* 0x018 of the backend, as it believes */
	uint16_t lanes; /* 0x01a 1..256 */
	uint16_t ring_pages; /* 0x01c per lane: 0, 1, 2, 4 .. 64 */
	uint16_t payer_pages; /* 0x01e 1..15 */
	uint32_t counter; /* 0x020 ACCTRING_COUNTER_* */
	uint32_t shift; /* 0x024 ns = cycles * mult >> shift, 0..63 */
	uint64_t mult; /* 0x028 */
	uint32_t refs_used; /* 0x030 1 + payer_pages
			     * + lanes * (1 + payer_pages + ring_pages) */
	uint32_t zero0; /* 0x034 */
	char program[64]; /* 0x038 name of the backend, NUL-terminated, printable */
	uint8_t zero1[8]; /* 0x078 */
	uint8_t alive; /* 0x080 1; 0 once the backend's process has ended */
	uint8_t zero2[127];
	/*
	 * 0x100 grant references, in this order: the reply page; the payer
	 * pages; then for each lane its lane page, its lane reply pages (as
	 * many as payer pages), its ring pages.
	 */
	uint32_t ref[ACCTRING_MAX_REFS];
};

/* ------------------------------------------------------------------ */
/* Payer table.  Writer: backend.  Granted read-only.                  */

struct acctring_payer_row {
	uint16_t domid; /* frontend's domain */
	uint8_t kind; /* ACCTRING_KIND_* */
	uint8_t state; /* ACCTRING_PAYER_*; store-release, read-acquire */
	uint32_t device; /* device id of the kind's xenbus protocol */
	uint64_t serial; /* number of the connection within the epoch, from 1 */
};

struct acctring_payer_page {
	uint8_t zero[ACCTRING_LINE];
	struct acctring_payer_row row[ACCTRING_PAYERS_PER_PAGE - ACCTRING_PAYER_HOLE];
};

/* ------------------------------------------------------------------ */
/* Record: 32 bytes, no holes, four 64-bit words                       */

struct acctring_record {
	uint64_t end; /* word 0: counter when the work ended */
	uint32_t wait; /* word 1: ns between arrival and start; ~0 = more */
	uint32_t ns; /*         CPU ns claimed */
	uint32_t bytes; /* word 2 */
	uint16_t payer; /*         row: who is served */
	uint16_t cause; /*         row: who made the work happen, 0 = unknown */
	uint16_t units; /* word 3: requests, frames */
	uint8_t klass; /*         ACCTRING_CLASS_* */
	uint8_t flags; /*         ACCTRING_F_* */
	uint16_t zero;
	uint16_t pos; /*         low bits of the record's position */
};

struct acctring_ring_page {
	struct acctring_record slot[ACCTRING_SLOTS_PER_PAGE];
};

/* ------------------------------------------------------------------ */
/* Lane page.  Writer: backend (the posting thread; cpu_* its control  */
/* thread).  Granted read-only.                                        */

/*
 * Sums over all posts that went to this row since the lane was made:
 * counters only grow (modulo 2^64).  The copy with the later `seq` is valid
 * (serial-number order); `seq` counts the posts of the row.
 */
struct acctring_row_copy {
	uint64_t ns;
	uint64_t bytes;
	uint64_t units;
	uint32_t key; /* ACCTRING_KEY(); 0 in the overflow row */
	uint32_t seq;
};

struct acctring_row {
	struct acctring_row_copy copy[2];
};

/* Key of a spill row: who is served, who caused it, what class. */
#define ACCTRING_KEY(payer, cause, klass) \
	((uint32_t)(klass) << 24 | (uint32_t)(cause) << 12 | (uint32_t)(payer))
#define ACCTRING_KEY_PAYER(key) ((key)&0xfffu)
#define ACCTRING_KEY_CAUSE(key) ((key) >> 12 & 0xfffu)
#define ACCTRING_KEY_CLASS(key) ((key) >> 24)

struct acctring_lane_page {
	uint32_t prod; /* 0x000 records ever put into the ring, mod 2^32 */
	uint32_t spilled; /* 0x004 posts that went to rows, mod 2^32 */
	uint32_t rows; /* 0x008 rows 0..rows-1 are or were in use */
	uint32_t here; /* 0x00c 1: the lane is on these pages; 0: it still moves */
	uint64_t cpu_ns; /* 0x010 CPU clock of the posting threads, only grows */
	uint64_t cpu_at; /* 0x018 counter when cpu_ns was read; stored before it */
	uint64_t overflowed; /* 0x020 posts that found no row: in the overflow row */
	uint32_t basis; /* 0x028 ACCTRING_BASIS_*, since 1.2 */
	uint8_t zero1[84];
	struct acctring_row row[ACCTRING_ROWS]; /* 0x080 */
};

/* ------------------------------------------------------------------ */
/* Reply page.  magic, epoch: backend, before publication.  The rest:  */
/* accountant.  Granted writable.                                      */

struct acctring_reply_page {
	uint64_t magic; /* 0x000 ACCTRING_MAGIC_REPLY */
	uint64_t epoch; /* 0x008 */
	uint8_t zero0[112];
	uint8_t alive; /* 0x080 1 while attached; cleared by the accountant's
			 * kernel when its process ends */
	uint8_t zero1[3];
	uint32_t version; /* 0x084 ACCTRING_ABI_VERSION of the accountant */
	uint32_t features; /* 0x088 none defined */
	uint32_t tick; /* 0x08c grows while the accountant works */
	uint64_t incarnation; /* 0x090 random, of the ledger (database) */
	uint8_t zero2[ACCTRING_PAGE - 0x98];
};

/*
 * Lane reply pages, as many as payer pages, all with the same head; words
 * from 0x040 on are the accountant's, and `cons`, `ack` count in the first
 * page only.  Granted writable.
 */
struct acctring_allowance {
	/* ns that the lane may spend for this payer, ever; 0 = no limit */
	uint64_t ns;
	/* value of the backend's counter from which on the row is open */
	uint64_t until;
};

struct acctring_lane_reply_page {
	uint64_t magic; /* 0x000 ACCTRING_MAGIC_LANE_REPLY */
	uint64_t epoch; /* 0x008 */
	uint32_t lane; /* 0x010 number of the lane */
	uint32_t page; /* 0x014 number among the lane's reply pages */
	uint8_t zero0[40];
	uint32_t cons; /* 0x040 records committed, mod 2^32 */
	uint32_t ack; /* 0x044 `spilled` that is committed */
	uint32_t want; /* 0x048 what `cons` will be if this commit succeeds */
	uint32_t want_ack; /* 0x04c the same of `ack` */
	uint8_t zero1[48];
	struct acctring_allowance row[ACCTRING_PAYERS_PER_PAGE - ACCTRING_PAYER_HOLE];
};

/* ------------------------------------------------------------------ */
/* Statement: what an accountant says to the collector.  Writer: the   */
/* accountant.  Granted read-only, to domain 0.  Two halves: the one   */
/* that `turn` names (turn & 1) is valid and stands still while turn   */
/* does; the writer fills the other and then adds 1 to turn.           */

#define ACCTRING_STATEMENT_MAX_PAGES 64u /* each half: pages / 2 */

struct acctring_statement_page { /* first page */
	uint64_t magic; /* 0x000 ACCTRING_MAGIC_STATEMENT */
	uint32_t version; /* 0x008 */
	uint32_t pages; /* 0x00c row pages, even, 2..64 */
	uint64_t epoch; /* 0x010 random, of this statement's pages */
	uint64_t incarnation; /* 0x018 random, of the ledger (database) */
	uint32_t turn; /* 0x020 */
	uint32_t zero0;
	uint32_t rows[2]; /* 0x028 rows in each half */
	uint64_t t_ns[2]; /* 0x030 CLOCK_MONOTONIC of the half */
	uint8_t zero1[0x40];
	uint8_t alive; /* 0x080 as in the link page */
	uint8_t zero2[127];
	uint32_t ref[ACCTRING_STATEMENT_MAX_PAGES]; /* 0x100 */
	uint8_t zero3[ACCTRING_PAGE - 0x200];
};

/* What a row is about. */
#define ACCTRING_STMT_VM 1u /* a VM's account at one driver domain */
#define ACCTRING_STMT_DOMAIN 2u /* a driver domain's own: measured, own, ... */

struct acctring_statement_row { /* 128 bytes, 32 to a page */
	uint8_t what; /* 0x00 ACCTRING_STMT_* */
	uint8_t zero0;
	uint16_t backend; /* 0x02 domid of the driver domain */
	uint16_t domid; /* 0x04 latest domid of the VM */
	uint16_t links; /* 0x06 DOMAIN: links attached */
	uint8_t uuid[16]; /* 0x08 of the VM; of the driver domain in DOMAIN */
	uint64_t charged_ns; /* 0x18 VM: billed.  DOMAIN: sum over VMs */
	uint64_t posted_ns; /* 0x20 as backends claim */
	uint64_t units; /* 0x28 */
	uint64_t bytes; /* 0x30 */
	uint64_t vbd_ns; /* 0x38 charged, by kind */
	uint64_t vif_ns; /* 0x40 */
	uint64_t other_ns; /* 0x48 */
	uint64_t measured_ns; /* 0x50 DOMAIN: CPU as the hypervisor says */
	uint64_t own_ns; /* 0x58 DOMAIN: the domain's own work */
	uint64_t unattributed_ns; /* 0x60 DOMAIN: measured - charged - own */
	uint64_t refused_units; /* 0x68 DOMAIN: posted, but to nobody's bill */
	uint64_t epochs_lost; /* 0x70 DOMAIN */
	uint64_t shared_ns; /* 0x78 VM: of charged_ns, on basis POOL and MODEL; since 1.2 */
};

/* ------------------------------------------------------------------ */

#if defined(__cplusplus) && __cplusplus >= 201103L
#define ACCTRING_ASSERT(name, x) static_assert(x, #name)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define ACCTRING_ASSERT(name, x) _Static_assert(x, #name)
#else
#define ACCTRING_ASSERT(name, x) typedef char acctring_assert_##name[(x) ? 1 : -1]
#endif
#define ACCTRING_AT(s, f, o) ACCTRING_ASSERT(s##_##f, offsetof(struct acctring_##s, f) == (o))
#define ACCTRING_SIZE(s, n) ACCTRING_ASSERT(s##_size, sizeof(struct acctring_##s) == (n))

ACCTRING_AT(link_page, magic, 0x000);
ACCTRING_AT(link_page, version, 0x008);
ACCTRING_AT(link_page, features, 0x00c);
ACCTRING_AT(link_page, epoch, 0x010);
ACCTRING_AT(link_page, domid, 0x018);
ACCTRING_AT(link_page, lanes, 0x01a);
ACCTRING_AT(link_page, ring_pages, 0x01c);
ACCTRING_AT(link_page, payer_pages, 0x01e);
ACCTRING_AT(link_page, counter, 0x020);
ACCTRING_AT(link_page, shift, 0x024);
ACCTRING_AT(link_page, mult, 0x028);
ACCTRING_AT(link_page, refs_used, 0x030);
ACCTRING_AT(link_page, program, 0x038);
ACCTRING_AT(link_page, alive, 0x080);
ACCTRING_AT(link_page, ref, 0x100);
ACCTRING_SIZE(link_page, ACCTRING_PAGE);
ACCTRING_AT(payer_row, domid, 0);
ACCTRING_AT(payer_row, kind, 2);
ACCTRING_AT(payer_row, state, 3);
ACCTRING_AT(payer_row, device, 4);
ACCTRING_AT(payer_row, serial, 8);
ACCTRING_SIZE(payer_row, 16);
ACCTRING_AT(payer_page, row, ACCTRING_PAYER_HOLE * 16);
ACCTRING_SIZE(payer_page, ACCTRING_PAGE);
ACCTRING_AT(record, end, 0);
ACCTRING_AT(record, wait, 8);
ACCTRING_AT(record, ns, 12);
ACCTRING_AT(record, bytes, 16);
ACCTRING_AT(record, payer, 20);
ACCTRING_AT(record, cause, 22);
ACCTRING_AT(record, units, 24);
ACCTRING_AT(record, klass, 26);
ACCTRING_AT(record, flags, 27);
ACCTRING_AT(record, zero, 28);
ACCTRING_AT(record, pos, 30);
ACCTRING_SIZE(record, 32);
ACCTRING_SIZE(ring_page, ACCTRING_PAGE);
ACCTRING_AT(row_copy, ns, 0);
ACCTRING_AT(row_copy, bytes, 8);
ACCTRING_AT(row_copy, units, 16);
ACCTRING_AT(row_copy, key, 24);
ACCTRING_AT(row_copy, seq, 28);
ACCTRING_SIZE(row_copy, 32);
ACCTRING_SIZE(row, 64);
ACCTRING_AT(lane_page, prod, 0x000);
ACCTRING_AT(lane_page, spilled, 0x004);
ACCTRING_AT(lane_page, rows, 0x008);
ACCTRING_AT(lane_page, here, 0x00c);
ACCTRING_AT(lane_page, cpu_ns, 0x010);
ACCTRING_AT(lane_page, cpu_at, 0x018);
ACCTRING_AT(lane_page, overflowed, 0x020);
ACCTRING_AT(lane_page, basis, 0x028);
ACCTRING_AT(lane_page, row, 0x080);
ACCTRING_SIZE(lane_page, ACCTRING_PAGE);
ACCTRING_AT(reply_page, magic, 0x000);
ACCTRING_AT(reply_page, epoch, 0x008);
ACCTRING_AT(reply_page, alive, 0x080);
ACCTRING_AT(reply_page, version, 0x084);
ACCTRING_AT(reply_page, features, 0x088);
ACCTRING_AT(reply_page, tick, 0x08c);
ACCTRING_AT(reply_page, incarnation, 0x090);
ACCTRING_SIZE(reply_page, ACCTRING_PAGE);
ACCTRING_AT(allowance, ns, 0);
ACCTRING_AT(allowance, until, 8);
ACCTRING_SIZE(allowance, 16);
ACCTRING_AT(lane_reply_page, magic, 0x000);
ACCTRING_AT(lane_reply_page, epoch, 0x008);
ACCTRING_AT(lane_reply_page, lane, 0x010);
ACCTRING_AT(lane_reply_page, page, 0x014);
ACCTRING_AT(lane_reply_page, cons, 0x040);
ACCTRING_AT(lane_reply_page, ack, 0x044);
ACCTRING_AT(lane_reply_page, want, 0x048);
ACCTRING_AT(lane_reply_page, want_ack, 0x04c);
ACCTRING_AT(lane_reply_page, row, ACCTRING_PAYER_HOLE * 16);
ACCTRING_SIZE(lane_reply_page, ACCTRING_PAGE);
ACCTRING_AT(statement_page, magic, 0x000);
ACCTRING_AT(statement_page, version, 0x008);
ACCTRING_AT(statement_page, pages, 0x00c);
ACCTRING_AT(statement_page, epoch, 0x010);
ACCTRING_AT(statement_page, incarnation, 0x018);
ACCTRING_AT(statement_page, turn, 0x020);
ACCTRING_AT(statement_page, rows, 0x028);
ACCTRING_AT(statement_page, t_ns, 0x030);
ACCTRING_AT(statement_page, alive, 0x080);
ACCTRING_AT(statement_page, ref, 0x100);
ACCTRING_SIZE(statement_page, ACCTRING_PAGE);
ACCTRING_AT(statement_row, what, 0x00);
ACCTRING_AT(statement_row, backend, 0x02);
ACCTRING_AT(statement_row, domid, 0x04);
ACCTRING_AT(statement_row, links, 0x06);
ACCTRING_AT(statement_row, uuid, 0x08);
ACCTRING_AT(statement_row, charged_ns, 0x18);
ACCTRING_AT(statement_row, posted_ns, 0x20);
ACCTRING_AT(statement_row, units, 0x28);
ACCTRING_AT(statement_row, bytes, 0x30);
ACCTRING_AT(statement_row, vbd_ns, 0x38);
ACCTRING_AT(statement_row, vif_ns, 0x40);
ACCTRING_AT(statement_row, other_ns, 0x48);
ACCTRING_AT(statement_row, measured_ns, 0x50);
ACCTRING_AT(statement_row, own_ns, 0x58);
ACCTRING_AT(statement_row, unattributed_ns, 0x60);
ACCTRING_AT(statement_row, refused_units, 0x68);
ACCTRING_AT(statement_row, epochs_lost, 0x70);
ACCTRING_AT(statement_row, shared_ns, 0x78);
ACCTRING_SIZE(statement_row, 128);

#ifdef __cplusplus
}
#endif

#endif /* ACCTRING_ABI_H */
