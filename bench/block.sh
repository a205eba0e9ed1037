#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What posting adds to a 4 KiB request of the block backend: instructions in
# user space, counted by callgrind.  acctring-blkback runs under valgrind in
# a sandbox; a drain takes the records.  What the sandbox's libraries do in the
# place of Xen's is left out.  Posting: the record, the backend's own books,
# admission, the cycle counter.  Measuring: the CPU clock, and dividing it.
: "${BUILD:=$PWD/build}" "${COUNT:=20000}"
export BUILD COUNT
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

# measure GRANTS RW: a row of the table
measure() {
	background 0 drain "$BUILD/tests/prog/backend_drain" 1
	drain=$last
	background 1 back valgrind --tool=callgrind --callgrind-out-file="$tmp/counts" \
		--collect-atstart=no --toggle-collect=queue_thread \
		"$BUILD/bin/acctring-blkback" --grants "$1" --queues 1
	back=$pid back_exec=$last
	ts_forget 2 vbd 51712
	ts_vbd 2 1 51712 "$tmp/disk.img" w
	ts_wait "$disk" 2 60 || return 1
	"$xsb" exec 2 -- "$BUILD/bin/acctring-blkfront" --rw "$2" --depth 32 --count "$COUNT" \
		>"$tmp/front.out" || return 1
	kill -TERM "$back"
	wait "$back_exec" "$drain"
	row "$1" "$2"
}

row() {
	local all posting measuring

	all=$(($(self .) - $(inclusive '^xen(gnttab|evtchn)_')))
	posting=$(($(self '(acctring/acctring|backend/bill)\.h:') + $(inclusive '^acctring__')))
	measuring=$(($(inclusive '^clock_gettime') + $(self '(backend/cpu\.h|queue\.c:settle$)')))
	awk -v n="$COUNT" -v what="$2, $1" -v a="$all" -v p="$posting" -v m="$measuring" 'BEGIN {
		printf "| %s | %.0f | %.0f | %.0f | %.1f %% | %.0f |\n",
			what, a / n, (a - p) / n, p / n, 100 * p / a, m / n }'
}

"$xsb" create 1 --name driver && "$xsb" create 2 --name one || exit 1
dd if=/dev/urandom of="$tmp/disk.img" bs=1M count=16 status=none
printf '\nThe block backend: user instructions of a 4 KiB request, depth 32, %s of each\n\n' "$COUNT"
printf '| | instructions | without posting | posting | | measuring |\n'
printf '| --- | --- | --- | --- | --- | --- |\n'
for how in copy map; do
	for rw in randread randwrite; do
		measure "$how" "$rw" || exit 1
	done
done
