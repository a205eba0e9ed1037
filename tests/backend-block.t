#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 180
# acctring-blkback and acctring-blkfront on real rings: a driver domain and
# two guests in the sandbox.  Runs itself in domain 0.
shopt -s extglob
: "${BUILD:=$PWD/build}"
export BUILD
if [ "$1" != inside ]; then
	exec "$BUILD/bin/xsandbox" run -- bash "$0" inside
fi

. tests/lib/toolstack.sh
xsb=$BUILD/bin/xsandbox
bin=$BUILD/bin
prog=$BUILD/tests/prog
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
. "$(dirname "$0")/lib/tap.sh"
. "$(dirname "$0")/lib/domain.sh"

matches() {	# matches GOT PATTERN NAME
	case $1 in $2) ok 0 "$3" ;; *) ok 1 "$3"; printf '# got: %s\n' "$1" ;; esac
}

# front DOMID ARGS...: runs a frontend to its end; its line is in $line
reads=0 writes=0 flushes=0
front() {
	local dom=$1
	shift
	line=$(timeout 60 "$xsb" exec "$dom" -- "$bin/acctring-blkfront" "$@" 2>"$tmp/front.log")
	status=$?
	[ $status = 0 ] || sed 's/^/# /' "$tmp/front.log"
	count "$line"
}
field() { sed -n "s/.*[ ]$1=\([0-9.]*\).*/\1/p" <<<"$line"; }
count() {	# what frontends have counted in all
	line=$1
	reads=$((reads + $(field reads))) writes=$((writes + $(field writes)))
	flushes=$((flushes + $(field flushes)))
}
sum() { awk -F'\t' -v k="$2" "$3"' { s += $k } END { printf "%.0f", s }' "$1"; }

"$xsb" create 1 --name driver && "$xsb" create 2 --name one && "$xsb" create 3 --name two
ok $? "a driver domain and two guests"
truncate -s 4M "$tmp/a.img" "$tmp/b.img"
head -c 1M /dev/urandom >"$tmp/r.img"

# -- command line --
"$bin/acctring-blkback" --help | grep -q -- --totals && "$bin/acctring-blkback" --version >/dev/null
ok $? "blkback --help, --version"
"$bin/acctring-blkfront" --help | grep -q -- --rw && "$bin/acctring-blkfront" --version >/dev/null
ok $? "blkfront --help, --version"
codes=
for args in "--no-such" "--ring-pages 3" "--devices 0" "--queues 17" "--grants none" "--payers x" "--payers 3720" "--devices 256 --payers 496" \
	"--kind a/b" "extra"; do
	# shellcheck disable=SC2086
	"$bin/acctring-blkback" $args 2>>"$tmp/usage"
	codes="$codes $?"
done
for args in "--no-such" "--rw mad" "--bs 100" "--bs 2m" "--depth 33" "--depth 513" "--queues 17" "--ring-order 5" "--rate 0" "--rwmixread 101" "--iodepth_batch 17" "extra"; do
	# shellcheck disable=SC2086
	"$bin/acctring-blkfront" $args 2>>"$tmp/usage"
	codes="$codes $?"
done
is "$codes" " 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2" "wrong options end with 2"
"$xsb" exec 2 -- "$bin/acctring-blkfront" 2>"$tmp/none"
is $? 4 "a guest without a disk: 4"
is "$(wc -l <"$tmp/none")" 1 "in one line"

for args in "" "--devices 256" "--devices 256 --payers 495"; do
	rm -f "$tmp/rows.pid"
	# shellcheck disable=SC2086
	background 1 rows "$bin/acctring-blkback" --verbose $args
	for _ in $(seq 100); do
		grep -q ' payer rows' "$tmp/rows.log" && break
		sleep 0.05
	done
	kill -TERM "$pid"
	wait "$last"
	rows="$rows $(sed -n 's/.* \([0-9]*\) payer rows$/\1/p' "$tmp/rows.log")"
done
is "$rows" " 991 495 495" "991 payer rows; fewer where many lanes leave less room"

# -- data --
background 0 drain "$prog/backend_drain" 1
drain=$last
background 1 back "$bin/acctring-blkback" --verbose --totals "$tmp/totals"
back=$pid back_exec=$last
ts_vbd 2 1 51712 "$tmp/a.img" w && ts_vbd 3 1 51712 "$tmp/b.img" w
ok $? "two disks"
front 2 --rw verify --bs 512-44k --depth 16 --seed 5
is "$status/$(field errors)/$(field mismatches)/$(field verified)" 0/0/0/8192 \
	"written in random sizes, read back in others"
is "$(sha256sum <"$tmp/a.img")" "$("$prog/backend_pattern" 5 8192 | sha256sum)" \
	"the file holds what the guest wrote"
is "$(xenstore-read /local/domain/1/backend/abd/2/51712/sectors)" 8192 "sectors in xenstore"
is "$(xenstore-read /local/domain/1/backend/abd/2/51712/feature-flush-cache)" 1 "and flush"

background 3 two "$bin/acctring-blkfront" --rw verify --bs 4k --depth 32 --seed 9
two=$last
front 2 --rw verify --bs 512 --depth 1 --size 256k --seed 6
is "$status/$(field mismatches)" 0/0 "two guests at a time: the first"
wait "$two"
is $? 0 "and the second"
count "$(cat "$tmp/two.out")"
is "$(sha256sum <"$tmp/b.img")" "$("$prog/backend_pattern" 9 8192 | sha256sum)" "its file, too"

front 2 --rw randwrite --count 100 --flush 4 --depth 4
is "$status/$(field writes)/$(field flushes)" 0/100/25 "writes and flushes"
front 2 --rw randrw --count 300 --bs 512-44k
is "$status/$(($(field reads) + $(field writes)))" 0/300 "reads and writes mixed"
front 2 --rw verify --randseed 7
front 2 --readwrite randrw --rwmixread 70 --number_ios 1000 --bsrange 512-16k --iodepth 4 --iodepth_batch 4 --fsync 50 --verify --randseed 7
is "$status/$(field errors)/$(field mismatches)" 0/0/0 "by fio's names: written and verified at random"
[ "$(field reads)" -gt 600 ] && [ "$(field reads)" -lt 800 ] && [ "$(field flushes)" -ge 4 ]
ok $? "seven of ten are reads ($(field reads)), and some flushes ($(field flushes))"
front 2 --rw read --verify --number_ios 100 --randseed 8 2>/dev/null
is "$status/$(field errors)/$(field mismatches)" 1/0/800 "what is not what it should be is told"

# -- read-only --
ts_forget 3 vbd 51712
ts_vbd 3 1 51728 "$tmp/r.img" r
before=$(sha256sum <"$tmp/r.img")
front 3 --rw read --bs 44k --count 50
is "$status/$(field errors)" 0/0 "a read-only disk is read"
front 3 --rw randwrite --count 20 2>/dev/null
is "$status/$(field errors)" 1/20 "each write to it is refused"
is "$(sha256sum <"$tmp/r.img")" "$before" "and changed nothing"
is "$(xenstore-read /local/domain/1/backend/abd/3/51728/info)" 4 "info says VDISK_READONLY"
ts_forget 3 vbd 51728
rm -f "$tmp/none.img"
ts_vbd 3 1 51744 "$tmp/none.img" w
ts_wait /local/domain/1/backend/abd/3/51744 5
matches "$(xenstore-read /local/domain/1/backend/abd/3/51744/error)" "params: *No such file*" \
	"a file that is not there: state Closing, and why"
ts_forget 3 vbd 51744

# -- frontends that go and come --
background 2 killed "$bin/acctring-blkfront" --rw randrw --runtime 60
ts_wait /local/domain/2/device/vbd/51712 4
sleep 0.3
kill -9 "$pid"
wait "$last" 2>/dev/null
front 2 --rw verify --bs 512-44k --seed 11
is "$status/$(field mismatches)" 0/0 "after kill -9 of the frontend the next one connects"
background 2 term "$bin/acctring-blkfront" --rw randrw --runtime 60 --progress
ts_wait /local/domain/2/device/vbd/51712 4
sleep 1.3
kill -TERM "$pid"
wait "$last"
is "$?/$(ts_state /local/domain/2/device/vbd/51712)" 0/6 "SIGTERM: it closes the disk and ends with 0"
grep -q '^progress rps=' "$tmp/term.out"
ok $? "--progress"
count "$(tail -n 1 "$tmp/term.out")"
is "$(ts_state /local/domain/1/backend/abd/2/51712)" 6 "the backend is Closed"
front 2 --rw read --rate 100 --count 50
[ "$(field seconds | cut -d. -f1)" = 0 ] && awk "BEGIN { exit !($(field seconds) > 0.4) }"
ok $? "--rate 100: 50 requests took $(field seconds) s"

# -- hostile frontends --
ts_vbd 3 1 51712 "$tmp/b.img" w
hostile() { timeout 30 "$xsb" exec 3 -- "$prog/backend_hostile" "$1" 2>&1 | tail -n 1; }
while read -r attack expected; do
	matches "$(hostile "$attack")" "$expected" "hostile: $attack"
done <<-'LIST'
	prod-ahead    closed ring: request index out of range
	prod-by-one   closed ring: request index out of range
	prod-back     closed ring: request index out of range
	prod-falls    closed ring: request index out of range
	segment-order status -1
	segment-end   status -1
	segment-count status -1
	bad-grant     status -1
	sector-far    status -1
	sector-wrap   status -1
	bad-op        status -2
	barrier       status -2
	flush-data    status -1
	discard       status 0
	discard-far   status -1
	discard-wrap  status -1
	indirect      status 0
	indirect-order status -1
	indirect-end  status -1
	indirect-grant status -1
	indirect-many status -1
	indirect-none status -1
	indirect-page status -1
	indirect-op   status -1
	write         status 0
	flush         status 0
	bad-ref       closed cannot connect to ring *
	no-number     closed frontend: no ring-ref *
	bad-port      closed cannot connect to ring *
	bad-protocol  closed protocol: only *
	bad-order     closed a ring has 1, 2, 4, 8 or 16 pages
	odd-pages     closed a ring has 1, 2, 4, 8 or 16 pages
	missing-ref   closed frontend: no ring-ref *
	no-queues     closed multi-queue-num-queues: allowed are 1..*
	many-queues   closed multi-queue-num-queues: allowed are 1..*
	missing-queue closed frontend: no queue-0/ring-ref *
	storm         status 0
	scribble      @(alive|closed)*
	states        status 0
LIST
is "$(stat -c %s "$tmp/b.img")" $((4 << 20)) "the file has not grown"
front 3 --rw verify --bs 512-44k --seed 12
is "$status/$(field mismatches)" 0/0 "after all that the same guest is served again"
front 2 --rw verify --bs 512-44k --seed 13
is "$status/$(field mismatches)" 0/0 "and so is the other"
[ -d "/proc/$back" ]
ok $? "by the same process"

# -- a disk that the toolstack removes while it is served; nothing else happens then --
truncate -s 1M "$tmp/gone.img"
is_open() { find "/proc/$1/fd" -lname "$2" 2>/dev/null | grep -q .; }
closes() {
	for _ in $(seq 60); do
		is_open "$1" "$2" || return 0
		sleep 0.05
	done
	return 1
}
for what in backend "frontend and backend"; do
	ts_vbd 3 1 51760 "$tmp/gone.img" w
	background 3 gone "$bin/acctring-blkfront" --device 51760 --rw randrw --runtime 60 --timeout 1
	gone=$pid gone_exec=$last
	ts_wait /local/domain/3/device/vbd/51760 4
	is_open "$back" "$tmp/gone.img"
	opened=$?
	[ "$what" = backend ] || xenstore-rm /local/domain/3/device/vbd/51760
	xenstore-rm /local/domain/1/backend/abd/3/51760
	closes "$back" "$tmp/gone.img"
	is "$opened/$?" 0/0 "a disk in use is removed ($what): its file is closed"
	kill -9 "$gone" 2>/dev/null
	wait "$gone_exec" 2>/dev/null
	ts_forget 3 vbd 51760
done

# -- a guest that is destroyed --
background 3 doomed "$bin/acctring-blkfront" --rw randrw --depth 32 --bs 44k --runtime 60
ts_wait /local/domain/3/device/vbd/51712 4
sleep 0.3
"$xsb" destroy 3
ts_forget 3 vbd 51712
front 2 --rw verify --bs 512-44k --seed 14
is "$status/$(field mismatches)" 0/0 "a guest destroyed in mid-flight: the other is served"
for _ in $(seq 100); do
	"$xsb" list | cut -f 1 | grep -qx 3 || break
	sleep 0.05
done
"$xsb" list | cut -f 1 | grep -qx 3
is $? 1 "the dead one is no zombie: nothing of it is mapped"

# -- the books --
kill -USR1 "$back"
sleep 0.3
[ -s "$tmp/totals" ]
ok $? "SIGUSR1 writes the totals"
# all threads that were: user and system time, in 10 ms
burned=$(sed 's/.*) //' "/proc/$back/stat" | awk '{ printf "%.0f", ($12 + $13) * 10000000 }')
kill -TERM "$back"
wait "$back_exec"
is $? 0 "SIGTERM ends the backend with 0"
wait "$drain"
is $? 0 "the accountant's end saw it go"
sed 's/^/# /' "$tmp/drain.log"
t=$tmp/totals d=$tmp/drain.out
# spans hold work, not waiting: what is claimed is near what was burned
at_least "$((burned * 5 / 4))" "$(sum "$t" 8 1)" "of $burned ns burned $(sum "$t" 8 1) are claimed, not far more"
# guest 2's frontends counted all but what was in flight at the kill -9
at_least "$(sum "$t" 5 '$2 == 2 && $4 == "flush"')" 25 "flushes are posted"
posted=$(sum "$t" 5 '$4 == "read" || $4 == "write" || $4 == "flush"')
at_least "$posted" $((reads + writes + flushes)) "a record for each of $((reads + writes + flushes)) requests"
is "$(sum "$t" 6 1)" "$(sum "$t" 5 1)" "each of one unit"
for column in "posts 5 6" "units 6 7" "bytes 7 8" "ns 8 9"; do
	# shellcheck disable=SC2086
	set -- $column
	is "$(sum "$d" "$3" 1)" "$(sum "$t" "$2" 1)" "$1: drained = the backend's own books"
done
is "$(sed -n 's/^posted kind=vbd posts=\([0-9]*\) ns=\([0-9]*\) .* pending=\([0-9]*\)$/\1 \2 \3/p' "$tmp/back.out")" \
	"$(sum "$t" 5 1) $(sum "$t" 8 1) 0" "the last line, nothing pending"
at_least "$(sum "$t" 5 '$2 == 3 && $4 == "event"')" 1 "kicks without requests are on their sender's account"
at_least "$(sum "$d" 10 '$2 == 3')" 5 "failed requests are marked"
at_least "$(sum "$d" 11 '$2 == 2')" 100 "queue waits are there"
is "$(sum "$d" 6 '$4 != "-"')" 0 "no cause: disks have none"
grep -qE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/back.log"
is $? 1 "no sanitizer has complained"

# -- a record for each request, exactly; and a guest that may spend little --
"$xsb" create 3 --name three
ts_vbd 3 1 51712 "$tmp/b.img" w
background 0 drain2 "$prog/backend_drain" 1 2 10000000
drain=$last
background 1 back2 "$bin/acctring-blkback" --totals "$tmp/totals2"
back=$pid back_exec=$last
ts_wait /local/domain/1/backend/abd/3/51712 2
sleep 0.5
front 3 --rw randread --depth 1 --count 10
background 2 slow "$bin/acctring-blkfront" --rw randread --depth 8 --runtime 3
slow=$last
front 3 --rw randrw --flush 10 --depth 8 --runtime 3
fast=$(field requests)
wait "$slow"
is $? 0 "a guest out of allowance is late, not failed"
line=$(cat "$tmp/slow.out")
slow=$(field requests)
at_least "$((fast / 4))" "$slow" "it gets less than a quarter of its neighbour's $fast requests"
kill -TERM "$back"
wait "$back_exec" "$drain"
is "$(sum "$tmp/totals2" 5 '$2 == 3 && $4 != "event"')" "$((fast + 10))" "guest 3: one record per request, exactly"
is "$(sum "$tmp/totals2" 5 '$2 == 2 && $4 != "event"')" "$slow" "guest 2: the same"

# -- a backend that is killed --
background 1 back3 "$bin/acctring-blkback"
back=$pid back_exec=$last
background 2 patient "$bin/acctring-blkfront" --rw verify --bs 512-8k --seed 15 --rate 2000 --reconnect
patient=$last
ts_wait /local/domain/2/device/vbd/51712 4
sleep 0.5
kill -9 "$back"
wait "$back_exec" 2>/dev/null
background 1 back4 "$bin/acctring-blkback"
back=$pid back_exec=$last
wait "$patient"
is $? 0 "kill -9 of the backend: the frontend connects to the next one"
line=$(cat "$tmp/patient.out")
is "$(field reconnects)/$(field mismatches)/$(field verified)" 1/0/8192 "asks again, and nothing is wrong"
ts_detach 2 vbd 51712
ok $? "unplugged"
kill -TERM "$back"
wait "$back_exec"
is $? 0 "and the end"
echo "1..$n"
