/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bill.c - see bill.h.
 */
#include "collector/bill.h"

#include "collector/limit.h"
#include "common/kv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bill_book_free(struct bill_book *book)
{
	free(book->bill);
	book->bill = NULL;
	book->bills = 0;
}

struct bill *bill_of(struct bill_book *book, const uint8_t uuid[16])
{
	struct bill *b;
	size_t i;

	for (i = 0; i < book->bills; i++)
		if (uuid_equal(book->bill[i].uuid, uuid))
			return &book->bill[i];
	if (!(book->bills & (book->bills - 1))) {
		b = realloc(book->bill, (book->bills ? book->bills * 2 : 1) * sizeof(*b));
		if (!b)
			return NULL;
		book->bill = b;
	}
	b = &book->bill[book->bills++];
	memset(b, 0, sizeof(*b));
	memcpy(b->uuid, uuid, 16);
	return b;
}

bool bill_add(struct bill *bill, const struct acctring_statement_row *row)
{
	struct bill sum = *bill;

	if (__builtin_add_overflow(sum.charged_ns, row->charged_ns, &sum.charged_ns))
		return false;
	/* a driver domain's claims: one that lies must not keep others off the bill */
	sum.posted_ns = limit_add(sum.posted_ns, row->posted_ns);
	sum.units = limit_add(sum.units, row->units);
	sum.bytes = limit_add(sum.bytes, row->bytes);
	/* no more than charged_ns, which fits */
	sum.vbd_ns += row->vbd_ns;
	sum.vif_ns += row->vif_ns;
	sum.other_ns += row->other_ns;
	sum.shared_ns += row->shared_ns;
	*bill = sum;
	return true;
}

static void row_sums(struct acctring_statement_row *r, uint64_t *sum[7])
{
	uint64_t *all[7] = { &r->charged_ns, &r->posted_ns, &r->units,	 &r->bytes,
			     &r->vbd_ns,     &r->vif_ns,    &r->other_ns };

	memcpy(sum, all, sizeof(all));
}

bool bill_above(const struct acctring_statement_row *row, const struct acctring_statement_row *base,
		struct acctring_statement_row *out)
{
	struct acctring_statement_row less = *base;
	uint64_t *sum[7], *from[7];
	bool back = false;
	int i;

	*out = *row;
	row_sums(out, sum);
	row_sums(&less, from);
	for (i = 0; i < 7; i++) {
		back |= *sum[i] < *from[i];
		*sum[i] -= *from[i];
	}
	for (i = 0; i < 7 && back; i++)
		*sum[i] = 0;
	/* an accountant of another version may have said it of one and not of the other */
	out->shared_ns = row->shared_ns > base->shared_ns ? row->shared_ns - base->shared_ns : 0;
	if (out->shared_ns > out->charged_ns)
		out->shared_ns = out->charged_ns;
	return !back;
}

bool bill_went_back(const struct bill *was, const struct bill *now)
{
	return now->charged_ns < was->charged_ns || now->posted_ns < was->posted_ns ||
	       now->units < was->units || now->bytes < was->bytes || now->vbd_ns < was->vbd_ns ||
	       now->vif_ns < was->vif_ns || now->other_ns < was->other_ns;
}

bool bill_equal(const struct bill *a, const struct bill *b)
{
	return uuid_equal(a->uuid, b->uuid) && !bill_went_back(a, b) && !bill_went_back(b, a) &&
	       a->debt_ns == b->debt_ns && a->uncollected_ns == b->uncollected_ns &&
	       a->passed_ns == b->passed_ns && a->shared_ns == b->shared_ns;
}

void bill_line(const struct bill *b, uint64_t unix_s, char line[BILL_LINE])
{
	char uuid[UUID_TEXT], uncollected[48] = "", passed[40] = "", shared[40] = "";

	uuid_format(b->uuid, uuid);
	if (b->uncollected_ns)
		snprintf(uncollected, sizeof(uncollected), " uncollected_ns=%" PRIu64,
			 b->uncollected_ns);
	if (b->passed_ns)
		snprintf(passed, sizeof(passed), " passed_ns=%" PRIu64, b->passed_ns);
	if (b->shared_ns)
		snprintf(shared, sizeof(shared), " shared_ns=%" PRIu64, b->shared_ns);
	snprintf(line, BILL_LINE,
		 "v=1 uuid=%s t=%" PRIu64 " charged_ns=%" PRIu64 " posted_ns=%" PRIu64
		 " units=%" PRIu64 " bytes=%" PRIu64 " vbd_ns=%" PRIu64 " vif_ns=%" PRIu64
		 " other_ns=%" PRIu64 " debt_ns=%" PRIu64 "%s%s%s",
		 uuid, unix_s, b->charged_ns, b->posted_ns, b->units, b->bytes, b->vbd_ns,
		 b->vif_ns, b->other_ns, b->debt_ns, uncollected, passed, shared);
}

bool bill_parse(const char *line, struct bill *b)
{
	char uuid[UUID_TEXT];

	if (!kv_u64(line, "debt_ns", UINT64_MAX, &b->debt_ns))
		b->debt_ns = 0;
	if (!kv_u64(line, "uncollected_ns", UINT64_MAX, &b->uncollected_ns))
		b->uncollected_ns = 0;
	if (!kv_u64(line, "passed_ns", UINT64_MAX, &b->passed_ns))
		b->passed_ns = 0;
	return kv_is_v1(line) && kv_get(line, "uuid", uuid, sizeof(uuid)) &&
	       uuid_parse(uuid, b->uuid) && bill_parse_sums(line, "", b);
}

static bool parse_sum(const char *line, const char *prefix, const char *name, uint64_t *sum)
{
	char key[32];

	snprintf(key, sizeof(key), "%s%s", prefix, name);
	return kv_u64(line, key, UINT64_MAX, sum);
}

bool bill_parse_sums(const char *line, const char *prefix, struct bill *b)
{
	if (!parse_sum(line, prefix, "shared_ns", &b->shared_ns))
		b->shared_ns = 0; /* of an older collector */
	return parse_sum(line, prefix, "charged_ns", &b->charged_ns) &&
	       parse_sum(line, prefix, "posted_ns", &b->posted_ns) &&
	       parse_sum(line, prefix, "units", &b->units) &&
	       parse_sum(line, prefix, "bytes", &b->bytes) &&
	       parse_sum(line, prefix, "vbd_ns", &b->vbd_ns) &&
	       parse_sum(line, prefix, "vif_ns", &b->vif_ns) &&
	       parse_sum(line, prefix, "other_ns", &b->other_ns);
}
