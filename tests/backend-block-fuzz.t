#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 7200
# A guest that breaks every rule of the block protocol, a hundred thousand
# times (REQUESTS=10000000 by hand), while another guest's data is verified.
# Domain 0 of a sandbox.
: "${BUILD:=$PWD/build}" "${REQUESTS:=100000}" "${SEED:=$RANDOM}"
export BUILD REQUESTS SEED
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

"$xsb" create 1 --name driver && "$xsb" create 2 --name good && "$xsb" create 3 --name bad
truncate -s 4M "$tmp/good.img" "$tmp/bad.img"
background 1 back "$bin/acctring-blkback" --totals "$tmp/totals"
back=$pid back_exec=$last
ts_vbd 2 1 51712 "$tmp/good.img" w && ts_vbd 3 1 51712 "$tmp/bad.img" w
ts_wait /local/domain/1/backend/abd/3/51712 2 && ts_wait /local/domain/1/backend/abd/2/51712 2
ok $? "two disks"
rss() { sed -n 's/^VmRSS:[ \t]*\([0-9]*\) kB/\1/p' "/proc/$back/status"; }

echo "# $REQUESTS requests, seed $SEED"
"$xsb" exec 3 -- "$BUILD/tests/prog/blk_fuzz" "$REQUESTS" "$SEED" >"$tmp/fuzz.out" 2>"$tmp/fuzz.log" &
fuzz=$!
rounds=0 good=0 before=
while kill -0 $fuzz 2>/dev/null || [ $rounds = 0 ]; do
	rounds=$((rounds + 1))
	timeout 120 "$xsb" exec 2 -- "$bin/acctring-blkfront" --rw verify --bs 512-64k --depth 8 \
		--queues 2 --rate 2000 --seed $rounds >"$tmp/good.out" 2>"$tmp/good.log" &&
		grep -q ' errors=0 .* verified=8192 mismatches=0 ' "$tmp/good.out" && good=$((good + 1))
	[ $rounds = 2 ] && before=$(rss)
done
wait $fuzz
is $? 0 "every request of a tame ring was answered, every wild ring was left"
sed 's/^/# /' "$tmp/fuzz.log" "$tmp/fuzz.out"
is "$good" "$rounds" "meanwhile the other guest's data was right, each time"
at_least "$(sed -n 's/.* ended=\([0-9]*\) .*/\1/p' "$tmp/fuzz.out")" 1 "rings were left"
after=$(rss)
[ -z "$before" ] || [ -n "$SANITIZE" ] || at_least "$((before + 16384))" "$after" "it has not grown: $before kB, $after kB"
is "$(stat -c %s "$tmp/bad.img")/$(stat -c %s "$tmp/good.img")" $((4 << 20))/$((4 << 20)) "the files are as long as before"
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
at_least "$(awk -F'\t' '$2 == 3 { s += $5 } END { printf "%.0f", s }' "$tmp/totals")" "$((REQUESTS / 2))" \
	"the hostile guest's requests are on its own account"
echo "1..$n"
