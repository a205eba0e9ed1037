#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 240
# One processor, two guests that ask without a pause, one by one queue, the
# other by eight: each has half of what the backend spends.  Then an event
# storm: it is on its sender's bill, and the other is served.  What is looked at is
# what was counted, not how long it took.  And a slow file is its guest's own affair.
# alone
# not sanitised
. "$(dirname "$0")/lib/sandbox.sh"
. tests/lib/toolstack.sh

# spent GUEST [CLASS] [FIELD]: of the backend's books: 5 posts, 8 ns
spent() {
	awk -F'\t' -v g="$1" -v c="$2" -v k="${3:-8}" '$2 == g && (c == "" || $4 == c) { s += $k }
		END { printf "%.0f", s }' "$tmp/books"
}
look() { # at the backend's books, as they are now
	rm -f "$tmp/totals"
	kill -USR1 "$back"
	soon 10 grep -q . "$tmp/totals" && sleep 0.2 && cp "$tmp/totals" "$tmp/books"
}
use() {	# use GUEST ARGS...: it reads until it is killed
	local guest=$1
	shift
	background "$guest" "user$guest" "$bin/acctring-blkfront" --rw randread --runtime 200 "$@"
	ts_wait "/local/domain/1/backend/abd/$guest/51712" 4
}
stop() {
	kill "$1"
	wait "$2"
}
ends() {
	stop "$back" "$back_exec"
	is $? 0 "it ends with 0"
	grep -hE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/back.log"
	is $? 1 "no sanitizer has complained"
}
serve() {	# serve GRANTS [WRAPPER...]: on one processor
	local grants=$1
	shift
	background 1 back taskset -c "$cpu" "$@" "$bin/acctring-blkback" -v --queues 8 --grants "$grants" --totals "$tmp/totals"
	back=$pid back_exec=$last
	for g in 2 3; do
		ts_forget $g vbd 51712
		ts_vbd $g 1 51712 "$tmp/disk$g" w
	done
	ts_wait /local/domain/1/backend/abd/2/51712 2 && ts_wait /local/domain/1/backend/abd/3/51712 2
}

cpu=$(taskset -pc $$ | sed 's/.*: \([0-9]*\).*/\1/')
"$xsb" create 1 --name driver && "$xsb" create 2 --name one && "$xsb" create 3 --name many
for g in 2 3; do head -c 4M /dev/urandom >"$tmp/disk$g"; done

# -- one queue against eight --
serve map
use 2 --depth 512 --ring-order 4
one=$pid one_exec=$last
use 3 --depth 512 --ring-order 1 --queues 8
many=$pid many_exec=$last
ok $? "a guest with one queue, and one with eight"
sleep 1
look
a=$(spent 2) b=$(spent 3) served=$(spent 2 read 5)
for _ in $(seq 60); do # until there is enough to look at
	sleep 0.5
	look
	[ $(($(spent 2) + $(spent 3) - a - b)) -gt 2000000000 ] && break
done
a=$(($(spent 2) - a)) b=$(($(spent 3) - b)) served=$(($(spent 2 read 5) - served))
at_least "$(((a + b) / 1000000))" 1000 "ms of CPU were spent on both"
share=$((100 * a / (a + b)))
at_least "$share" 30 "of a hundred parts of it the one with one queue had"
at_least "$((100 - share))" 30 "and the other"
stop "$one" "$one_exec"
stop "$many" "$many_exec"
ends
most=$(sed -n 's/.*disk 2.51712 queue 0: in line, while others were served \([0-9]*\) .*/\1/p' "$tmp/back.log")
at_least "$most" 1 "it stood in line while others were served"
# the turn that is under way, and 8 of 32, whatever the machine is busy with
at_least 320 "${most:-321}" "but never while they were served more than ten turns of 32: $most"
sed -n 's/.*disk 3.51712 queue \(.\): in line, while others were served \([0-9]*\) .*/# the other, queue \1: \2/p' "$tmp/back.log"
echo "# requests of the one: $served; $((a / 1000000)) and $((b / 1000000)) ms"

# -- an event storm; batches, so that it is the same work however often it is interrupted --
serve copy
use 3 --iodepth 32 --iodepth_batch 32
good=$pid good_exec=$last
until_spent() {	# until_spent GUEST NS: more than at the last look
	local from
	from=$(spent "$1")
	for _ in $(seq 60); do
		sleep 0.3
		look
		[ $(($(spent "$1") - from)) -gt "$2" ] && return
	done
}
look
b=$(spent 3) served=$(spent 3 read 5)
until_spent 3 500000000
quiet=$((($(spent 3) - b) / ($(spent 3 read 5) - served)))
background 2 storm "$BUILD/tests/prog/backend_hostile" storm-on
storm=$pid storm_exec=$last
ts_wait /local/domain/1/backend/abd/2/51712 4
sleep 0.5
look
a=$(spent 2) b=$(spent 3) served=$(spent 3 read 5) events=$(spent 2 event 5)
until_spent 2 200000000
a=$(($(spent 2) - a)) b=$(($(spent 3) - b))
served=$(($(spent 3 read 5) - served)) events=$(($(spent 2 event 5) - events))
echo "# $events events for $((a / 1000000)) ms, beside $served requests for $((b / 1000000)) ms"
at_least "$events" 1000 "a storm of events is on the bill of its sender"
at_least "$((a / events))" 500 "with what each has cost, ns"
is "$(spent 2 "" 5)" "$(spent 2 event 5)" "and nothing else is"
at_least "$((100 * b / (a + b)))" 25 "of a hundred parts of the CPU the other has"
at_least "$((4 * served))" "$events" "and is served, of four such events at least once"
stormy=$((b / served))
at_least "$((5 * quiet))" "$stormy" "what a request of it costs does not grow much: $quiet ns, $stormy ns"
stop "$storm" "$storm_exec"
like "$(cat "$tmp/storm.out")" "^kicked [0-9]+" "the storm ends"
stop "$good" "$good_exec"
is "$?" 0 "the other had no error"
ends

# -- a slow file: each flush takes 0.15 s, less than after which a turn is given up for lost --
serve copy "$BUILD/tests/prog/delay" fdatasync 150
background 2 slow "$bin/acctring-blkfront" --rw randwrite --iodepth 1 --fsync 1 --runtime 200
slow=$pid slow_exec=$last
ts_wait /local/domain/1/backend/abd/2/51712 4
look
flushes=$(spent 2 flush 5)
timeout 100 "$xsb" exec 3 -- "$bin/acctring-blkfront" --rw randread --iodepth 32 --number_ios 40000 >"$tmp/quick.out"
is $? 0 "beside a guest whose flushes are slow"
look
flushes=$(($(spent 2 flush 5) - flushes))
at_least "$((40000 / (flushes + 1)))" 200 "another is served, for each flush so often"
stop "$slow" "$slow_exec"
like "$(tail -n 1 "$tmp/slow.out")" " errors=0 " "the slow one is slow, and has no error"
ends
echo "1..$n"
