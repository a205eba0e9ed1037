#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What accounting adds to a 4 KiB request of the block backend.  Three programs
# serve the same requests: acctring-blkback; one that does not post (no record,
# no books of its own, no admission); and one that does not measure either (no
# cycle counter, no CPU clock): bench/bare.h.  The differences are what it
# costs: in instructions in user space, counted by callgrind; and in CPU time,
# the kernel's included, of runs that take turns.  In a sandbox; what its
# libraries do in the place of Xen's is not counted, but is in the time.
: "${BUILD:=$PWD/build}" "${COUNT:=20000}" "${ROUNDS:=21}"
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

# serve WHICH GRANTS RW DEPTH COUNT [WRAPPER...]: $burned is what it burned from start to end, in us
serve() {
	local which=$1 grants=$2 rw=$3 depth=$4 count=$5 drain
	shift 5
	background 0 drain "$BUILD/tests/prog/backend_drain" 1
	drain=$last
	rm -f "$tmp/inner"
	# shellcheck disable=SC2016
	background 1 back bash -c '"$@" & echo $! >"$0"; wait $!; times >"$0.times"' "$tmp/inner" \
		"$@" "${program[which]}" --grants "$grants" --queues 1
	ts_forget 2 vbd 51712
	ts_vbd 2 1 51712 "$tmp/disk.img" w
	ts_wait "$disk" 2 60 || return 1
	"$xsb" exec 2 -- "$BUILD/bin/acctring-blkfront" --rw "$rw" --iodepth "$depth" --iodepth_batch "$depth" \
		--number_ios "$count" --timeout 60 >"$tmp/front.out" || return 1
	kill -TERM "$(cat "$tmp/inner")"
	wait "$last" "$drain"
	burned=$(awk 'NR == 2 { split($1 "m" $2, t, /[ms]+/); printf "%.0f", 1e6 * (60 * (t[1] + t[3]) + t[2] + t[4]) }' \
		"$tmp/inner.times")
}

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

# of the kernel or the hypervisor, by callgrind
calls() {
	local rw depth how

	printf '\nWhat a queue calls for a 4 KiB request, of the kernel or the hypervisor:\n\n'
	printf '| | grant copy, map, unmap | io_uring | poll | event: notify, take, unmask | CPU clock | in all |\n'
	printf '| --- | --- | --- | --- | --- | --- | --- |\n'
	for depth in 1 32; do
		for rw in randread randwrite; do
			for how in copy map; do
				serve 0 $how $rw $depth "$COUNT" valgrind --tool=callgrind \
					--callgrind-out-file="$tmp/counts" --collect-atstart=no \
					--toggle-collect=queue_thread || return 1
				awk -v n="$COUNT" -v what="$rw, $how, depth $depth" '
					/^c?fn=/ {
						id = $1; sub(/^c?fn=/, "", id)
						if ($2 != "") name[id] = $2
						if ($1 ~ /^c/) to = name[id]; else from = name[id]
					}
					/^calls=/ {
						k = $1; sub(/calls=/, "", k)
						if (to ~ /^xengnttab_(grant_copy|map|unmap)/) c[1] += k
						else if (to ~ /^io_uring_(submit|wait)/) c[2] += k
						else if (to ~ /^ppoll/) c[3] += k
						else if (to ~ /^xenevtchn_(notify|pending|unmask)$/) c[4] += k
						# others want the time, which is no call
						else if (to ~ /^clock_gettime/ && from ~ /^cost_/) c[5] += k
					}
					END {
						printf "| %s |", what
						for (i = 1; i < 6; i++) {
							printf " %.2f |", c[i] / n
							all += c[i]
						}
						printf " %.2f |\n", all / n
					}' "$tmp/counts"
			done
		done
	done
}

# Of numbers: what is in the middle, and between what the middle half lies.
middle() {
	sort -n | awk -v f="$1" '{ v[NR] = $1 }
		END { printf f, v[int((NR + 1) / 2)], v[int((NR + 3) / 4)], v[int((3 * NR + 3) / 4)] }'
}
least() { sort -n "$tmp/burned.$1" | head -n 1; }
# How many hundredths more the first burned than the other: the least of each; and in each round.
more() {
	awk -v a="$(least 0)" -v b="$(least "$1")" 'BEGIN { printf "%.1f %% | ", 100 * (a / b - 1) }'
	paste "$tmp/burned.0" "$tmp/burned.$1" | awk '{ print 100 * ($1 / $2 - 1) }' | middle '%.1f (%.1f .. %.1f)'
}

times() {
	local rw depth count round i

	printf '\nCPU time of a 4 KiB request, kernel and sandbox included: %s rounds, in each of which the programs take turns.\n' "$ROUNDS"
	printf 'The least of all rounds; and what rounds say: the middle, and the middle half\n\n'
	printf '| | us a request | more than without posting | rounds | more than without both | rounds |\n'
	printf '| --- | --- | --- | --- | --- | --- |\n'
	while read -r rw depth count; do
		rm -f "$tmp"/burned.?
		for round in $(seq "$ROUNDS"); do
			for i in $((round % 3)) $(((round + 1) % 3)) $(((round + 2) % 3)); do
				serve "$i" copy "$rw" "$depth" "$count" || return 1
				echo "$burned" >>"$tmp/burned.$i"
			done
		done
		printf '| %s, copy, depth %s | %s | %s | %s |\n' "$rw" "$depth" \
			"$(awk -v n="$count" -v a="$(least 0)" 'BEGIN { printf "%.2f", a / n }')" "$(more 1)" "$(more 2)"
	done <<-'LIST'
		randread 32 40000
		randwrite 32 40000
	LIST
}

"$xsb" create 1 --name driver && "$xsb" create 2 --name one || exit 1
dd if=/dev/urandom of="$tmp/disk.img" bs=1M count=16 status=none
sync "$tmp/disk.img"
instructions && calls && times
