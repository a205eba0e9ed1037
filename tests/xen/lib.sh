# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What cases use.  A case is a script that is sourced in dom0; it ends with a
# failing command (it runs under set -e), with `fail`, `skip`, or well.
#
# The same cases run in dom0 of the bed and, where "# on: xen sandbox" says so,
# in domain 0 of a sandbox (tests/cases.t).  What differs is in lib-xen.sh and
# lib-sandbox.sh.  Programs of the bed are in PATH.  A case keeps its files in
# $run (/run/bed), in /tmp or in the working directory; /tmp in a command for
# `at`, `in_guest`, `start_at` is the /tmp of that domain.
: "${bed:=/bed}"
. "$bed/run.conf"
. "$bed/toolstack.sh"
: "${on:=xen}" "${slow:=1}"

diag() { printf '%s\n' "$*" | tee -a "$run/diag"; }
fail() { echo "FAIL: $*" >&2; exit 1; }
step() { echo "[$SECONDS s] $*" >&2; } # in the case's log: where its time goes
skip() { echo "$*"; exit 77; }
is() { [ "$1" = "$2" ] || fail "${3:-value}: got '$1', expected '$2'"; }
most() { [ "$3" -le "$2" ] || fail "$1: got '$3', at most $2"; } # WHAT LIMIT VALUE
least() { [ "$3" -ge "$2" ] || fail "$1: got '$3', at least $2"; }
field() { sed -n "s/.*\\<$2=\\([0-9]*\\).*/\\1/p" <<<"$1"; } # "... NAME=number ..." NAME
run_case() {
	set -eE
	trap 'echo "FAIL: line $LINENO: $BASH_COMMAND (exit $?)" >&2' ERR
	cd "$(mktemp -d)"
	basename "$1" .sh >"$run/case"
	rm -f "$run/passed"
	# shellcheck disable=SC1090
	. "$(case_file "$1")"
	touch "$run/passed"
}
until_ok() { # SECONDS COMMAND...
	local end=$((SECONDS + $1 * slow))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep "$poll"
	done
}
# timed COMMAND...: how long it took, as a diag; fails as it does
timed() {
	local began
	began=$(date +%s%N)
	"$@" || fail "$*: exit $?"
	diag "$*: $((($(date +%s%N) - began) / 1000000)) ms"
}
no_node() { ! xenstore-exists "$1"; }
state_is() { [ "$(ts_state "$1")" = "$2" ]; }
domid_of() { if [ "$1" = dom0 ]; then echo 0; else domid "$1"; fi; }

# ---------------------------------------------------------------- domains
# Of lib-xen.sh and lib-sandbox.sh:
#   guest_create NAME [pv|pvh|-] [LINE OF xl.cfg]...   starts it, does not wait
#   guest_up NAME             waits until it answers
#   domid NAME; uuid_of NAME; is_gone DOMID (not even dying); is_dying DOMID (a zombie)
#   destroy NAME; reboot_guest NAME (as its user does; waits until it answers)
#   in_guest NAME SECONDS COMMAND    its output (the end of it), its exit code
#   in_dom0 SECONDS COMMAND
#   clean_log [NAME]          dom0's kernel had nothing to complain since the case
#                             began; or NAME's since it booted
#   bg COMMAND...             in dom0, killed when the case ends, however it ends

guest() { # NAME [pv|pvh|-] [LINE OF xl.cfg]...
	guest_create "$@"
	guest_up "$1"
	step "$1 is up"
}
# guests NAME...: they boot at the same time; NAME:driver is a driver domain
guests() {
	local g
	for g; do
		case $g in
		*:driver) driver_create "${g%:driver}" ;;
		*) guest_create "$g" ;;
		esac
	done
	for g; do
		case $g in
		*:driver) driver_up "${g%:driver}" ;;
		*) guest_up "$g" ;;
		esac
		step "$g is up"
	done
}
# driver_domain NAME [TYPE]: a driver domain with the product in it
driver_create() { driver=1 memory=320 guest_create "$1" "${2:-pv}" "driver_domain=1"; }
driver_up() {
	guest_up "$1"
	is "$(in_guest "$1" 10 'acctringd --version >/dev/null && echo runs' | tail -n 1)" runs \
		"the product in the driver domain"
}
driver_domain() {
	driver_create "$@"
	driver_up "$1"
}

# at dom0|GUEST SECONDS COMMAND
at() {
	set -- "$1" "$2" "export ACCTRING_SOCKET=/tmp/acctringd.sock
$3"
	if [ "$1" = dom0 ]; then in_dom0 "$2" "$3"; else in_guest "$@"; fi
}
# start_at WHERE NAME COMMAND: in the background; /tmp/NAME.{out,log,pid} there
start_at() {
	at "$1" 15 "rm -f /tmp/$2.*; $3 >/tmp/$2.out 2>/tmp/$2.log & echo \$! >/tmp/$2.pid"
	[ "$1" != dom0 ] || in_dom0 5 "cat /tmp/$2.pid" >>"$run/pids"
}
# stop_at WHERE NAME [SIGNAL]: and waits until it is gone
stop_at() {
	at "$1" 30 "p=\$(cat /tmp/$2.pid); kill -${3:-TERM} \$p || exit 1; n=0
		while [ -e /proc/\$p ]; do n=\$((n + 1)); [ \$n -lt 200 ] || exit 1; sleep 0.1; done"
}
log_of() { at "$1" 10 "tail -n 8 /tmp/$2.log /tmp/$2.out"; }

# ---------------------------------------------------------------- disks
# Of lib-xen.sh (its kernel's xen-blkfront) and lib-sandbox.sh (acctring-blkfront);
# xvda where no disk is named:
#   io_check GUEST [xvdX]          writes 4 MiB, reads them back, compares
#   io_read GUEST [MIB [xvdX]]     reads (3 MiB)
#   io_start GUEST [read|write [xvdX]]   in the background, until io_stop GUEST

# disk GUEST BACKEND BYTES [xvdX]: a disk of ours
disk() {
	local f b=0 back file dev
	f=$(domid "$1") dev=$(devid "${4:-xvda}")
	[ "$2" = dom0 ] || b=$(domid "$2")
	file=$(at "$2" 10 "truncate -s $3 /tmp/disk-$1 && echo /tmp/disk-$1")
	ts_vbd "$f" "$b" "$dev" "$file" w || fail "no disk for $1"
	back=/local/domain/$b/backend/abd/$f/$dev
	ts_wait "$back" "$disk_state" 40 || fail "$1's disk: backend state $(ts_state "$back"), frontend state $(
		ts_state "/local/domain/$f/device/vbd/$dev"), $(log_of "$2" blkback)"
	step "$1 has its disk"
}
devid() { # xvdX: Xen's number of it
	local n
	printf -v n %d "'${1#xvd}"
	echo $((51712 + 16 * (n - 97)))
}

# ---------------------------------------------------------------- the product

# accounting BACKEND ACCOUNTANT: collector in dom0, acctringd where the accountant is
accounting() {
	local b=$1 a=$2
	[ "$b" != dom0 ] || b=0
	[ "$a" != dom0 ] || a=0
	printf 'drivers = ( { domain = "%s"; accountant = "%s"; } );\nbill_period_ms = 1000;\n' \
		"$b" "$a" >"$run/collector.conf"
	start_at dom0 collector "acctring-collector -v -c $run/collector.conf"
	# as its unit does
	start_at "$2" acctringd 'sh -c "renice -n -15 -p \$\$; exec acctringd -v -d /tmp/ledger.db -s /tmp/acctringd.sock"'
}
bill_of() { in_guest "$1" 10 'xenstore-read acctring/bill'; }
posted() { bill_of "$1" | sed -n 's/.*posted_ns=\([0-9]*\).*/\1/p'; }
has_bill() { bill_of "$1" 2>/dev/null | grep -q 'posted_ns=[1-9]'; }
# conserved BACKEND ACCOUNTANT [rebooted=1|device=N]: what blkback posted is what the ledger
# holds (tests/conserved.awk)
conserved() {
	local opt=${3:-rebooted=}
	stop_at "$1" blkback || fail "blkback does not end: $(log_of "$1" blkback)"
	at "$2" 20 'acctctl dump accounts >/tmp/dump.tsv' ||
		fail "no dump: $(log_of "$2" acctringd)"
	# both ends' files to where awk runs
	if [ "$1" != "$2" ]; then
		at "$2" 10 'cat /tmp/dump.tsv' >"$run/dump.tsv"
		at "$1" 10 'cat /tmp/vbd.tsv' >"$run/vbd.tsv"
		at "$1" 10 'cat /tmp/blkback.out' >"$run/blkback.out"
		awk -v "$opt" -f "$bed/conserved.awk" "$run/dump.tsv" "$run/vbd.tsv" "$run/blkback.out"
	else
		at "$1" 10 "awk -v $opt -f /bed/conserved.awk /tmp/dump.tsv /tmp/vbd.tsv /tmp/blkback.out"
	fi >"$run/conserved" ||
		fail "not conserved: $(cat "$run/conserved"), $(log_of "$1" blkback), $(log_of "$2" acctringd)"
	step "conserved"
	diag "$(tail -n 1 "$run/conserved")"
}

# shellcheck disable=SC1090
. "$bed/lib-$on.sh"
