#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 150
# acctring-netback's switch with many queues, split event channels, and frames
# that are to be cut: a driver domain and three guests in the sandbox.
. tests/lib/sandbox.sh
. tests/lib/toolstack.sh
. tests/lib/net.sh

for d in 1 2 3 4; do "$xsb" create $d --name "dom$d" || break; done
background 0 drain "$BUILD/tests/prog/backend_drain" 1
drain=$last
background 1 back "$bin/acctring-netback" --verbose --threads 2 --queues 4 --totals "$tmp/totals"
back=$pid back_exec=$last
for d in 2 3 4; do ts_vif $d 1 0 "$(mac $d)"; done
back_dir=/local/domain/1/backend/avif/2/0
ts_wait $back_dir 2
is "$(for f in sg gso-tcpv4 gso-tcpv6 ipv6-csum-offload split-event-channels no-csum-offload ctrl-ring; do
	xenstore-read $back_dir/feature-$f
done | tr '\n' ' ')$(xenstore-read $back_dir/multi-queue-max-queues)" "1 1 1 1 1 0 0 4" "what is offered"

# -- queues --
receive 3 --queues 2 --split
receive 4 --queues 4
send 2 --queues 4 --split --parallel 8 --send "$(mac 3)" --count 2000 --rate 1000
is "$status/$(field sent)/$(field send_errors)" 0/2000/0 "eight flows by four queues"
send 2 --queues 3 --parallel 16 --send "$(mac 4)" --count 1500 --rate 1000
is "$status" 0 "three queues with a channel each"
stop 3 4
is "$(of 3 received)/$(of 3 lost)/$(of 3 late)/$(of 3 bad)" 2000/0/0/0 "all arrived, each flow in order"
is "$(of 3 queues)" 2 "by both queues of the receiver"
is "$(of 4 received)/$(of 4 late)/$(of 4 queues)" 1500/0/4 "and by four"
send 2 --queues 5 --send "$(mac 3)" --count 1
is "$status" 4 "five queues are refused"
like "$(cat "$tmp/send.log")" 'multi-queue-num-queues: allowed are 1..4' "with the reason"
receive 3 --queues 1
send 2 --send "$(mac 3)" --count 100 --rate 500
stop 3
is "$(of 3 received)" 100 "afterwards one queue, as ever"

# -- frames that are to be cut --
# slowly: what is cut is a burst, and a busy machine's receiver is late
segments() { echo $((($1 - $2 + $3 - 1) / $3)); } # FRAME HEADERS SIZE
for ip in 4 6; do
	v6=() head=54
	[ $ip = 4 ] || v6=(--ipv6) head=74
	cuts=$(segments 60000 $head 1448)
	receive 3
	receive 4 --no-gso
	send 2 --send "$(mac 3)" --gso 1448 --size 60000 --count 50 --rate 100 "${v6[@]}"
	is "$status/$(field send_errors)" 0/0 "IPv$ip: frames of 60000 bytes"
	send 2 --send "$(mac 4)" --gso 1448 --size 60000 --count 20 --rate 12 "${v6[@]}"
	send 2 --send ff:ff:ff:ff:ff:ff --gso 1448 --size 60000 --count 10 --rate 12 "${v6[@]}"
	stop 3 4
	is "$(of 3 received)/$(of 3 large)/$(of 3 received_bytes)/$(of 3 lost)/$(of 3 bad)" "60/60/3600000/0/0" \
		"IPv$ip: who takes them whole gets them whole"
	is "$(of 4 received)/$(of 4 large)/$(of 4 lost)/$(of 4 late)/$(of 4 bad)" "$((30 * cuts))/0/0/0/0" \
		"IPv$ip: who does not gets segments, all of them, in order"
	is "$(of 4 blank)" $((30 * cuts)) "IPv$ip: their checksums are left to him who takes that"
	receive 4 --no-gso --no-csum
	send 2 --send "$(mac 4)" --gso 1448 --size 60000 --count 10 --rate 12 "${v6[@]}"
	stop 4
	is "$(of 4 received)/$(of 4 blank)/$(of 4 bad)" "$((10 * cuts))/0/0" "IPv$ip: and made for him who does not"
done
receive 3
receive 4 --no-sg
send 2 --send "$(mac 4)" --gso 1448 --size 30000 --count 20 --rate 50
send 2 --send "$(mac 4)" --size 5000 --count 20 --rate 50
send 2 --send "$(mac 3)" --tcp --size 5000 --count 20 --rate 50
stop 3 4
is "$(of 4 received)/$(of 4 large)/$(of 4 bad)" "$((20 * $(segments 30000 54 1448)))/0/0" \
	"without scatter-gather: segments, and nothing larger than a page"
is "$(of 3 received)/$(of 3 bad)" 20/0 "TCP that is not to be cut"
# as small as can be; below, more than 256 segments are refused
send 2 --send "$(mac 3)" --gso 64 --size 60000 --count 10 --rate 50
is "$status/$(field send_errors)" "0/0" "frames of 937 segments pass"
send 2 --send "$(mac 3)" --gso 63 --size 60000 --count 10 --rate 50
is "$status/$(field send_errors)" "1/150" "frames of too many segments are answered with errors"
send 2 --send "$(mac 3)" --gso 1448 --size 100 --count 10 --rate 50
is "$status" 0 "one that needs no cut passes"

# -- both at once, as fast as they can --
background 3 r3 "$bin/acctring-netfront" --receive --send "$(mac 4)" --gso 1448 --size 60000 --rate 200 --queues 2 --split
rpid[3]=$pid rexec[3]=$last
background 4 r4 "$bin/acctring-netfront" --bidir --send "$(mac 3)" --bitrate 8M --size 1000 --queues 2
rpid[4]=$pid rexec[4]=$last
sleep 3
stop 3 4
at_least "$(of 3 received)" 100 "both send and receive: frames"
at_least "$(of 4 large)" 50 "and large ones"
is "$(of 3 bad)/$(of 4 bad)/$(of 3 late)/$(of 4 late)" 0/0/0/0 "none was wrong"

# -- a flood by all queues --
background 2 flood "$bin/acctring-netfront" --queues 4 --split --send "$(mac 2)" --size 1500
flood=$pid flood_exec=$last
ts_wait /local/domain/2/device/vif/0 4
receive 4
send 3 --send "$(mac 4)" --count 300 --rate 300
is "$status" 0 "beside a guest that sends by four queues as fast as it can"
stop 4
is "$(of 4 received)/$(of 4 lost)" 300/0 "another one's frames all arrive"
kill -TERM "$flood"
wait "$flood_exec"
at_least "$(sed -n 's/^netfront sent=\([0-9]*\) .*/\1/p' "$tmp/flood.out")" 3000 "it did send"

# -- the books --
kill -TERM "$back"
wait "$back_exec"
is $? 0 "SIGTERM ends it with 0"
wait "$drain"
is $? 0 "the accountant's end saw it go"
t=$tmp/totals d=$tmp/drain.out
books "$t" "$d"
# 42 or 41 segments in each of some 290 frames, in one record
at_least "$(sum "$t" 6 '$2 == 2 && $4 == "tx"')" "$(($(sum "$t" 5 '$2 == 2 && $4 == "tx"') + 170 * 40))" \
	"units are frames on a wire"
is "$(sum "$d" 6 '($5 == 7 || $5 == 8 || $5 == 9) && $4 == "-"')" 0 "each frame received names its sender"
is "$(sum "$t" 5 '$4 == "control"')" "$(grep -c ': connected' "$tmp/back.log")" "a record for each connection"
grep -qE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/back.log"
is $? 1 "no sanitizer has complained"

# -- a guest that may spend little: 10 ms a second; under ThreadSanitizer a frame costs many times as much --
allowed=10000000
[[ ${SANITIZE-} != *thread* ]] || allowed=30000000
background 0 drain2 "$BUILD/tests/prog/backend_drain" 1 2 $allowed
drain=$last
background 1 back2 "$bin/acctring-netback" --threads 1 --totals "$tmp/totals2"
back=$pid back_exec=$last
for d in 2 3; do
	ts_forget $d vif 0
	ts_vif $d 1 0 "$(mac $d)"
	ts_wait "/local/domain/1/backend/avif/$d/0" 2
done
sleep 0.5
background 2 slow "$bin/acctring-netfront" --send "$(mac 2)" --runtime 3
slow=$last
send 3 --send "$(mac 3)" --runtime 3
fast=$(field sent)
wait "$slow"
is "$?/$status" 0/0 "a guest out of allowance is late, not failed"
line=$(cat "$tmp/slow.out")
at_least "$((fast / 4))" "$(field sent)" "less than a quarter of its neighbour's $fast frames are taken off its ring"
kill -TERM "$back"
wait "$back_exec"
wait "$drain"
is "$(sum "$tmp/totals2" 5 '$2 == 2 && $4 == "tx"')" "$(($(field sent) + 1))" "and each is billed"
echo "1..$n"
