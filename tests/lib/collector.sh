# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# collector.sh - to be sourced first: in a sandbox, a collector whose
# configuration is $tmp/conf, and an accountant that states what it is told to
# (tests/prog/statement.c).

. "$(dirname "${BASH_SOURCE[0]}")/sandbox.sh"

trap 'stop_accountant; [ -z "$collector" ] || kill "$collector" 2>/dev/null; rm -rf "$tmp"' EXIT

start_collector() {	# start_collector [OPTION]...
	ACCTRING_RUNDIR=$tmp/run "$BUILD/bin/acctring-collector" -c "$tmp/conf" "$@" 2>>"$tmp/log" &
	collector=$!
}
stop_collector() {	# its exit code is in $status
	kill -TERM "$collector"
	wait "$collector"
	# shellcheck disable=SC2034
	status=$?
	collector=
}
logged() { grep -q -- "$1" "$tmp/log"; }

# device GUEST BACKEND [DEV]: what dom0's toolstack would say of it
device() {
	xenstore-write "/libxl/$1/device/vbd/${3:-51712}/backend" \
		"/local/domain/$2/backend/abd/$1/${3:-51712}"
}

start_accountant() {	# start_accountant DOMID EPOCH [NODE=VALUE]...
	coproc ACCT { exec "$BUILD/bin/xsandbox" exec "$1" -- "$BUILD/tests/prog/statement" "$@"; }
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
