# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# driver.sh - to be sourced first: in a sandbox, a driver domain 1 that is its
# own accountant, and what the collector would say about the VMs 2 and 3 that
# it serves.

. "$(dirname "${BASH_SOURCE[0]}")/sandbox.sh"

DRIVER_UUID=11111111-1111-1111-1111-111111111111
VM2_UUID=22222222-2222-2222-2222-222222222222
VM3_UUID=33333333-3333-3333-3333-333333333333

# its kernel lets programs make hypercalls: no collector is needed to measure it
export XSANDBOX_PRIVCMD=unrestricted

# serves F UUID SERIAL STATE
serves() {
	xenstore-write "/local/domain/1/acctring/backend/1/$1" "v=1 uuid=$2 serial=$3 state=$4"
}

driver_domain() {
	local d=/local/domain/1/acctring

	"$BUILD/bin/xsandbox" create 1 --name driver --uuid $DRIVER_UUID || exit 1
	xenstore-write $d "" && xenstore-chmod $d n0 r1
	xenstore-write $d/accountant 1
	serves 2 $VM2_UUID 1 on
	serves 3 $VM3_UUID 1 on
	xenstore-write $d/backend/1 "v=1 uuid=$DRIVER_UUID name=driver"
}

# ---- acctringd and backends in domain 1 ----

# start_acctringd [CONF]: sets $holder (its pid).  $acctringd_options: one more
start_acctringd() {
	echo "restart_ms = 50; $1" > "$tmp/conf"
	rm -f "$tmp/holder"
	# shellcheck disable=SC2016
	"$BUILD/bin/xsandbox" exec 1 -- sh -c 'echo $$ > "$0/holder"; exec "$1/bin/acctringd" \
		-c "$0/conf" -d "$0/ledger.db" -s "$0/sock" $2' \
		"$tmp" "$BUILD" "$acctringd_options" 2>> "$tmp/log" &
	acctringd=$!
	soon 10 test -s "$tmp/holder" || return 1
	holder=$(cat "$tmp/holder")
	soon 10 test -S "$tmp/sock"
}

# stop_acctringd: its exit code
stop_acctringd() {
	kill -TERM "$holder"
	wait "$acctringd"
}

worker_pid() { awk '{print $1}' "/proc/$holder/task/$holder/children"; }

# start_poster INDEX SEED LANES [ACCOUNTANT]: sets poster[INDEX]; -1: whom dom0 names
start_poster() {
	truncate -s 4096 "$tmp/oracle-$1"
	rm -f "$tmp/pid-$1"
	# shellcheck disable=SC2016
	"$BUILD/bin/xsandbox" exec 1 -- sh -c 'echo $$ > "$0/pid-$2"
		exec "$1/tests/prog/kill_backend" "$0/oracle-$2" "$3" "$2" "$4" "$5"' \
		"$tmp" "$BUILD" "$1" "$2" "$3" "${4:-1}" 2>> "$tmp/log" &
	waiter[$1]=$!
	soon 10 test -s "$tmp/pid-$1" || return 1
	poster[$1]=$(cat "$tmp/pid-$1")
}

# stop_poster INDEX [SIGNAL]: its exit code
stop_poster() {
	kill "-${2:-TERM}" "${poster[$1]}"
	wait "${waiter[$1]}" 2>/dev/null
}

# posts INDEX: done on lane 0 (page: 128 bytes, then {started, done} a lane)
posts() { od -An -tu8 -j136 -N8 "$tmp/oracle-$1" | tr -d ' '; }
epoch_of() { od -An -tx8 -N8 "$tmp/oracle-$1" | tr -d ' '; }
is_attached() {
	xenstore-ls /local/domain/1/data/acctring/peer/1 2>/dev/null |
		grep -q "attached $(epoch_of "$1")"
}
ledger() { sqlite3 -readonly "$tmp/ledger.db" "$1" 2>/dev/null; }

snapshot() {	# the JSON document
	perl -MIO::Socket::UNIX -e 'local $/; print IO::Socket::UNIX->new(Peer => $ARGV[0])->getline' \
		"$tmp/sock"
}
# field NAME [DOMID]: of a driver domain in the snapshot
field() {
	snapshot | sed 's/.*"domains":\[//; s/\].*//' | tr '}' '\n' |
		grep "{\"domid\":${2:-1}," | tr ',' '\n' | sed -n "s/^\"$1\"://p"
}

# fields NAME...: of domain 1, all from one snapshot, in a line
fields() {
	local one name

	one=$(snapshot)
	for name; do
		printf '%s' "$one" | sed 's/.*"domains":\[//; s/\].*//' | tr '}' '\n' |
			grep '{"domid":1,' | tr ',' '\n' | sed -n "s/^\"$name\"://p"
	done | tr '\n' ' '
}

# burns: what the backend of pid $back burns in a second is in $burned, in ticks: 100 are a CPU
ticks() { awk '{ print $14 + $15 }' "/proc/$back/stat"; }
burns() {
	local was

	was=$(ticks)
	sleep 1
	burned=$(($(ticks) - was))
}

# tap STATUS NAME
tap() {
	tap_n=$((tap_n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tap_n - $2"
	else
		echo "not ok $tap_n - $2"
		tap_failed=1
		tail -n 8 "$tmp/log" | sed 's/^/# /'
	fi
}
tap_end() {
	echo "1..$tap_n"
	exit "${tap_failed:-0}"
}
