#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 150
# acctring-netback and acctring-netfront on real rings: a driver domain and
# three guests in the sandbox.  Runs itself in domain 0.
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
. "$(dirname "$0")/lib/net.sh"

for d in 1 2 3 4; do "$xsb" create $d --name "dom$d" || break; done
ok $? "a driver domain and three guests"

# -- command line --
"$bin/acctring-netback" --help | grep -q -- --totals && "$bin/acctring-netback" --version >/dev/null
ok $? "netback --help, --version"
"$bin/acctring-netfront" --help | grep -q -- --send && "$bin/acctring-netfront" --version >/dev/null
ok $? "netfront --help, --version"
codes=
for args in "--no-such" "--devices 2" "--accountant 99999" "--threads 0" "--queues 17" "--bridge a/b"; do
	# shellcheck disable=SC2086
	"$bin/acctring-netback" $args 2>>"$tmp/usage"
	codes="$codes $?"
done
for args in "" "--send 1:2" "--receive --size 20" "--receive --buffers 300" "--receive extra" \
	"--receive --queues 9" "--receive --bitrate 5X" "--receive --ipv6 --size 70"; do
	# shellcheck disable=SC2086
	"$bin/acctring-netfront" $args 2>>"$tmp/usage"
	codes="$codes $?"
done
is "$codes" " 2 2 2 2 2 2 2 2 2 2 2 2 2 2" "wrong options end with 2"
"$xsb" exec 2 -- "$bin/acctring-netfront" --receive 2>"$tmp/none"
is "$?/$(wc -l <"$tmp/none")" 4/1 "a guest without a device: 4, in one line"

background 0 drain "$prog/backend_drain" 1
drain=$last
background 1 back "$bin/acctring-netback" --verbose --totals "$tmp/totals"
back=$pid back_exec=$last
for d in 2 3 4; do ts_vif $d 1 0 "$(mac $d)"; done
ok $? "three vifs"

# -- frames arrive, where they should --
receive 3
receive 4
send 2 --send "$(mac 3)" --count 3000 --rate 1000
is "$status/$(field sent)/$(field send_errors)" 0/3000/0 "3000 frames sent"
send 2 --send "$(mac 4)" --count 500 --size 66 --rate 1000
send 2 --send "$(mac 3)" --count 200 --size 9000 --rate 200 --hash
is "$status/$(field send_errors)" 0/0 "frames of three slots, with an extra slot"
send 2 --send "$(mac 3)" --count 20 --size 65535 --rate 50
is "$status/$(field send_errors)" 0/0 "and of the largest size"
stop 3 4
is "$(of 3 received)/$(of 3 received_bytes)" "3220/$((3000 * 1500 + 200 * 9000 + 20 * 65535))" \
	"all arrived"
is "$(of 3 lost)/$(of 3 bad)/$(of 3 receive_errors)/${rstatus[3]}" 0/0/0/0 "in order, with good checksums"
is "$(of 4 received)/$(of 4 foreign)" 500/0 "nobody saw what was not for him"

# -- learning, flooding, broadcast --
receive 3
receive 4
send 2 --send 00:16:3e:00:00:77 --count 100 --rate 500
send 2 --send ff:ff:ff:ff:ff:ff --count 150 --rate 500
stop 3 4
is "$(of 3 foreign)/$(of 4 foreign)" 100/100 "an unknown address is flooded to all"
is "$(of 3 received)/$(of 4 received)" 150/150 "broadcast reaches all"

# -- checksums that the sender left blank --
receive 3
receive 4 --no-csum
send 2 --send ff:ff:ff:ff:ff:ff --count 50 --rate 200 --blank --size 777
stop 3 4
is "$(of 4 received)/$(of 4 blank)/$(of 4 bad)" 50/0/0 "who does not take blank ones gets them filled in"
is "$(of 3 received)/$(of 3 bad)" 50/0 "who takes them gets good frames"
receive 3
send 2 --send "$(mac 3)" --count 50 --rate 200 --blank
stop 3
is "$(of 3 received)/$(of 3 blank)/$(of 3 bad)" 50/50/0 "the flag is passed on"

# -- a receiver that gives no buffers back --
receive 4 --buffers 16 --stall 1
receive 3
send 2 --send "$(mac 4)" --count 1500 --rate 2000
is "$status" 0 "a receiver without buffers does not stop its sender"
send 2 --send "$(mac 3)" --count 300 --rate 500
stop 3
is "$(of 3 received)/$(of 3 lost)" 300/0 "nor anybody else"
kill -USR1 "$back"
sleep 0.5
drops=$(sum "$tmp/totals" 5 '$2 == 4 && $4 == "drop"')
# 16 buffers and a queue of 512; hello frames of others are among them
[ "$drops" -ge 940 ] && [ "$drops" -le 985 ]
ok $? "what exceeds buffers and queue is dropped, and counted ($drops)"
stop 4

# -- killed and destroyed guests --
receive 3
kill -9 "${rpid[3]}"
wait "${rexec[3]}" 2>/dev/null
receive 3
send 2 --send "$(mac 3)" --count 200 --rate 500
stop 3
is "$(of 3 received)" 200 "after kill -9 of a frontend the next one connects"
receive 3
background 4 flood "$bin/acctring-netfront" --send "$(mac 3)" --runtime 60
ts_wait /local/domain/4/device/vif/0 4
sleep 0.3
"$xsb" destroy 4
ts_forget 4 vif 0
send 2 --send "$(mac 3)" --count 200 --rate 500
is "$status/$(field send_errors)" 0/0 "a guest destroyed in mid-flight: the others go on"
stop 3
at_least "$(of 3 received)" 200 "they receive"
for _ in $(seq 100); do
	"$xsb" list | cut -f 1 | grep -qx 4 || break
	sleep 0.05
done
"$xsb" list | cut -f 1 | grep -qx 4
is $? 1 "the dead one is no zombie"

# -- hostile --
"$xsb" create 4 --name hostile
ts_vif 4 1 0 "$(mac 4)"
receive 3
background 2 chatter "$bin/acctring-netfront" --send ff:ff:ff:ff:ff:ff --rate 50 --size 100
chatter=$pid chatter_exec=$last
ts_wait /local/domain/2/device/vif/0 4
hostile() { timeout 30 "$xsb" exec 4 -- "$prog/backend_hostile_net" "$1" 2>&1 | tail -n 1; }
while read -r attack expected; do
	is "$(hostile "$attack")" "$expected" "hostile: $attack"
done <<-'LIST'
	tx-prod-ahead closed transmit ring: index out of range, or slots against the rules
	tx-prod-back  closed transmit ring: index out of range, or slots against the rules
	tx-prod-falls closed transmit ring: index out of range, or slots against the rules
	rx-prod-ahead closed receive ring: index out of range
	rx-prod-falls closed receive ring: index out of range
	rx-flutter    closed receive ring: index out of range
	tx-bad-grant  status -1
	tx-over-page  status -1
	tx-short      status -1
	tx-lie        status -1
	tx-gso        status -1
	tx-endless    closed transmit ring: index out of range, or slots against the rules
	tx-extras     closed transmit ring: index out of range, or slots against the rules
	rx-bad-grant  rx -1
	storm         status 0
	good          status 0
LIST
kill -TERM "$chatter"
wait "$chatter_exec"
is $? 0 "a neighbour has been sending all the time"
chats=$(sed -n 's/.* sent=\([0-9]*\).*/\1/p' <<<"$(sed 's/^/ /' "$tmp/chatter.out")")
send 2 --send "$(mac 3)" --count 100 --rate 500
stop 3
is "$(of 3 received)/$(of 3 lost)/$(of 3 bad)" "$((100 + chats))/0/0" "the others were served as ever"
[ -d "/proc/$back" ]
ok $? "by the same process"

# -- the books --
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
books "$t" "$d"
is "$(sed -n 's/^posted kind=vif posts=\([0-9]*\) ns=\([0-9]*\) .* pending=\([0-9]*\)$/\1 \2 \3/p' "$tmp/back.out")" \
	"$(sum "$t" 5 1) $(sum "$t" 8 1) 0" "the last line, nothing pending"
# classes: 6 tx, 7 rx, 8 broadcast, 9 drop, 11 event
is "$(sum "$d" 6 '($5 == 7 || $5 == 8 || $5 == 9) && $4 == "-"')" 0 \
	"each frame received, flooded or dropped names its sender"
is "$(sum "$d" 6 '$5 == 6 && $4 != "-"')" 0 "a frame sent has no other cause"
is "$(sum "$d" 6 '$2 == 3 && $5 == 7 && $4 == 2')" \
	"$(($(sum "$t" 5 '$2 == 3 && $4 == "rx"') - $(sum "$d" 6 '$2 == 3 && $5 == 7 && $4 == 4')))" \
	"what 3 received came from 2 and 4"
at_least "$(sum "$d" 6 '$2 == 4 && $5 == 9 && $4 == 2')" 940 "4's drops were caused by 2"
at_least "$(sum "$d" 10 '$2 == 4 && $5 == 6')" 5 "frames against the rules are marked as failed"
at_least "$(sum "$t" 5 '$2 == 4 && $4 == "event"')" 1 "kicks without frames are on their sender's account"
at_least "$(sum "$d" 11 '$5 == 7')" 100 "queue waits are there"
grep -qE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/back.log"
is $? 1 "no sanitizer has complained"
echo "1..$n"
