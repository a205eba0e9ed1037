# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# debt.sh - to be sourced first: what tests of debt share.  Domain 1 (net) burns CPU,
# all of it for domain 3, and its accountant in 2 says so, ten times a second.

# Caps are of time that passes: on a busy machine their domains must come first, where
# that is allowed.
[ -n "$XSANDBOX" ] || renice -n -15 -p $$ >/dev/null 2>&1
. "$(dirname "${BASH_SOURCE[0]}")/collector.sh"
prog=$BUILD/tests/prog/sandbox_cpu
ctl=$bin/acctctl
export ACCTRING_RUNDIR=$tmp/run

cap() { "$prog" get "$1" | cut -d' ' -f2; }
weight() { "$prog" get "$1" | cut -d' ' -f1; }
cap_is() { [ "$(cap "$1")" = "$2" ]; }
lower() { [ "$(cap "$1")" -lt "$2" ]; }
cpu() { "$prog" list | sed -n "s/^$1 \([0-9]*\) .*/\1/p"; }
now() { date +%s%N; }
idle() { awk '/^cpu / { print $5 + $6 }' /proc/stat; }	# ticks of 10 ms

# promised SECONDS COMMAND...: it succeeds, and by then, where the machine is not busy: others
# take what our programs want when less than 300 per mille of one CPU are idle.  $took: ms
promised() {
	local t0 i0 free most=$(($1 * 1000))

	shift
	t0=$(now) i0=$(idle)
	soon 20 "$@" || return 1
	took=$((($(now) - t0) / 1000000))
	[ $took -gt $most ] || return 0
	free=$((($(idle) - i0) * 10000 / took))
	[ $free -lt 300 ] && echo "# machine busy (idle $free per mille of a CPU): $took ms are not judged"
}
entitled_of() { "$ctl" entitle | awk -v d="$1" '$2 == d { print $6 }'; }
state_of() { "$ctl" entitle | awk -v d="$1" '$2 == d { print $3 }'; }

# accountant_says COMMAND...: the rows that it prints, ten times a second; $stating, $reading:
# the accountant's hands
accountant_says() {
	start_accountant 2 00000000000000aa
	exec 8>&"${ACCT[1]}" 9<&"${ACCT[0]}"
	while sleep 0.1; do
		"$@"
		echo turn
	done >&8 &
	stating=$!
	cat <&9 >/dev/null &
	reading=$!
}
# net_works_for UUID: what is charged is what the hypervisor saw, so no more than may be
net_works_for() {
	background 1 burner "$prog" spin 1000000 1
	accountant_says net_row "$1"
}
net_row() {
	local ns

	ns=$(cpu 1)
	echo "row 1 3 $1 $ns"
	echo "domain 1 $(uuid_of 1) $ns"
}
stop_stating() { kill "$stating" "$reading" 2>/dev/null; }
trap 'stop_stating; stop_accountant; [ -z "$collector" ] || kill "$collector" 2>/dev/null
	[ -z "$KEEP_LOG" ] || cp "$tmp/log" "$KEEP_LOG"; rm -rf "$tmp"' EXIT
