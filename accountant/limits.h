/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limits.h - what one driver domain may make us remember, in memory and in
 * the database, map and do.  A hostile one reaches them, an honest one does not;
 * beyond them posts are summed up more coarsely, or a link waits.
 */
#ifndef ACCOUNTANT_LIMITS_H
#define ACCOUNTANT_LIMITS_H

/*
 * Accounts (kind, device) of one VM at one driver domain, by 1.5 KiB and up to 32
 * rows.  Further devices share the account of kind OTHER, device 0.  The default
 * of the configuration's accounts_per_vm.
 */
#define ACCOUNTS_PER_VM 64u

/* Payer rows of a driver domain that wait for dom0, by 1 KiB; further ones are refused. */
#define HELD_MAX 1024u

/* Links of a driver domain in any state; twice what its directories can name. */
#define LINKS_MAX 512u

/*
 * Pages of its links that are mapped, each by the worker and by the holder: what
 * is mapped takes from the maptrack frames of our domain (dom0: 262144 grants),
 * which its own backends, qemu and all other driver domains need as well.  References may
 * repeat, so it is not what a domain can grant that bounds them.  An honest one has
 * gntalloc's 1024.  Lanes times payer numbers, by 92 bytes, are at most 256 a page.
 */
#define PAGES_MAX 2048u

/*
 * Attempts to map a link: so many at once, then one each ATTEMPT_EVERY_MS, be it
 * new or known.  Tombstones kept of a driver domain: the latest, for a day.
 */
#define ATTEMPT_BURST 512u
#define ATTEMPT_EVERY_MS 250u
#define TOMBSTONES_MAX 4096u

/*
 * Payer rows of one limited VM that the guard follows, at all lanes; those of further devices
 * are not limited.  Looks at all rows, since new ones were opened: so many at once, then one
 * each ROWS_EVERY_MS, at ROWS_LOOKED of a link.
 */
#define GUARD_ROWS_MAX 64u
#define ROWS_BURST 256u
#define ROWS_EVERY_MS 20u
#define ROWS_LOOKED 1024u

/* Lines in the log about what it did, likewise. */
#define LINE_BURST 8u
#define LINE_EVERY_MS 10000u

/*
 * Questions to dom0's store in one tick: about its links, and about its payer rows;
 * none more after ASKS_MS, for the store may be slow and commits wait.
 */
#define ASKS_A_TICK 8u
#define ASKS_MS 50u

/* Events of all ports, read in one tick. */
#define EVENTS_A_TICK 64u

/*
 * CPU that lanes claim and the hypervisor has not yet confirmed, summed over
 * a driver domain: what is above it, or older than the measurement before, at a fresh
 * measurement is dropped and counted as overclaimed.  Measurements are up to 1 s old, and several CPUs burn at once;
 * where it is known how many (busy.h), so much for each.
 */
#define DUE_MAX_NS 2000000000ull

/*
 * CPU that the hypervisor saw and no lane claims within that time, or twice that, was not a lane's:
 * a later claim is not paid with it.  A lane tells its clock at least once a second.
 */
#define CARRY_MS 2000u

/* One line in the log for refused payers, so often at most. */
#define REFUSED_SAID_MS 10000u

#endif
