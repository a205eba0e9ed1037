#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 7200
# Guests (ATTACKERS: 1) that break every rule of the block protocol, a hundred
# thousand times in all (REQUESTS=10000000 by hand), while another guest's data
# is verified.  Domain 0 of a sandbox.
: "${BUILD:=$PWD/build}" "${REQUESTS:=100000}" "${SEED:=$RANDOM}" "${ATTACKERS:=1}"
export BUILD REQUESTS SEED ATTACKERS
if [ "$1" != inside ]; then
	exec "$BUILD/bin/xsandbox" run -- bash "$0" inside
fi

. tests/lib/toolstack.sh
. tests/lib/tap.sh
. tests/lib/domain.sh
xsb=$BUILD/bin/xsandbox
bin=$BUILD/bin
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$xsb" create 1 --name driver
background 1 back "$bin/acctring-blkback" --totals "$tmp/totals"
back=$pid back_exec=$last
last_bad=$((2 + ATTACKERS))
for g in $(seq 2 $last_bad); do # 2 is the good one
	"$xsb" create "$g" --name "guest$g"
	truncate -s 4M "$tmp/$g.img"
	ts_vbd "$g" 1 51712 "$tmp/$g.img" w && ts_wait "/local/domain/1/backend/abd/$g/51712" 2
done
ok $? "$((ATTACKERS + 1)) disks"
rss() { sed -n 's/^VmRSS:[ \t]*\([0-9]*\) kB/\1/p' "/proc/$back/status"; }

echo "# $REQUESTS requests, seed $SEED"
fuzz=()
for g in $(seq 3 $last_bad); do
	"$xsb" exec "$g" -- "$BUILD/tests/prog/blk_fuzz" $((REQUESTS / ATTACKERS)) $((SEED + g - 3)) \
		>"$tmp/fuzz.out$g" 2>"$tmp/fuzz.log$g" &
	fuzz+=($!)
done
rounds=0 good=0 before=
while kill -0 "${fuzz[@]}" 2>/dev/null || [ $rounds = 0 ]; do
	rounds=$((rounds + 1))
	timeout 120 "$xsb" exec 2 -- "$bin/acctring-blkfront" --rw verify --bs 512-64k --depth 8 \
		--queues 2 --rate 2000 --seed $rounds >"$tmp/good.out" 2>"$tmp/good.log" &&
		grep -q ' errors=0 .* verified=8192 mismatches=0 ' "$tmp/good.out" && good=$((good + 1))
	[ $rounds = 2 ] && before=$(rss)
done
codes=
for g in "${fuzz[@]}"; do
	wait "$g"
	codes="$codes $?"
done
like "$codes" '^( 0)+$' "every request of a tame ring was answered, every wild ring was left"
cat "$tmp"/fuzz.log* "$tmp"/fuzz.out* | sed 's/^/# /'
is "$good" "$rounds" "meanwhile the other guest's data was right, each time"
at_least "$(cat "$tmp"/fuzz.out* | sed -n 's/.* ended=\([0-9]*\) .*/\1/p' | awk '{ s += $1 } END { print s }')" 1 "rings were left"
after=$(rss)
[ -z "$before" ] || [ -n "$SANITIZE" ] || at_least "$((before + 16384))" "$after" "it has not grown: $before kB, $after kB"
is "$(stat -c %s "$tmp"/*.img | sort -u)" $((4 << 20)) "the files are as long as before"
is "$(cat "/proc/$back/comm")" acctring-blkbac "the same process serves"
timeout 60 "$xsb" exec 3 -- "$bin/acctring-blkfront" --rw verify --bs 512-64k --depth 8 >"$tmp/bad.out" 2>&1
is $? 0 "and serves the hostile guest, now that it behaves"
kill -TERM "$back"
wait "$back_exec"
is $? 0 "it ends with 0"
grep -E 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/back.log" >"$tmp/complaints"
is "$(wc -l <"$tmp/complaints")" 0 "no sanitizer has complained"
sed 's/^/# /' "$tmp/complaints"
# who asks pays, for nonsense too
at_least "$(awk -F'\t' '$2 >= 3 { s += $5 } END { printf "%.0f", s }' "$tmp/totals")" "$((REQUESTS / 2))" \
	"hostile requests are on their sender's account"
echo "1..$n"
