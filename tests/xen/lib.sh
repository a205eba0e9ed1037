# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What cases in dom0 use.  A case is a script that is sourced; it ends with a
# failing command (it runs under set -e), with `fail`, `skip`, or well.
. /bed/run.conf
PATH=/usr/local/sbin:/usr/local/bin:/bed/bin:/usr/sbin:/usr/bin:/sbin:/bin

diag() { printf '%s\n' "$*" | tee -a /run/bed/diag; }
fail() { echo "FAIL: $*" >&2; exit 1; }
skip() { echo "$*"; exit 77; }
is() { [ "$1" = "$2" ] || fail "${3:-value}: got '$1', expected '$2'"; }
run_case() {
	set -eE
	trap 'echo "FAIL: line $LINENO: $BASH_COMMAND (exit $?)" >&2' ERR
	cd "$(mktemp -d)"
	# shellcheck disable=SC1090
	. "/bed/$1"
}
clean_up() {
	local d
	for d in $(xl list | awk 'NR > 1 && $2 != 0 { print $2 }'); do xl destroy "$d"; done
	[ ! -e /run/bed/pids ] || xargs -r -n 1 kill -9 </run/bed/pids 2>/dev/null
	rm -f /run/bed/pids
}
# Background of a case: killed when the case ends, however it ends.
bg() {
	"$@" &
	echo $! >>/run/bed/pids
}
until_ok() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}
# The kernel's log has no complaint since the case began.
clean_log() {
	! dmesg | grep -E 'BUG|WARNING|Oops|Bad page|general protection|soft lockup|still in use' ||
		fail "kernel log"
}
domid() { xl domid "$1"; }
domid_of() { if [ "$1" = dom0 ]; then echo 0; else domid "$1"; fi; }

# guest NAME [pv|pvh|-] [LINE OF xl.cfg]...: starts it, waits for its agent.
guest() {
	local name=$1 type=${2:--} cfg=/run/bed/$1.cfg line ramdisk=guest
	shift $(($# > 1 ? 2 : 1))
	[ "$type" != - ] || type=$guest_type
	[ -z "${driver:-}" ] || ramdisk=driver
	{
		echo "name='$name'"
		echo "type='$type'"
		echo "kernel='/bed/guest/vmlinux'"
		echo "ramdisk='/bed/guest/$ramdisk.cpio.gz'"
		echo "memory=${memory:-160}"
		echo "vcpus=1"
		echo "extra='console=hvc0 loglevel=5 ${extra:-}'"
		[ "$type" = pv ] || echo "tsc_mode='native'"
		for line in "$@"; do echo "$line"; done
	} >"$cfg"
	xl create "$cfg" || fail "xl create $name"
	bg sh -c "tail -f /dev/null | xl console $name >>/results/console-$name.log 2>&1"
	agent_up "$name"
}
agent_up() {
	local d
	d=$(domid "$1")
	until_ok 120 xenstore-read "/local/domain/$d/data/bed/done" >/dev/null 2>&1 ||
		fail "$1 does not answer"
}
# in_guest NAME SECONDS COMMAND: its output, its exit code.
in_guest() {
	local d n t=$2 answer
	d=$(domid "$1")
	n=$(($(date +%s%N) / 1000000))
	xenstore-write "/local/domain/$d/data/bed/cmd" "$n $3"
	until_ok "$t" eval "answer=\$(xenstore-read /local/domain/$d/data/bed/done); [ \"\${answer% *}\" = $n ]" ||
		fail "$1: no answer in $t s to: $3"
	xenstore-read -R "/local/domain/$d/data/bed/out"
	return "${answer#* }"
}

# ---------------------------------------------------------------- the product

# at dom0|GUEST SECONDS COMMAND
at() {
	local ACCTRING_SOCKET=/tmp/acctringd.sock
	export ACCTRING_SOCKET
	if [ "$1" = dom0 ]; then
		timeout "$2" bash -c "$3"
	else
		in_guest "$1" "$2" "export ACCTRING_SOCKET=$ACCTRING_SOCKET
$3"
	fi
}
# start_at WHERE NAME COMMAND: in the background; /tmp/NAME.{out,log,pid} there
start_at() {
	at "$1" 15 "rm -f /tmp/$2.*; $3 >/tmp/$2.out 2>/tmp/$2.log & echo \$! >/tmp/$2.pid"
	[ "$1" != dom0 ] || cat "/tmp/$2.pid" >>/run/bed/pids
}
# stop_at WHERE NAME [SIGNAL]: and waits until it is gone
stop_at() {
	at "$1" 30 "p=\$(cat /tmp/$2.pid); kill -${3:-TERM} \$p || exit 1; n=0
		while [ -e /proc/\$p ]; do n=\$((n + 1)); [ \$n -lt 200 ] || exit 1; sleep 0.1; done"
}
log_of() { at "$1" 10 "tail -n 8 /tmp/$2.log /tmp/$2.out"; }

# accounting BACKEND ACCOUNTANT: collector in dom0, acctringd where the accountant is
accounting() {
	local b=$1 a=$2
	[ "$b" != dom0 ] || b=0
	[ "$a" != dom0 ] || a=0
	printf 'drivers = ( { domain = "%s"; accountant = "%s"; } );\nbill_period_ms = 1000;\n' \
		"$b" "$a" >/run/bed/collector.conf
	start_at dom0 collector 'acctring-collector -v -c /run/bed/collector.conf'
	start_at "$2" acctringd 'acctringd -v -d /tmp/ledger.db -s /tmp/acctringd.sock'
}
# driver NAME [TYPE]: a driver domain with the product in it
driver_domain() {
	driver=1 memory=320 guest "$1" "${2:--}" "driver_domain=1"
	is "$(in_guest "$1" 10 'acctringd --version >/dev/null && echo runs' | tail -n 1)" runs \
		"the product in the driver domain"
}
# disk GUEST BACKEND BYTES: a disk of ours for a guest's own kernel driver
disk() {
	local f b=0 back
	f=$(domid "$1")
	[ "$2" = dom0 ] || b=$(domid "$2")
	at "$2" 10 "truncate -s $3 /tmp/disk-$1"
	ts_vbd "$f" "$b" 51712 "/tmp/disk-$1" w || fail "no disk for $1"
	back=/local/domain/$b/backend/abd/$f/51712
	ts_wait "$back" 4 40 || fail "$1's disk: backend state $(ts_state "$back"), frontend state $(
		ts_state "/local/domain/$f/device/vbd/51712"), $(log_of "$2" blkback)"
}
bill_of() { in_guest "$1" 10 'xenstore-read acctring/bill'; }
has_bill() { bill_of "$1" 2>/dev/null | grep -q 'posted_ns=[1-9]'; }
# conserved BACKEND ACCOUNTANT: what blkback posted is what the ledger holds
conserved() {
	stop_at "$1" blkback || fail "blkback does not end: $(log_of "$1" blkback)"
	at "$2" 20 'acctctl dump accounts >/tmp/dump.tsv' ||
		fail "no dump: $(log_of "$2" acctringd)"
	# both ends' files to where awk runs
	if [ "$1" != "$2" ]; then
		at "$2" 10 'cat /tmp/dump.tsv' >/run/bed/dump.tsv
		at "$1" 10 'cat /tmp/vbd.tsv' >/run/bed/vbd.tsv
		at "$1" 10 'cat /tmp/blkback.out' >/run/bed/blkback.out
		awk -f /bed/conserved.awk /run/bed/dump.tsv /run/bed/vbd.tsv /run/bed/blkback.out
	else
		at "$1" 10 'awk -f /bed/conserved.awk /tmp/dump.tsv /tmp/vbd.tsv /tmp/blkback.out'
	fi >/run/bed/conserved || fail "not conserved: $(cat /run/bed/conserved)"
	diag "$(tail -n 1 /run/bed/conserved)"
}
