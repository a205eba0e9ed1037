/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * statement.c - see statement.h.
 */
#include "collector/statement.h"

#include <errno.h>
#include <string.h>

#define TRIES 4

typedef uint64_t __attribute__((may_alias)) kword;

/*
 * Word for word with atomic loads: the other side may write while we copy,
 * and the compiler must not read anything twice.  Each is an acquire, so
 * that the look at `turn` that follows comes after all of them.
 */
static void copy_words(void *to, const void *kfrom, size_t size)
{
	const kword *k = kfrom;
	size_t i;

	for (i = 0; i < size / sizeof(*k); i++) {
		uint64_t word = __atomic_load_n(&k[i], __ATOMIC_ACQUIRE);

		memcpy((char *)to + i * sizeof(word), &word, sizeof(word));
	}
}

int stmt_open(struct stmt_head *head, const struct acctring_statement_page *khead, uint64_t epoch,
	      const char **reason)
{
	struct acctring_statement_page page;

	copy_words(&page, khead, sizeof(page));
	if (page.magic != ACCTRING_MAGIC_STATEMENT || page.epoch != epoch) {
		*reason = "the page is not the one that was announced";
		return -ESTALE;
	}
	if (page.version >> 16 != ACCTRING_ABI_MAJOR) {
		*reason = "version not supported";
		return -EPROTONOSUPPORT;
	}
	if (page.pages < 2 || page.pages > ACCTRING_STATEMENT_MAX_PAGES || page.pages % 2) {
		*reason = "geometry out of range";
		return -EPROTO;
	}
	head->epoch = page.epoch;
	head->incarnation = page.incarnation;
	head->pages = page.pages;
	memcpy(head->ref, page.ref, sizeof(head->ref));
	return 0;
}

static const char *check_row(const struct acctring_statement_row *row)
{
	uint64_t sum;

	if (!row->what)
		return "it is of no kind";
	/* kinds of rows that a later minor version adds are not ours to judge */
	if (row->what != ACCTRING_STMT_VM)
		return NULL;
	if (__builtin_add_overflow(row->vbd_ns, row->vif_ns, &sum) ||
	    __builtin_add_overflow(sum, row->other_ns, &sum) || sum != row->charged_ns)
		return "charged_ns is not the sum of its kinds";
	if (row->shared_ns > row->charged_ns)
		return "shared_ns is more than charged_ns";
	return NULL;
}

/* One driver domain's figures that do not hold are no reason to drop the others'. */
static void drop_bad_rows(struct statement *out)
{
	const char *why;
	uint32_t i, n = 0;

	out->dropped = 0;
	for (i = 0; i < out->rows; i++) {
		why = check_row(&out->row[i]);
		if (why && !out->dropped++) {
			out->bad = out->row[i];
			out->why = why;
		}
		if (!why)
			out->row[n++] = out->row[i];
	}
	out->rows = n;
}

int stmt_copy(struct statement *out, const struct stmt_head *head,
	      const struct acctring_statement_page *khead,
	      const struct acctring_statement_row *krows, const char **reason)
{
	uint32_t half_rows = head->pages / 2 * (uint32_t)STATEMENT_ROWS_PER_PAGE;
	uint32_t half, turn;
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		/* T2, partner T1: the half that `turn` names was filled before */
		turn = __atomic_load_n(&khead->turn, __ATOMIC_ACQUIRE);
		half = turn & 1;
		out->rows = __atomic_load_n(&khead->rows[half], __ATOMIC_ACQUIRE);
		out->t_ns = __atomic_load_n(&khead->t_ns[half], __ATOMIC_ACQUIRE);
		if (out->rows <= half_rows)
			copy_words(out->row, krows + (size_t)half * half_rows,
				   out->rows * sizeof(*krows));
		/* who overwrites what we have read has stored a later turn before */
		if (__atomic_load_n(&khead->turn, __ATOMIC_RELAXED) == turn)
			break;
	}
	if (tries == TRIES)
		return -EAGAIN;
	out->turn = turn;
	out->incarnation = head->incarnation;
	if (out->rows > half_rows) {
		*reason = "more rows than its pages hold";
		return -EPROTO;
	}
	drop_bad_rows(out);
	return 0;
}

const struct acctring_statement_row *stmt_vm(const struct statement *st, uint16_t backend,
					     const uint8_t uuid[16])
{
	uint32_t i;

	for (i = 0; i < st->rows; i++)
		if (st->row[i].what == ACCTRING_STMT_VM && st->row[i].backend == backend &&
		    !memcmp(st->row[i].uuid, uuid, 16))
			return &st->row[i];
	return NULL;
}

bool stmt_alive(const struct acctring_statement_page *khead)
{
	return __atomic_load_n(&khead->alive, __ATOMIC_RELAXED);
}
