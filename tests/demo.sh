#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# make demo: a driver domain with the block and net backends and the
# accountant, three guests, twenty seconds; then the bills, and the proof
# that what was posted is what the ledger holds.
#
#   domain 0  dom0      acctring-collector, xenstored
#   domain 1  driver    acctring-blkback, acctring-netback, acctringd
#   domain 2  disk      reads and writes its disk, as fast as it can
#   domain 3  net       sends frames from its first vif to its second
#   domain 4  cpu       counts; reads a little of its disk first
set -u -o pipefail

BUILD=${BUILD:-$PWD/build}
SECONDS_LIVE=${DEMO_SECONDS:-20}
bin=$BUILD/bin

if [ -z "${ACCTRING_DEMO:-}" ]; then
	export ACCTRING_DEMO=1 BUILD
	exec "$bin/xsandbox" run -- bash "$0"
fi

work=$(mktemp -d) || exit 1
pids=()

# Everything ends with the sandbox; files are ours to remove.
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

fail() {
	echo "demo: $*" >&2
	for log in "$work"/*.log; do
		[ -s "$log" ] && { echo "--- ${log##*/}" >&2; tail -n 5 "$log" >&2; }
	done
	exit 1
}

# in_domain DOMID LOG CMD...: in the background; its pid in $last
in_domain() {
	local dom=$1 log=$2
	shift 2
	"$bin/xsandbox" exec "$dom" -- "$@" >"$work/$log.out" 2>"$work/$log.log" &
	last=$!
	pids+=("$last")
}

# wait_for SECONDS WHAT CMD...: until CMD succeeds
wait_for() {
	local n=$(($1 * 10)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || fail "$what: waited in vain"
		sleep 0.1
	done
}

state_is() { [ "$(xenstore-read "$1" 2>/dev/null)" = "$2" ]; }

# stop PID...: SIGTERM, then wait for each
stop() {
	local p
	kill -TERM "$@" 2>/dev/null
	for p in "$@"; do
		wait "$p" || echo "demo: process $p ended with $?" >&2
	done
}

. tests/lib/toolstack.sh

# ------------------------------------------------------------ the host

"$bin/xsandbox" create 1 --name driver || fail "no driver domain"
"$bin/xsandbox" create 2 --name disk || fail "no guest"
"$bin/xsandbox" create 3 --name net || fail "no guest"
"$bin/xsandbox" create 4 --name cpu || fail "no guest"

cat >"$work/collector.conf" <<-CONF
	drivers = ( { domain = "driver"; accountant = "driver"; } );
	bill_period_ms = 1000;
CONF
in_domain 0 collector "$bin/acctring-collector" -c "$work/collector.conf"
collector=$last

export ACCTRING_SOCKET=$work/acctringd.sock
in_domain 1 acctringd "$bin/acctringd" -d "$work/ledger.db" -s "$ACCTRING_SOCKET"
accountant=$last
in_domain 1 blkback "$bin/acctring-blkback" --totals "$work/vbd.tsv"
blkback=$last
in_domain 1 netback "$bin/acctring-netback" --totals "$work/vif.tsv"
netback=$last

truncate -s 64M "$work/disk.img" "$work/cpu.img" || fail "no room for disk images"
ts_vbd 2 1 51712 "$work/disk.img" w || fail "no disk for domain 2"
ts_vbd 4 1 51712 "$work/cpu.img" r || fail "no disk for domain 4"
ts_vif 3 1 0 00:16:3e:00:00:30 || fail "no vif for domain 3"
ts_vif 3 1 1 00:16:3e:00:00:31 || fail "no vif for domain 3"

# ------------------------------------------------------------ the guests

in_domain 2 disk "$bin/acctring-blkfront" --device 51712 --rw randwrite --bs 4k --depth 16 \
	--runtime 3600
disk=$last
in_domain 3 rx "$bin/acctring-netfront" --device 1 --receive --runtime 3600
rx=$last
wait_for 15 "domain 3, second vif" state_is /local/domain/3/device/vif/1/state 4
in_domain 3 tx "$bin/acctring-netfront" --device 0 --send 00:16:3e:00:00:31 --size 1000 \
	--runtime 3600
tx=$last
in_domain 4 cpu sh -c "'$bin/acctring-blkfront' --device 51712 --rw read --bs 4k --depth 1 \
	--count 2000; while :; do :; done"
cpu=$last

wait_for 15 "domain 2, disk" state_is /local/domain/2/device/vbd/51712/state 4
wait_for 15 "domain 3, first vif" state_is /local/domain/3/device/vif/0/state 4
wait_for 15 "the accountant" "$bin/acctctl" ledger

echo "A driver domain and three guests: who spends what, for $SECONDS_LIVE seconds."
timeout --foreground -s INT "$SECONDS_LIVE" "$bin/acctctl" ledger --watch 2
echo

# ------------------------------------------------------------ the end

kill -TERM "$cpu" 2>/dev/null
wait "$cpu" 2>/dev/null
stop "$disk" "$tx" "$rx"
stop "$blkback" "$netback"	# wait until all that they posted is committed

# The collector publishes what the accountant charged, within a second.
bills_match() {
	local f
	for f in 2 3 4; do
		xenstore-read "/local/domain/$f/acctring/bill" | grep -q 'posted_ns=[1-9]' || return 1
	done
}
wait_for 20 "the bills" bills_match
sleep 1.5

for f in 2 3 4; do
	printf 'domain %s: xenstore-read acctring/bill\n  ' "$f"
	"$bin/xsandbox" exec "$f" -- xenstore-read acctring/bill || fail "domain $f has no bill"
done
"$bin/acctctl" dump accounts >"$work/dump.tsv" || fail "no ledger"
echo 'the driver domain, seconds of CPU since it began (acctctl dump domains):'
"$bin/acctctl" dump domains | awk -F'\t' '!/^#/ {
	printf "  measured %.3f = charged to VMs %.3f + own work %.3f + unattributed %.3f\n",
		$4 / 1e9, $5 / 1e9, $6 / 1e9, $7 / 1e9 }'
stop "$accountant" "$collector"

awk -f tests/conserved.awk "$work/dump.tsv" "$work/vbd.tsv" "$work/vif.tsv" \
	"$work/blkback.out" "$work/netback.out" || fail "not conserved"
