/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * place.h - the directories of the ledger and of the socket.
 */
#ifndef ACCOUNTANT_PLACE_H
#define ACCOUNTANT_PLACE_H

/*
 * Makes the directory of `path` when it is one of our defaults and is
 * missing.  Ends the program (4) when it is not there; `key` names the setting.
 */
void place_ready(const char *key, const char *path);

#endif
