#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the guard holds (docs/method.md, 4 and 6), in the sandbox with the real backends and accountant: an offender
# whose queues are never empty, with a limit of 5 %, and a neighbour with a fixed load; then shares: a flood and nine light
# VMs, with no number configured.  The sandbox has one CPU, frontends the other.
#   EVAL_SECONDS: of a run (60), the first 3 do not count.  EVAL_LOADS: the offender's, small large mixed frames share.
set -- "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)"
: "${FRONTENDS:=${1##*[-,]}}"
export FRONTENDS
[ -n "$XSANDBOX" ] || taskset -cp "${1%%[-,]*}" $$ >/dev/null || exit 4
set --
. "$(dirname "$0")/../lib/driver.sh"
. "$(dirname "$0")/../lib/toolstack.sh"
: "${EVAL_SECONDS:=60}" "${EVAL_LOADS:=small large mixed frames share}"
lib=$(dirname "$0")/../lib
for l in $EVAL_LOADS; do
	case $l in
	small | large | mixed | frames | share) ;;
	*)
		echo "eval-guard: $l: not a load, allowed: small large mixed frames share" >&2
		exit 2
		;;
	esac
done

die() {
	echo "eval-guard: $*" >&2
	cat "$tmp"/*.log "$tmp/log" >&2
	exit 1
}
began=$SECONDS
progress() { echo "# $((SECONDS - began)) s: $*" >&2; }
driver_domain
uuid() { printf '%08d-0000-0000-0000-000000000000' "$1"; }
guests=$(seq 2 11)
for f in $guests; do
	"$xsb" create "$f" --name "vm$f" --uuid "$(uuid "$f")" || exit 4
	xenstore-write "/local/domain/1/acctring/backend/1/$f" "v=1 uuid=$(uuid "$f") serial=1 state=on name=vm$f"
done
# charges are told each 20 ms, so that a second is known to 2 %
start_acctringd 'guard = "on"; commit_ms = 20;' || die "no accountant"
ctl() { in_dom 1 -- "$bin/acctctl" "$@" --socket "$tmp/sock" >/dev/null || die "acctctl $*"; }
background 1 blkback "$bin/acctring-blkback" --queues 4 --devices 16
truncate -s 16M "$tmp/disk.img"
for f in $guests; do ts_vbd "$f" 1 51712 "$tmp/disk.img" w || die "disk of $f"; done

# load VM SECONDS OPTION...: ends by itself; its pid of exec is in $last
load() { background "$1" "load$1" taskset -c "$FRONTENDS" "$bin/acctring-blkfront" --rw randread --runtime "$2" "${@:3}"; }
of() { sed -n "s/.* $2=\([0-9.]*\).*/\1/p" "$tmp/load$1.out"; }
# lasts PID WHAT
lasts() { wait "$1" || die "$2 ends with $?"; }

# offends NAME OPTION...: 2 is limited to 5 %, 3 has a fixed load
offends() {
	local name=$1 offender out

	shift
	ctl limit vm2 5%
	"$@"
	offender=$last
	sleep 3
	load 3 $((EVAL_SECONDS - 5)) --rate "$rate" --depth 16
	out=$(perl "$lib/share.pl" "$tmp/sock" 2 $((EVAL_SECONDS - 5)))
	lasts "$last" "the neighbour beside $name"
	lasts "$offender" "$name"
	read -r _ mean _ worst _ least _ <<<"$out"
	printf '%-8s %6s %6s %6s %9.1f %9s %9s\n' "$name" "$mean" "$worst" "$least" \
		"$(awk "BEGIN { print 100 * $(of 3 rps) / $alone }")" "$alone_p99" "$(of 3 p99_us)"
	progress "$name"
}
blocks() { load 2 "$EVAL_SECONDS" --depth 32 "$@"; }
frames() {
	background 1 netback "$bin/acctring-netback"
	net=$pid
	ts_vif 2 1 0 00:16:3e:00:00:02 && ts_vif 4 1 0 00:16:3e:00:00:04
	background 4 receiver taskset -c "$FRONTENDS" "$bin/acctring-netfront" --receive --no-hello
	ts_wait /local/domain/4/device/vif/0 4 || die "no network"
	background 2 flood taskset -c "$FRONTENDS" "$bin/acctring-netfront" --send 00:16:3e:00:00:04 --no-hello \
		--runtime "$EVAL_SECONDS"
}

# lights NAME SECONDS: nine light VMs at once: the least part of its requests that one had, and the worst p99
lights() {
	local pids="" f

	for f in $(seq 3 11); do
		load "$f" "$2" --rate 100 --depth 4
		pids="$pids $last"
	done
	for f in $pids; do lasts "$f" "a light VM"; done
	for f in $(seq 3 11); do echo "$(of "$f" rps) $(of "$f" p99_us)"; done | awk -v n="$1" '
		{ if (NR == 1 || $1 < least) least = $1; if ($2 > worst) worst = $2 }
		END { printf "%-22s %8.1f %9.1f\n", n, least, worst }'
	progress "shares, $1"
}
flooded() { # NAME
	local flood

	load 2 $((EVAL_SECONDS / 2 + 4)) --depth 32 --queues 2 --bs 44k
	flood=$last
	sleep 2
	lights "$1" $((EVAL_SECONDS / 2))
	lasts "$flood" "the flood"
}

# 85 % of what the limit leaves of what the neighbour can have alone
load 3 4 --depth 16
lasts "$last" "the neighbour"
rate=$(awk "BEGIN { print int($(of 3 rps) * 0.85 * 0.95) }")
load 3 $((EVAL_SECONDS / 3)) --rate "$rate" --depth 16
lasts "$last" "the neighbour"
alone=$(of 3 rps) alone_p99=$(of 3 p99_us)
echo "limit 5 % of a CPU; a neighbour with $rate requests of 4 KiB a second"
printf '%-8s %6s %6s %6s %9s %9s %9s\n' load mean worst_s least_s neighb_% p99_alone p99_us
for l in $EVAL_LOADS; do
	case $l in
	small) offends small blocks --queues 2 --bs 512 ;;
	large) offends large blocks --queues 2 --bs 44k ;;
	mixed) offends mixed blocks --queues 4 --bs 512-44k ;;
	frames)
		offends frames frames
		kill -TERM "$net"
		;;
	share)
		ctl limit vm2 --clear
		echo "share: nine light VMs with 100 requests of 4 KiB a second each, a flood of 44 KiB"
		printf '%-22s %8s %9s\n' "" least_rps worst_p99
		lights alone $((EVAL_SECONDS / 2))
		flooded "flood, share off"
		ctl share on
		flooded "flood, share on"
		ctl share off
		;;
	esac
done
stop_acctringd
