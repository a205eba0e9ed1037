#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A link between two domains of the sandbox: grants, events and xenstore are
# the shims' and the real xenstored's.  Closed in order, and killed.
peer=$BUILD/tests/prog/ring_peer
[ -z "$SANITIZE" ] || { echo "1..0 # SKIP the shims are not sanitised"; exit 0; }
[ -x "$BUILD/bin/xsandbox" ] || { echo "1..0 # SKIP no xsandbox"; exit 0; }
echo 1..7
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/lib/tap.sh"

# inside: domain 0 drains domain 3, which posts; HOW: close or kill
cat >"$dir/inside" <<'EOF'
peer=$1 dir=$2 how=$3
xsandbox create 3
xenstore-write /local/domain/3/acctring/accountant 0
xsandbox exec 3 -- "$peer" post 200000 ${how#close} >"$dir/post" 2>"$dir/err" &
post=$!
"$peer" drain 3 >"$dir/drain" 2>>"$dir/err" &
drain=$!
if [ "$how" = kill ]; then
	for i in $(seq 200); do grep -q posted "$dir/post" && break; sleep 0.05; done
	kill -9 $post # the process; of a destroyed domain no kernel would say that it is dead
fi
wait $drain
wait $post
xenstore-ls /local/domain/3/data/acctring/link >"$dir/store" 2>/dev/null
EOF

for how in close kill; do
	PATH=$BUILD/bin:$PATH timeout 40 xsandbox run -- bash "$dir/inside" "$peer" "$dir" $how >"$dir/run" 2>&1
	sed 's/^/# /' "$dir/run" "$dir/post" "$dir/drain" "$dir/err"
	posted=$(sed -n 's/^posted=\([0-9]*\) ns=\([0-9]*\)$/\1 \2/p' "$dir/post")
	drained=$(sed -n 's/^drained=\([0-9]*\) ns=\([0-9]*\) .*reason=-$/\1 \2/p' "$dir/drain")
	[ -n "$posted" ] && [ "$posted" = "$drained" ]
	ok $? "$how: what was posted is what was drained ($posted)"
	grep -q '^again=refused' "$dir/drain"
	ok $? "$how: the link is not to be had again"
	[ ! -s "$dir/err" ] || [ "$how" = kill ]
	ok $? "$how: nothing is printed"
done
PATH=$BUILD/bin:$PATH timeout 40 xsandbox run -- bash "$dir/inside" "$peer" "$dir" close >/dev/null 2>&1
grep -q '^left=0' "$dir/post" && [ ! -s "$dir/store" ]
ok $? "close waits for the commit, and leaves no nodes"
