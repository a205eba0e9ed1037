/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hypercalls DOMID PHASES TRACE: reads what xentrace wrote (PV hypercalls,
 * with the calls inside a multicall, and context switches) and counts the
 * hypercalls of a PV domain in the phases that hypercall_post.c told: lines
 * "at KIND CYCLES", where a phase begins.  Prints sums by kind of phase; fails
 * when Xen says that records were lost, or when none is in a phase.
 */
#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <xen/xen.h>

#include <xen/trace.h>

#define CPUS 256u
#define KINDS 8u
#define PHASES 1024u
#define OPS 64u
#define OP_MASK 0xfffffu /* of the first word of a hypercall record */

static struct {
	uint64_t from;
	unsigned int kind;
} phase[PHASES];
static unsigned int phases;

static uint64_t records, lost, inside, outside, sum[KINDS], ops[KINDS][OPS];

/* The last phase only ends the one before. */
static void read_phases(const char *file)
{
	FILE *f = fopen(file, "r");
	char line[128];

	if (!f)
		err(1, "%s", file);
	while (fgets(line, sizeof(line), f) && phases < PHASES)
		if (sscanf(line, "at %u %" SCNu64, &phase[phases].kind, &phase[phases].from) == 2 &&
		    phase[phases].kind < KINDS)
			phases++;
	fclose(f);
	if (phases < 2)
		errx(1, "%s: no phases", file);
}

static void hypercall(uint32_t op, uint64_t at)
{
	unsigned int i;

	for (i = 0; i + 1 < phases; i++)
		if (at >= phase[i].from && at < phase[i + 1].from)
			break;
	if (i + 1 >= phases) {
		outside++;
		return;
	}
	inside++;
	sum[phase[i].kind]++;
	if (op < OPS)
		ops[phase[i].kind][op]++;
}

static void read_words(FILE *f, uint32_t *to, unsigned int n)
{
	if (fread(to, sizeof(*to), n, f) != n)
		errx(1, "the trace ends within a record");
}

static void read_trace(const char *file, uint32_t domid)
{
	static uint32_t on[CPUS]; /* the domain on each processor */
	uint32_t head, time[2], word[TRACE_EXTRA_MAX], cpu = 0, event;
	FILE *f = fopen(file, "r");
	unsigned int n, i;

	if (!f)
		err(1, "%s", file);
	for (i = 0; i < CPUS; i++)
		on[i] = ~0u;
	while (fread(&head, sizeof(head), 1, f) == 1) {
		time[0] = time[1] = 0;
		read_words(f, time, TRC_HD_INCLUDES_CYCLE_COUNT(head) ? 2 : 0);
		n = TRC_HD_EXTRA(head);
		read_words(f, word, n);
		event = TRC_HD_TO_EVENT(head);
		records++;
		if (event == TRC_TRACE_CPU_CHANGE && n)
			cpu = word[0] % CPUS;
		else if (event == TRC_LOST_RECORDS && n)
			lost += word[0];
		else if (event == TRC_SCHED_SWITCH_INFNEXT && n)
			on[cpu] = word[0];
		else if (n && on[cpu] == domid &&
			 (event == TRC_PV_HYPERCALL_V2 || event == TRC_PV_HYPERCALL_SUBCALL))
			hypercall(word[0] & OP_MASK, (uint64_t)time[1] << 32 | time[0]);
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	unsigned int i, op;

	if (argc != 4)
		errx(2, "usage: hypercalls DOMID PHASES TRACE");
	read_phases(argv[2]);
	read_trace(argv[3], (uint32_t)atoi(argv[1]));
	printf("records %" PRIu64 " lost %" PRIu64 " hypercalls in phases %" PRIu64
	       " outside %" PRIu64 "\n",
	       records, lost, inside, outside);
	for (i = 0; i < KINDS; i++) {
		if (!sum[i])
			continue;
		printf("kind %u hypercalls %" PRIu64 " by number", i, sum[i]);
		for (op = 0; op < OPS; op++)
			if (ops[i][op])
				printf(" %u:%" PRIu64, op, ops[i][op]);
		printf("\n");
	}
	return lost || !inside;
}
