/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * serving.h - whom each driver domain serves, as dom0's toolstack says, and
 * the serial that tells two owners of one domid apart.  Pure.
 *
 * A scan: serving_begin(); serving_add() for every pair that has a device;
 * serving_domid() for every domain that lives; serving_end().
 */
#ifndef COLLECTOR_SERVING_H
#define COLLECTOR_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVING_KEEP_MS 60000u /* a pair that is gone stays this long */
#define SERVING_KNOWN_MS (3600u * 1000u) /* a VM that is gone may be billed as long */
#define SERVING_LINE 256
#define SERVING_LIMIT_MS 5000u /* a limit is said anew */
#define SERVING_NAME 64

struct serving_pair {
	uint16_t backend, domid;
	uint8_t uuid[16];
	char name[SERVING_NAME]; /* for people; "" unknown */
	uint64_t serial;
	uint64_t gone_ms;
	uint64_t limit,
		limit_ms; /* ns a second that the driver domain may burn for it, 0: none; said then */
	bool on;
	bool seen;
	bool expired; /* its node is to be removed, then serving_purge() */
	bool dirty; /* line to be published; the caller clears it */
};

/* A VM that is or was served by a driver domain: its rows are believed. */
struct serving_known {
	uint16_t backend;
	uint8_t uuid[16];
	uint64_t live_ms;
};

struct serving_serial {
	uint16_t backend;
	uint64_t last;
};

struct serving {
	struct serving_pair *pair;
	struct serving_known *known;
	struct serving_serial *serial;
	size_t pairs, knowns, serials;
};

void serving_free(struct serving *s);

/* What stood in the store when we started: false, no memory. */
bool serving_restore(struct serving *s, uint16_t backend, uint16_t domid, const uint8_t uuid[16],
		     uint64_t serial, bool on, uint64_t now_ms);
/* The VM is or was served: its rows are believed. */
bool serving_know(struct serving *s, uint16_t backend, const uint8_t uuid[16], uint64_t now_ms);
/* Serials of this driver domain go on after `last`. */
bool serving_floor(struct serving *s, uint16_t backend, uint64_t last);
uint64_t serving_last_serial(const struct serving *s, uint16_t backend);

void serving_begin(struct serving *s);
bool serving_add(struct serving *s, uint16_t backend, uint16_t domid, const uint8_t uuid[16],
		 const char *name, uint64_t now_ms);
/* The domid's owner is this VM: pairs of former owners expire. */
void serving_domid(struct serving *s, uint16_t domid, const uint8_t uuid[16], uint64_t now_ms);
void serving_end(struct serving *s, uint64_t now_ms);
/* Marks what has been gone for long enough. */
void serving_expire(struct serving *s, uint64_t now_ms);
/* The driver domain's domid changed hands: all its pairs expire. */
void serving_drop(struct serving *s, uint16_t backend);
/* Every line of it is to be published again. */
void serving_touch(struct serving *s, uint16_t backend);
void serving_purge(struct serving *s);

bool serving_believed(const struct serving *s, uint16_t backend, const uint8_t uuid[16]);
/* The driver domain may burn so much for it, ns a second; 0: no limit.  Small changes wait. */
void serving_limit(struct serving_pair *p, uint64_t ns, uint64_t now_ms);
void serving_line(const struct serving_pair *p, char line[SERVING_LINE]);
/* Reads such a line; false: not one. */
bool serving_parse(const char *line, uint8_t uuid[16], uint64_t *serial, bool *on);

/*
 * The driver domain in the value of a backend path of guest `domid`:
 * "/local/domain/<B>/backend/<kind>/<domid>/<device>".  false: not one.
 */
bool serving_backend_path(const char *path, uint16_t domid, uint16_t *backend);

#endif
