#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 7200
# A guest that breaks every rule of the network protocol, a hundred thousand
# times (REQUESTS=10000000 by hand), while two others verify what they send each
# other.  Domain 0 of a sandbox.
: "${REQUESTS:=100000}" "${SEED:=$RANDOM}"
export REQUESTS SEED
. tests/lib/sandbox.sh
. tests/lib/toolstack.sh
. tests/lib/net.sh

for d in 1 2 3 4; do "$xsb" create $d --name "dom$d" || break; done
background 1 back "$bin/acctring-netback" --threads 2 --queues 2 --totals "$tmp/totals"
back=$pid back_exec=$last
for d in 2 3 4; do ts_vif $d 1 0 "$(mac $d)"; done
for d in 2 3 4; do ts_wait "/local/domain/1/backend/avif/$d/0" 2; done
ok $? "three vifs"
rss() { sed -n 's/^VmRSS:[ \t]*\([0-9]*\) kB/\1/p' "/proc/$back/status"; }

echo "# $REQUESTS requests, seed $SEED"
receive 4 --queues 2 --from "$(mac 2)"
"$xsb" exec 3 -- "$BUILD/tests/prog/net_fuzz" "$REQUESTS" "$SEED" >"$tmp/fuzz.out" 2>"$tmp/fuzz.log" &
fuzz=$!
rounds=0 good=0 sent=0 before=
while kill -0 $fuzz 2>/dev/null || [ $rounds -lt 2 ]; do
	rounds=$((rounds + 1))
	# what is broadcast goes into the hostile guest's buffers, too
	to=$(mac 4)
	[ $((rounds % 2)) = 0 ] || to=ff:ff:ff:ff:ff:ff
	send 2 --queues 2 --from "$(mac 4)" --send "$to" --gso 1448 --size 20000 --count 200 --rate 200
	[ "$status/$(field send_errors)" = 0/0 ] && good=$((good + 1))
	[ "$status" = 0 ] || echo "# $line"
	sent=$((sent + 200))
	[ $rounds != 2 ] || before=$(rss)
done
wait $fuzz
is $? 0 "every slot of a tame ring was answered, every wild ring was left"
sed 's/^/# /' "$tmp/fuzz.log" "$tmp/fuzz.out"
stop 4
is "$good" "$rounds" "meanwhile the others' frames were taken, each time"
is "$(of 4 receive_errors)/$(of 4 late)" 0/0 "and in order"
# in a wild ring a reference may become one of a buffer, and then its sender is forged
ended=$(sed -n 's/.* ended=\([0-9]*\) .*/\1/p' "$tmp/fuzz.out")
at_least "$((sent / 1000 + ended))" "$(of 4 bad)" "and right, but for what was forged"
at_least "$(of 4 large)" "$((sent * 9 / 10))" "nearly all of $sent, for it is a busy network"
at_least "$ended" 1 "rings were left"
at_least "$(sed -n 's/.* given=\([0-9]*\) .*/\1/p' "$tmp/fuzz.out")" 1 "buffers of the hostile guest were used"
after=$(rss)
[ -z "$before" ] || [ -n "$SANITIZE" ] || at_least "$((before + 16384))" "$after" "it has not grown: $before kB, $after kB"
is "$(cat "/proc/$back/comm")" acctring-netbac "the same process serves"
receive 3
send 2 --send "$(mac 3)" --count 100 --rate 500
stop 3
is "$(of 3 received)/$(of 3 lost)/$(of 3 bad)" 100/0/0 "and serves the hostile guest, now that it behaves"
kill -TERM "$back"
wait "$back_exec"
is $? 0 "it ends with 0"
grep -E 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/back.log" >"$tmp/complaints"
is "$(wc -l <"$tmp/complaints")" 0 "no sanitizer has complained"
sed 's/^/# /' "$tmp/complaints"
# who asks pays, for nonsense too: some ten slots a frame
at_least "$(sum "$tmp/totals" 5 '$2 == 3')" "$((REQUESTS / 40))" "the hostile guest's frames are on its own account"
echo "1..$n"
