/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * worker.c - see worker.h.
 */
#include "backend/process/worker.h"

#include <stdio.h>
#include <string.h>

/* What follows `head`; NULL: it does not begin so. */
static const char *behind(const char *name, const char *head)
{
	size_t n = strlen(head);

	return strncmp(name, head, n) ? NULL : name + n;
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(name, *list))
			return true;
	return false;
}

static bool take_block(const char *from, size_t n, char block[WORKER_BLOCK])
{
	if (!n || n >= WORKER_BLOCK)
		return false;
	memcpy(block, from, n);
	block[n] = '\0';
	return true;
}

/* ------------------------------------------------------------------ */
/* Workers of one device                                               */

/* "253:0", and that is all. */
static bool is_number(const char *text)
{
	static const char digits[] = "0123456789";
	size_t major = strspn(text, digits), minor;

	if (!major || text[major] != ':')
		return false;
	minor = strspn(text + major + 1, digits);
	return minor && !text[major + 1 + minor];
}

static bool dm_worker(const char *name, char block[WORKER_BLOCK])
{
	/* all but the first are the rescue threads of queues of this name */
	static const char *const heads[] = { "dmcrypt_write/", "kcryptd/", "kcryptd_io/",
					     "kdmflush/" };
	const char *number;
	unsigned int i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		number = behind(name, heads[i]);
		if (number && is_number(number))
			return take_block(number, strlen(number), block);
	}
	return false;
}

/* "md0_raid1"; arrays may have names, with "_" in them, but no "/". */
static bool md_worker(const char *name, char block[WORKER_BLOCK])
{
	static const char *const levels[] = { "raid1", "raid4", "raid5", "raid6", "raid10", NULL };
	const char *last = strrchr(name, '_');

	if (!last || !behind(name, "md") || name[strcspn(name, "/.")])
		return false;
	return is_one_of(last + 1, levels) && take_block(name, (size_t)(last - name), block);
}

bool parse_worker_name(const char *name, char block[WORKER_BLOCK])
{
	return dm_worker(name, block) || md_worker(name, block);
}

/* ------------------------------------------------------------------ */
/* Pools                                                               */

struct pool {
	const char *begins, *pool;
};

static const char *look_up(const char *name, const struct pool *list)
{
	for (; list->begins; list++)
		if (behind(name, list->begins))
			return list->pool;
	return NULL;
}

/* "kworker/u4:1+loop0": what it runs, or ran last, is said behind the numbers. */
static const char *kworker_pool(const char *name)
{
	static const struct pool works[] = {
		{ "loop", "workers-loop" },
		{ "kcryptd", "workers-crypt" },
		{ "dm-thin", "workers-thin" },
		{ "raid5wq", "workers-md" },
		{ "md", "workers-md" },
		{ "flush-", "workers-writeback" },
		{ "writeback", "workers-writeback" },
		{ NULL, NULL },
	};
	const char *work = name + strcspn(name, "-+"), *pool = NULL;

	if (*work)
		pool = look_up(work + 1, works);
	return pool ? pool : "workers-other";
}

static const char *thread_pool(const char *name)
{
	static const struct pool threads[] = {
		{ "ksoftirqd/", "ksoftirqd" }, { "kswapd", "kswapd" }, { "jbd2/", "journal" },
		{ "xfsaild/", "journal" },     { NULL, NULL },
	};
	static const char *const syncs[] = { "resync", "reshape", NULL };
	const char *last = strrchr(name, '_');

	if (behind(name, "kworker/"))
		return kworker_pool(name + strlen("kworker/"));
	if (last && behind(name, "md") && is_one_of(last + 1, syncs))
		return "resync";
	return look_up(name, threads);
}

const char *pool_of(const char *name, bool kernel)
{
	static const struct pool programs[] = {
		{ "xenstored", "xenstored" },	  { "oxenstored", "xenstored" },
		{ "xenconsoled", "xenconsoled" }, { "ovs-vswitchd", "ovs-vswitchd" },
		{ "tapback", "tapback" },	  { NULL, NULL },
	};

	return kernel ? thread_pool(name) : look_up(name, programs);
}

/* ------------------------------------------------------------------ */
/* Arguments of processes                                              */

/* The word after `word`, which ends within `size`; NULL: the last, or none is cut. */
static const char *next_word(const char *words, size_t size, const char *word)
{
	const char *nul = memchr(word, '\0', size - (size_t)(word - words));

	if (!nul || (size_t)(nul + 1 - words) >= size)
		return NULL;
	word = nul + 1;
	return memchr(word, '\0', size - (size_t)(word - words)) ? word : NULL;
}

static const char *find_word(const char *words, size_t size, const char *wanted)
{
	const char *w = words;

	if (!size || !memchr(words, '\0', size))
		return NULL;
	while (w && strcmp(w, wanted) != 0)
		w = next_word(words, size, w);
	return w;
}

bool qemu_serves(const char *words, size_t size, unsigned int domid)
{
	const char *w = find_word(words, size, "-xen-domid");
	char number[12];

	snprintf(number, sizeof(number), "%u", domid);
	w = w ? next_word(words, size, w) : NULL;
	return w && !strcmp(w, number);
}

bool qemu_attaches(const char *words, size_t size)
{
	return find_word(words, size, "-xen-attach");
}

/* What the program's name begins with. */
static bool program_begins(const char *words, size_t size, const char *head)
{
	const char *base;

	if (!size || !memchr(words, '\0', size))
		return false;
	base = strrchr(words, '/');
	return behind(base ? base + 1 : words, head);
}

bool is_tapdisk(const char *words, size_t size)
{
	return program_begins(words, size, "tapdisk");
}

bool is_acctringd(const char *words, size_t size)
{
	return program_begins(words, size, "acctringd");
}
