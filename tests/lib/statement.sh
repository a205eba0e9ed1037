# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# statement.sh - to be sourced in domain 0 of a sandbox: an accountant that
# states what it is told to (tests/prog/statement.c).  $xsb is xsandbox.

start_accountant() {	# start_accountant DOMID EPOCH [NODE=VALUE]...
	coproc ACCT { exec "$xsb" exec "$1" -- "$BUILD/tests/prog/statement" "$@"; }
	acct_pid=$ACCT_PID
	read -r -t 10 -u "${ACCT[0]}" answer && [ "$answer" = ok ]
}
say() {
	echo "$*" >&"${ACCT[1]}"
	read -r -t 10 -u "${ACCT[0]}" answer && [ "$answer" = ok ] ||
		echo "# the accountant did not obey: $*"
}
stop_accountant() {
	[ -n "$acct_pid" ] || return 0
	kill -KILL "$acct_pid" 2>/dev/null
	wait "$acct_pid" 2>/dev/null
	acct_pid=
}
