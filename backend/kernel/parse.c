/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parse.c - see parse.h.
 */
#include "backend/kernel/parse.h"

#include <acctring/abi.h>
#include <stdio.h>
#include <string.h>
#include <xen/xen.h>

#define PF_KTHREAD 0x00200000u
#define STAT_FLAGS 9u /* fields of /proc/<pid>/stat, counted from 1 */
#define STAT_UTIME 14u
#define STAT_STIME 15u
#define STAT_START 22u
#define STAT_SOFTIRQ 7u /* number of the line "cpu" of /proc/stat, counted from 1 */

/*
 * Digits at *p up to max, without a leading zero; moves *p behind them.
 * Names are written by %u, so "01" is none.
 */
static bool take_number(const char **p, uint64_t max, uint64_t *out)
{
	const char *s = *p;
	uint64_t n = 0;

	if (*s < '0' || *s > '9' || (*s == '0' && s[1] >= '0' && s[1] <= '9'))
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		unsigned int digit = (unsigned int)(*s - '0');

		if (n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*p = s;
	*out = n;
	return true;
}

static bool take_uint(const char **p, unsigned int max, unsigned int *out)
{
	uint64_t n;

	if (!take_number(p, max, &n))
		return false;
	*out = (unsigned int)n;
	return true;
}

/* ------------------------------------------------------------------ */
/* Names                                                               */

/* `name` ends with `end`, and that is not all; where it begins, else NULL. */
static const char *ends(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n > e && !strcmp(name + n - e, end) ? name + n - e : NULL;
}

/* name[0..at) is a base of at least one byte. */
static bool take_base(const char *name, const char *at, char base[THREAD_BASE])
{
	size_t n = (size_t)(at - name);

	if (!n || n >= THREAD_BASE)
		return false;
	memcpy(base, name, n);
	base[n] = '\0';
	return true;
}

/* "<base>-q<N>" in front of `end`. */
static bool queue_name(const char *name, const char *end, struct thread_name *out)
{
	const char *at = end, *digits;

	while (at > name && at[-1] >= '0' && at[-1] <= '9')
		at--;
	digits = at;
	if (at - name < 2 || at[-1] != 'q' || at[-2] != '-')
		return false;
	return take_uint(&digits, UINT16_MAX, &out->number) && digits == end &&
	       take_base(name, at - 2, out->base);
}

static bool ring_name(const char *name, struct thread_name *out)
{
	const char *dash = strrchr(name, '-'), *p = name;
	unsigned int domid;

	out->role = THREAD_RING;
	if (!dash || !take_uint(&p, DOMID_FIRST_RESERVED - 1u, &domid) || *p != '.' ||
	    p + 1 >= dash)
		return false;
	if (!take_base(name, dash, out->base))
		return false;
	p = dash + 1;
	return take_uint(&p, UINT16_MAX, &out->number) && !*p;
}

/* "napi/<base>-<id>": an interface's name may hold a '-', too. */
static bool poll_name(const char *name, struct thread_name *out)
{
	const char *dash = strrchr(name, '-'), *p;

	out->role = THREAD_POLL;
	if (!dash || !take_base(name, dash, out->base))
		return false;
	p = dash + 1;
	return take_uint(&p, INT32_MAX, &out->number) && !*p;
}

bool parse_thread_name(const char *name, struct thread_name *out)
{
	const char *end;

	memset(out, 0, sizeof(*out));
	if (!strncmp(name, "napi/", 5))
		return poll_name(name + 5, out);
	end = ends(name, "-guest-rx");
	if (end) {
		out->role = THREAD_RX;
		return queue_name(name, end, out);
	}
	end = ends(name, "-dealloc");
	if (end) {
		out->role = THREAD_DEALLOC;
		return queue_name(name, end, out);
	}
	if (ring_name(name, out))
		return true;
	out->role = THREAD_WORKER;
	out->number = 0;
	return parse_worker_name(name, out->base);
}

void disk_base(char base[THREAD_BASE], unsigned int domid, const char *dev)
{
	const char *p = strstr(dev, "/dev/");

	/* cut where it is too long, as the kernel does */
	if (snprintf(base, THREAD_BASE, "%u.%s", domid, p ? p + 5 : dev) < 0)
		base[0] = '\0';
}

void vif_base(char base[THREAD_BASE], unsigned int domid, unsigned int id)
{
	if (snprintf(base, THREAD_BASE, "vif%u.%u", domid, id) >= THREAD_BASE)
		base[0] = '\0'; /* netback could not make that interface either */
}

bool parse_device_name(const char *name, unsigned int *kind, unsigned int *domid, unsigned int *id)
{
	const char *p = name + 4;

	if (!strncmp(name, "vbd-", 4))
		*kind = ACCTRING_KIND_VBD;
	else if (!strncmp(name, "vif-", 4))
		*kind = ACCTRING_KIND_VIF;
	else
		return false;
	return take_uint(&p, DOMID_FIRST_RESERVED - 1u, domid) && *p++ == '-' &&
	       take_uint(&p, UINT32_MAX, id) && !*p;
}

/* ------------------------------------------------------------------ */
/* Texts                                                               */

/* The field after n blanks; NULL: the line has fewer. */
static const char *skip_fields(const char *p, unsigned int n)
{
	while (p && n--) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	return p;
}

/*
 * Field `field`, a number; *p is at the beginning of field *at, and is then
 * at that of the next.
 */
static bool take_field(const char **p, unsigned int *at, unsigned int field, uint64_t *out)
{
	*p = skip_fields(*p, field - *at);
	*at = field + 1;
	return *p && take_number(p, UINT64_MAX, out) && *(*p)++ == ' ';
}

bool parse_proc_stat(const char *text, struct proc_stat *out)
{
	/* the last one: all that follows are letters and numbers */
	const char *open = strchr(text, '('), *close = strrchr(text, ')'), *p;
	uint64_t flags, user, system;
	unsigned int at = 3;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (!open || !close || close < open || close[1] != ' ')
		return false;
	n = (size_t)(close - open) - 1;
	if (n >= sizeof(out->name))
		return false;
	memcpy(out->name, open + 1, n);
	p = close + 2; /* field 3 stands behind the blank */
	if (!take_field(&p, &at, STAT_FLAGS, &flags) || !take_field(&p, &at, STAT_UTIME, &user) ||
	    !take_field(&p, &at, STAT_STIME, &system))
		return false;
	out->kernel = flags & PF_KTHREAD;
	out->ticks = user + system;
	return take_field(&p, &at, STAT_START, &out->start);
}

bool parse_schedstat(const char *text, uint64_t *ns)
{
	uint64_t wait;

	if (!take_number(&text, UINT64_MAX, ns) || *text++ != ' ')
		return false;
	return take_number(&text, UINT64_MAX, &wait) && *text == ' ';
}

bool parse_count(const char *text, uint64_t *out)
{
	return take_number(&text, UINT64_MAX, out) && (!*text || (*text == '\n' && !text[1]));
}

bool parse_softirq(const char *text, uint64_t *ticks)
{
	unsigned int i;

	if (strncmp(text, "cpu ", 4))
		return false;
	text += 4;
	for (i = 0; i < STAT_SOFTIRQ; i++) {
		while (*text == ' ')
			text++;
		if (!take_number(&text, UINT64_MAX, ticks))
			return false;
	}
	return *text == ' ' || *text == '\n';
}
