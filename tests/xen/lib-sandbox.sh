# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # lib.sh reads them
# The verbs of lib.sh in domain 0 of a sandbox: a guest is a domain without
# programs of its own, its disk's frontend is acctring-blkfront.  tests/cases.t
# made $bed.
run=$bed/run results=$bed/results
poll=0.05
disk_state=2 # it waits: a frontend comes with the first I/O
export TMPDIR=$bed/tmp/dom0

clean_up() { :; } # all ends with the sandbox
bg() { "$@" & }
clean_log() { :; } # no kernel but the machine's
# Domains share the machine's files: each has a directory for its /tmp.  A case
# is written for dom0's; what it says to a guest is meant for the guest's.
here() { # NAME TEXT
	local s=${2//"$bed/tmp/dom0/"//tmp/}
	s=${s//"$bed"/$'\1'}
	s=${s//\/run\/bed\//$'\1'/run/}
	s=${s//\/tmp\//$'\1'/tmp/$1/}
	s=${s//\/bed\//$'\1'/}
	printf '%s\n' "${s//$'\1'/"$bed"}"
}
case_file() {
	here dom0 "$(cat "$bed/$1")" >"$run/case.sh"
	echo "$run/case.sh"
}
xl() { # what is left of it here
	case $1 in
	destroy) destroy "$2" ;;
	*) fail "in the sandbox there is no xl $*" ;;
	esac
}
running() { xsandbox list | awk -v n="$1" -v k="$2" '$3 == n && $4 == "running" { print $k; ok = 1 } END { exit !ok }'; }
domid() { running "$1" 1; }
uuid_of() { running "$1" 2; }
is_dying() { xsandbox list | awk -v d="$1" '$1 == d && $4 == "dying" { ok = 1 } END { exit !ok }'; }
is_gone() { ! xsandbox list | grep -q "^$1[[:space:]]"; }

guest_create() {
	local name=$1 uuid
	uuid=$(printf '%s\n' "$@" | sed -n "s/^uuid *= *['\"]\(.*\)['\"]/\1/p")
	echo $(($(cat "$run/last" 2>/dev/null || echo 0) + 1)) >"$run/last"
	mkdir -p "$bed/tmp/$name"
	printf '%s' "${extra:-}" | sed -n 's/.*xen_privcmd.unrestricted=1.*/unrestricted/p' >"$run/$name.privcmd"
	xsandbox create "$(cat "$run/last")" --name "$name" ${uuid:+--uuid "$uuid"} || fail "xsandbox create $name"
}
guest_up() { in_guest "$1" 10 ':'; }
# Devices as libxl does it when a domain is destroyed: the backend is told, is
# waited for, and its directory goes.
destroy() {
	local d b list
	d=$(domid "$1")
	list=$(xenstore-ls -f "/libxl/$d/device" 2>/dev/null | sed -n 's/.*\/backend = "\(.*\)"$/\1/p')
	xsandbox destroy "$d" || return 1
	for b in $list; do
		[ "$(ts_state "$b")" = 6 ] || xenstore-write "$b/online" 0 "$b/state" 5
		until_ok 10 is_closed "$b" || return 1
		xenstore-rm "$b" 2>/dev/null || :
	done
}
# A backend that saw its guest die may have removed it all before it was told.
is_closed() { ! xenstore-exists "$1/frontend" || [ "$(ts_state "$1")" = 6 ]; }
reboot_guest() {
	local uuid
	uuid=$(uuid_of "$1")
	destroy "$1"
	guest_create "$1" - "uuid='$uuid'"
	guest_up "$1"
}
in_guest() {
	local d rc=0 out
	d=$(domid "$1") || fail "no domain $1"
	out=$(mktemp)
	echo "agent: $3" >>"$results/console-$1.log"
	XSANDBOX_PRIVCMD=$(cat "$run/$1.privcmd") timeout $(($2 * slow)) \
		xsandbox exec "$d" -- sh -c "$(here "$1" "$3")" >"$out" 2>&1 </dev/null || rc=$?
	tee -a "$results/console-$1.log" <"$out"
	rm "$out"
	[ "$rc" != 124 ] || fail "$1: no answer in $2 s to: $3"
	return "$rc"
}
in_dom0() { timeout $(($1 * slow)) bash -c "$(here dom0 "$2")"; }

io_check() {
	in_guest "$1" 30 "$(blkfront "${2:-}") --rw verify --bs 512-44k --size 4m" || fail "$1's disk"
}
io_read() {
	in_guest "$1" 30 "$(blkfront "${3:-}") --rw read --bs 32k --count $((${2:-3} * 32))" || fail "$1's disk"
}
io_start() { start_at "$1" io "$(blkfront "${3:-}") --rw ${2:-read} --bs 32k"; }
blkfront() { echo "acctring-blkfront --device $(devid "${1:-xvda}")"; }
io_stop() { stop_at "$1" io; }
