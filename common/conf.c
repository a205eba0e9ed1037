/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * conf.c - see conf.h.
 */
#include "common/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct reader {
	const char *file;
	void *ctx;
	char **error;
};

static bool read_group(struct reader *r, config_setting_t *group, const struct conf_key *keys);

static bool __attribute__((format(printf, 3, 4)))
fail(struct reader *r, const config_setting_t *at, const char *fmt, ...)
{
	const char *file = config_setting_source_file(at);
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (asprintf(r->error, "%s:%u: %s", file ? file : r->file,
		     (unsigned int)config_setting_source_line(at), text) < 0)
		*r->error = NULL;
	return false;
}

static bool wrong(struct reader *r, const config_setting_t *at, const struct conf_key *k,
		  const char *what)
{
	return fail(r, at, "%s: %s, allowed: %s", k->key, what, k->allowed);
}

static bool read_int(struct reader *r, config_setting_t *s, const struct conf_key *k)
{
	int type = config_setting_type(s);
	char what[64];
	int64_t value;

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return wrong(r, s, k, "not an integer");
	value = config_setting_get_int64(s);
	if (value < k->min || value > k->max) {
		snprintf(what, sizeof(what), "%" PRId64 " is out of range", value);
		return wrong(r, s, k, what);
	}
	*(int64_t *)k->out = value;
	return true;
}

static bool read_string(struct reader *r, config_setting_t *s, const struct conf_key *k)
{
	char **out = k->out;
	const char *value;
	int64_t len;
	char *copy;

	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return wrong(r, s, k, "not a string");
	value = config_setting_get_string(s);
	len = (int64_t)strlen(value);
	if (len < k->min || len > k->max)
		return wrong(r, s, k, len < k->min ? "too short" : "too long");
	copy = strdup(value);
	if (!copy)
		return wrong(r, s, k, "no memory");
	free(*out);
	*out = copy;
	return true;
}

static bool read_choice(struct reader *r, config_setting_t *s, const struct conf_key *k)
{
	const char *value;
	char what[96];

	if (config_setting_type(s) != CONFIG_TYPE_STRING)
		return wrong(r, s, k, "not a string");
	value = config_setting_get_string(s);
	for (int64_t i = 0; k->words[i]; i++) {
		if (strcmp(k->words[i], value) != 0)
			continue;
		*(int64_t *)k->out = i;
		return true;
	}
	snprintf(what, sizeof(what), "\"%.64s\"", value);
	return wrong(r, s, k, what);
}

/*
 * Every group of a list begins with the values that the items' `out` had
 * before the first one; strings begin as NULL.
 */
#define MAX_ITEMS 16

static void save_items(const struct conf_key *item, int64_t *saved)
{
	unsigned int i;

	for (i = 0; i < MAX_ITEMS && item[i].key; i++)
		if (item[i].type == CONF_INT || item[i].type == CONF_CHOICE)
			saved[i] = *(int64_t *)item[i].out;
}

static void restore_items(const struct conf_key *item, const int64_t *saved)
{
	unsigned int i;

	for (i = 0; i < MAX_ITEMS && item[i].key; i++) {
		if (item[i].type == CONF_INT || item[i].type == CONF_CHOICE) {
			*(int64_t *)item[i].out = saved[i];
		} else if (item[i].type == CONF_STRING) {
			free(*(char **)item[i].out);
			*(char **)item[i].out = NULL;
		}
	}
}

static bool read_item(struct reader *r, config_setting_t *group, const struct conf_key *k)
{
	const char *bad;

	if (!config_setting_is_group(group))
		return wrong(r, group, k, "an element is not a group { .. }");
	if (!read_group(r, group, k->item))
		return false;
	bad = k->add ? k->add(r->ctx) : NULL;
	return bad ? fail(r, group, "%s: %s", k->key, bad) : true;
}

static bool read_list(struct reader *r, config_setting_t *s, const struct conf_key *k)
{
	int64_t saved[MAX_ITEMS] = { 0 };
	int i, n = config_setting_length(s);
	bool ok = true;

	if (config_setting_type(s) != CONFIG_TYPE_LIST)
		return wrong(r, s, k, "not a list ( { .. }, .. )");
	if (k->max && (n < k->min || n > k->max))
		return wrong(r, s, k, n < k->min ? "too few elements" : "too many elements");
	save_items(k->item, saved);
	for (i = 0; i < n && ok; i++) {
		restore_items(k->item, saved);
		ok = read_item(r, config_setting_get_elem(s, (unsigned int)i), k);
	}
	restore_items(k->item, saved);
	return ok;
}

static bool unknown(struct reader *r, config_setting_t *s, const struct conf_key *keys)
{
	const struct conf_key *k;
	char names[512] = "";

	for (k = keys; k->key; k++) {
		size_t used = strlen(names);

		snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", k->key);
	}
	return fail(r, s, "%s: unknown setting, allowed: %s", config_setting_name(s), names);
}

static bool read_setting(struct reader *r, config_setting_t *s, const struct conf_key *keys)
{
	const struct conf_key *k = keys;

	while (k->key && strcmp(k->key, config_setting_name(s)) != 0)
		k++;
	if (!k->key)
		return unknown(r, s, keys);
	switch (k->type) {
	case CONF_INT:
		return read_int(r, s, k);
	case CONF_STRING:
		return read_string(r, s, k);
	case CONF_CHOICE:
		return read_choice(r, s, k);
	case CONF_GROUP:
		return config_setting_is_group(s) ? read_group(r, s, k->item)
						  : wrong(r, s, k, "not a group { .. }");
	case CONF_LIST:
		return read_list(r, s, k);
	}
	return false;
}

static bool read_group(struct reader *r, config_setting_t *group, const struct conf_key *keys)
{
	int i, n = config_setting_length(group);

	/* in the order of the file, so that its first mistake is the one told */
	for (i = 0; i < n; i++)
		if (!read_setting(r, config_setting_get_elem(group, (unsigned int)i), keys))
			return false;
	return true;
}

/* libconfig's scanner ends the process when a read fails: try before. */
static int check_readable(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st))
		err = errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	close(fd);
	return err;
}

bool conf_read(const char *file, const struct conf_key *keys, void *ctx, char **error)
{
	struct reader r = { file, ctx, error };
	int err = check_readable(file);
	const char *where;
	config_t config;
	bool ok;

	*error = NULL;
	if (err) {
		if (asprintf(error, "%s:0: %s, allowed: a readable file", file, strerror(err)) < 0)
			*error = NULL;
		return false;
	}
	config_init(&config);
	ok = config_read_file(&config, file);
	if (ok) {
		ok = read_group(&r, config_root_setting(&config), keys);
	} else {
		where = config_error_file(&config);
		if (asprintf(error, "%s:%d: %s, allowed: key = value;", where ? where : file,
			     config_error_line(&config), config_error_text(&config)) < 0)
			*error = NULL;
	}
	config_destroy(&config);
	return ok;
}
