/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cases.h - what is simulated; each prints its numbers and writes its TSV. */
#ifndef TESTS_SIM_CASES_H
#define TESTS_SIM_CASES_H

#include "tests/sim/world.h"

extern struct world world; /* one at a time */
extern uint64_t seed;
extern double step_kappa; /* 0: several */
extern unsigned int step_entitled; /* per cent */

void case_debt(void); /* one CPU, VM 60 %, driver domain 40 %, web load: share by load */
void case_time(void); /* the same, debt from 20 s */
void case_step(void); /* step response by kappa, credit2 and credit */
void case_weights(void); /* uncapped VMs, 256/256/512 */
void case_crowded(void); /* the same on one CPU, with dom0, and seen as Xen shows it */
void case_guard(void); /* three guests, a file transfer, limit 5 % */
void case_limit(void); /* the limit by lanes and sizes */
void case_share(void); /* one flood, nine light VMs, no number configured */
void case_flood(void); /* flooded from outside, and by a neighbour */
void case_chain(void); /* app, firewall, net */
void case_split(void); /* a load over two VMs */
void case_edge(void); /* bursts timed against windows and periods */

#endif
