/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limits.h - what one driver domain may make us remember, in memory and in
 * the database.  A hostile one reaches them, an honest one does not; beyond
 * them posts are summed up more coarsely, or a link waits.
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

/* Their lanes times payer numbers, by 10 bytes. */
#define CELLS_MAX (4u << 20)

/*
 * Epochs that the ledger does not know: so many at once, then one each
 * EPOCH_EVERY_MS.  Tombstones kept of a driver domain: the latest, for a day.
 */
#define EPOCH_BURST 512u
#define EPOCH_EVERY_MS 250u
#define TOMBSTONES_MAX 4096u

/*
 * CPU that lanes claim and the hypervisor has not yet confirmed, summed over
 * a driver domain: what is above it at a fresh measurement is dropped and counted as
 * overclaimed.  Measurements are up to 1 s old, and several CPUs burn at once.
 */
#define DUE_MAX_NS 2000000000ull

/* One line in the log for refused payers, so often at most. */
#define REFUSED_SAID_MS 10000u

#endif
