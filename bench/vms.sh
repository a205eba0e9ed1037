#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What it costs a host of 100 VMs: CPU of the collector, of an accountant and of
# xenstored, in mode observe and in mode debt (windows of 100 ms).  A backend posts ten
# times a second for each VM; of four that want more than their caps a block backend
# serves the disks.  In a sandbox, with Debian's xenstored: the scheduler's
# calls are those of its broker, not of Xen, and no CPU of the broker's is in it.
: "${BUILD:=$PWD/build}" "${VMS:=100}" "${LOADED:=4}" "${SECONDS_EACH:=10}"
export BUILD VMS LOADED SECONDS_EACH
[ "$1" = inside ] || exec "$BUILD/bin/xsandbox" run -- bash "$0" inside

. tests/lib/domain.sh
. tests/lib/toolstack.sh
xsb=$BUILD/bin/xsandbox bin=$BUILD/bin
tmp=$(mktemp -d) || exit 1
export ACCTRING_RUNDIR=$tmp/run
first=10 last_vm=$((10 + VMS - 1))
started=()
end() {
	kill "${started[@]}" 2>/dev/null
	wait
	rm -rf "$tmp"
}
trap end EXIT
die() { echo "vms: $*: $(tail -n 3 "$tmp"/*.log)"; exit 1; }

"$xsb" create 1 --name driver || exit 1
for ((d = first; d <= last_vm; d++)); do "$xsb" create "$d" --name "vm$d" || exit 1; done
for ((d = first; d < first + LOADED; d++)); do "$BUILD/tests/prog/sandbox_cpu" set "$d" 256 20 >"$tmp/set"; done
for ((d = first; d <= last_vm; d++)); do
	xenstore-write "/libxl/$d/device/vbd/51712/backend" "/local/domain/1/backend/abd/$d/51712"
done
cat >"$tmp/conf" <<-CONF
	drivers = ( { domain = "driver"; accountant = "driver"; } );
	bill_period_ms = 5000;
	entitlements = "$tmp/kept";
CONF
"$bin/acctring-collector" -c "$tmp/conf" 2>"$tmp/collector.log" &
collector=$!
started+=("$collector")
soon 20 test -S "$ACCTRING_RUNDIR/collector.sock" || die "no collector"
run_in() {	# run_in DOMID NAME COMMAND...
	local domid=$1 name=$2

	shift 2
	background "$domid" "$name" "$@"
	started+=("$pid")
}
run_in 1 acctringd "$bin/acctringd" -d "$tmp/ledger.db" -s "$tmp/sock"
acctringd=$pid
soon 20 test -S "$tmp/sock" || die "no acctringd"
run_in 1 poster "$BUILD/xen/bin/poster" bills 600 $first "$VMS"
run_in 1 blkback "$bin/acctring-blkback"
for ((d = first; d < first + LOADED; d++)); do
	truncate -s 4M "$tmp/$d.img"
	ts_vbd "$d" 1 51712 "$tmp/$d.img" w
	ts_wait "/local/domain/1/backend/abd/$d/51712" 2 20 || die "no disk"
	run_in "$d" "load$d" "$bin/acctring-blkfront" --rw randread --depth 8
	run_in "$d" "spin$d" "$BUILD/tests/prog/sandbox_cpu" spin 1000000 1
done
billed() { xenstore-exists "/local/domain/$last_vm/acctring/bill"; }
soon 60 billed || die "no bills"

ticks() { awk '{ s += $14 + $15 } END { print s }' $(printf '/proc/%s/stat ' "$@"); }
# shellcheck disable=SC2046
of() { ticks "$1" $(cat "/proc/$1/task/$1/children"); } # acctringd's worker, the collector's watchdog
xenstored=$(pgrep -P $PPID -x xenstored) || die "no xenstored below $PPID"
printf '| %s VMs, %s with load | collector | acctringd | xenstored | of a CPU |\n| --- | --- | --- | --- | --- |\n' "$VMS" "$LOADED"
look() {	# look NAME
	local c a x

	c=$(of "$collector") a=$(of "$acctringd") x=$(ticks "$xenstored")
	sleep "$SECONDS_EACH"
	c=$(($(of "$collector") - c)) a=$(($(of "$acctringd") - a)) x=$(($(ticks "$xenstored") - x))
	awk -v w="$1" -v c="$c" -v a="$a" -v x="$x" -v s="$SECONDS_EACH" 'BEGIN {
		printf "| %s | %.1f %% | %.1f %% | %.1f %% | %.1f %% |\n", w, c / s, a / s, x / s, (c + a + x) / s }'
}
look "mode observe"
"$bin/acctctl" debt >"$tmp/debt" || die "no debt"
sleep 2
look "mode debt"
lower() { [ "$("$BUILD/tests/prog/sandbox_cpu" get "$1" | cut -d' ' -f2)" -lt 20 ]; }
soon 10 lower $first || die "no cap was lowered: $("$bin/acctctl" entitle | head -n 6)"
