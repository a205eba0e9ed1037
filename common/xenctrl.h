/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * common/xenctrl.h - <xenctrl.h> under -std=c11: Xen's own headers ask for
 * GNU C, of which they need the attribute of alignment only.
 */
#ifndef COMMON_XENCTRL_H
#define COMMON_XENCTRL_H

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#pragma push_macro("__STRICT_ANSI__")
#undef __STRICT_ANSI__
#include <xenctrl.h>
#pragma pop_macro("__STRICT_ANSI__")

#endif
