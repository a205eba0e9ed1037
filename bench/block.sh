#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What accounting adds to a 4 KiB request of the block backend.  Three programs
# serve the same requests: acctring-blkback; one that does not post (no record,
# no books of its own, no admission); and one that does not measure either (no
# cycle counter, no CPU clock): bench/bare.h.  The differences are what it
# costs: in instructions in user space, counted by callgrind; and in CPU time,
# the kernel's included, of runs that take turns.  In a sandbox; what its
# libraries do in the place of Xen's is not counted, but is in the time.
: "${BUILD:=$PWD/build}" "${COUNT:=20000}" "${ROUNDS:=15}"
export BUILD COUNT ROUNDS
if [ "$1" != inside ]; then
	command -v valgrind >/dev/null || { echo "block: valgrind is not installed"; exit 0; }
	exec "$BUILD/bin/xsandbox" run -- bash "$0" inside
fi

. tests/lib/toolstack.sh
. tests/lib/domain.sh
xsb=$BUILD/bin/xsandbox
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
disk=/local/domain/1/backend/abd/2/51712
program=("$BUILD/bin/acctring-blkback" "$BUILD/bench/blkback-bare1" "$BUILD/bench/blkback-bare2")

# serve WHICH GRANTS RW DEPTH COUNT [WRAPPER...]: $burned is what its threads burned, in ns
serve() {
	local which=$1 grants=$2 rw=$3 depth=$4 count=$5 drain back exec
	shift 5
	background 0 drain "$BUILD/tests/prog/backend_drain" 1
	drain=$last
	background 1 back "$@" "${program[which]}" --grants "$grants" --queues 1
	back=$pid exec=$last
	ts_forget 2 vbd 51712
	ts_vbd 2 1 51712 "$tmp/disk.img" w
	ts_wait "$disk" 2 60 || return 1
	before=$(burned "$back")
	"$xsb" exec 2 -- "$BUILD/bin/acctring-blkfront" --rw "$rw" --depth "$depth" --count "$count" \
		>"$tmp/front.out" || return 1
	after=$(burned "$back")
	kill -TERM "$back"
	wait "$exec" "$drain"
}
# burned PID: CPU of its threads and of those that ended, in 10 ms
burned() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }

# functions [--inclusive=yes]: lines "instructions file:function"
functions() {
	callgrind_annotate --threshold=100 --show-percs=no --auto=no "$@" "$tmp/counts" |
		sed -n 's/^ *\([0-9,]*\)  \([^ ]*:[^ ]*\).*/\1 \2/p' | tr -d ,
}
# with all they call: a function has a line for each file it is made of
inclusive() {
	functions --inclusive=yes | awk -v p="$1" '{ f = $2; sub(/.*:/, "", f) }
		f ~ p && $1 > most[f] { most[f] = $1 }
		END { for (f in most) s += most[f]; printf "%.0f", s }'
}
self() { functions | awk -v p="$1" '$2 ~ p { s += $1 } END { printf "%.0f", s }'; }
count_instructions() {	# count_instructions WHICH GRANTS RW
	serve "$1" "$2" "$3" 32 "$COUNT" valgrind --tool=callgrind \
		--callgrind-out-file="$tmp/counts" --collect-atstart=no --toggle-collect=queue_thread || return 1
	echo $(($(self .) - $(inclusive '^xen(gnttab|evtchn)_')))
}

instructions() {
	local how rw i

	printf '\nThe block backend: user instructions of a 4 KiB request, depth 32, %s of each\n\n' "$COUNT"
	printf '| | all | posting | | measuring | | without both |\n'
	printf '| --- | --- | --- | --- | --- | --- | --- |\n'
	for how in copy map; do
		for rw in randread randwrite; do
			for i in 0 1 2; do
				n[i]=$(count_instructions $i $how $rw) || return 1
			done
			awk -v n="$COUNT" -v what="$rw, $how" -v a="${n[0]}" -v b="${n[1]}" -v c="${n[2]}" 'BEGIN {
				printf "| %s | %.0f | %.0f | %.1f %% | %.0f | %.1f %% | %.0f |\n", what, a / n,
					(a - b) / n, 100 * (a - b) / a, (b - c) / n, 100 * (b - c) / a, c / n }'
		done
	done
}

# What the one burned in hundredths of what the other did, round by round; the middle half of it.
spread() {
	paste "$1" "$2" | awk '{ printf "%.3f\n", 100 * ($1 / $2 - 1) }' | sort -n | awk '{ v[NR] = $1 }
		END { printf "%.1f %% (%.1f .. %.1f)", v[int((NR + 1) / 2)], v[int((NR + 3) / 4)], v[int((3 * NR + 3) / 4)] }'
}

# a program for each kind of run, RW DEPTH COUNT, at the same hour
times() {
	local rw depth count round i

	printf '\nCPU time of a 4 KiB request, kernel and sandbox included: %s rounds, in which the programs take turns;\n' "$ROUNDS"
	printf 'median of what each round says, and the middle half\n\n'
	printf '| | us a request | more than without posting | more than without both |\n| --- | --- | --- | --- |\n'
	while read -r rw depth count; do
		rm -f "$tmp"/burned.?
		for round in $(seq "$ROUNDS"); do
			for i in $(((round) % 3)) $(((round + 1) % 3)) $(((round + 2) % 3)); do
				serve "$i" copy "$rw" "$depth" "$count" || return 1
				echo $((after - before)) >>"$tmp/burned.$i"
			done
		done
		printf '| %s, depth %s | %s | %s | %s |\n' "$rw" "$depth" \
			"$(sort -n "$tmp/burned.0" | awk -v n="$count" '{ v[NR] = $1 } END { printf "%.1f", v[int((NR + 1) / 2)] * 10000 / n }')" \
			"$(spread "$tmp/burned.0" "$tmp/burned.1")" "$(spread "$tmp/burned.0" "$tmp/burned.2")"
	done <<-'LIST'
		randread 32 200000
		randread 1 20000
	LIST
}

"$xsb" create 1 --name driver && "$xsb" create 2 --name one || exit 1
dd if=/dev/urandom of="$tmp/disk.img" bs=1M count=16 status=none
sync "$tmp/disk.img"
instructions
times
