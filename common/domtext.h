/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domtext.h - how people name a domain, in files and on command lines.  Pure.
 */
#ifndef COMMON_DOMTEXT_H
#define COMMON_DOMTEXT_H

#include <stdbool.h>
#include <stdint.h>

#define DOMTEXT 64u /* with its NUL */
#define DOMTEXT_ALLOWED "a domid 0..32751, a UUID or a name of 1..63 characters without blanks"

/* A UUID becomes lower case, as they are compared; false: not a domain. */
bool domtext_ok(char *text);
/* Does the text mean this domain? */
bool domtext_is(const char *text, const uint8_t uuid[16], unsigned int domid, const char *name);

#endif
