/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * names.h - classes and kinds as people read them.
 */
#ifndef COMMON_NAMES_H
#define COMMON_NAMES_H

#define NAME_TEXT 16

/* Unknown numbers become "class17", "kind9", written into buf. */
const char *class_name(unsigned int klass, char buf[NAME_TEXT]);
const char *kind_name(unsigned int kind, char buf[NAME_TEXT]);

#endif
