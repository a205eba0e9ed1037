#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The store of the sandbox, with the real xenstored, libxenstore and tools.
# Runs itself in domain 0 of a sandbox.
. "$(dirname "$0")/lib/sandbox.sh"
prog=$BUILD/tests/prog/sandbox_store

gone() { ! xenstore-exists "$1"; }

# -- domain 0 --
is "$(xenstore-read /local/domain/0/name)" Domain-0 "domain 0 has its name"
is "$(xenstore-read /local/domain/0/domid)" 0 "and its domid"
is "$(xenstore-list /local/pool/0)" name "the cpupool is there"
xenstore-ls / | grep -q '^libxl = ' && xenstore-ls / | grep -q '^ xenstored = '
ok $? "xenstore-ls / shows /tool/xenstored and /libxl"

# -- a domU --
"$xsb" create 1 --name one && "$xsb" create 2 --name two
ok $? "two domains"
is "$(xenstore-read /local/domain/1/name)" one "domain 1's name, as seen by domain 0"
is "$(in_dom 1 -- xenstore-read name domid | tr '\n' ' ')" "one 1 " \
	"xenstore-read in domain 1, relative paths"
vm=$(in_dom 1 -- xenstore-read vm)
is "$(xenstore-read "$vm/name")" one "/vm/<uuid> is there"
is "$(xenstore-ls -p /local/domain/1 | sed -n 's/^data = "".*(\(.*\))$/\1/p')" n1 \
	"data is domain 1's own"
is "$(xenstore-ls -p /local/domain | sed -n 's/^1 = "".*(\(.*\))$/\1/p')" n0,r1 \
	"/local/domain/1 is domain 0's, readable by 1"
in_dom 1 -- xenstore-write data/x "hello world"
is "$(xenstore-read /local/domain/1/data/x)" "hello world" \
	"xenstore-write in domain 1, read in domain 0"
is "$(in_dom 1 -- xenstore-ls data)" 'x = "hello world"' "xenstore-ls in domain 1"
in_dom 1 -- xenstore-write data/y 1 data/z 2
in_dom 1 -- xenstore-rm data/y
is "$(in_dom 1 -- xenstore-list data | tr '\n' ' ')" "x z " "xenstore-rm, xenstore-list"
in_dom 1 -- xenstore-exists data/y
is $? 1 "xenstore-exists"

# -- permissions --
is "$(in_dom 2 -- "$prog" read /local/domain/1/data/x)" EACCES \
	"domain 2 may not read domain 1's data"
is "$(in_dom 2 -- "$prog" write /local/domain/1/data/x no)" EACCES "nor write it"
is "$(in_dom 1 -- "$prog" write /local/domain/1/name no)" EACCES \
	"domain 1 may not rename itself"
is "$(in_dom 1 -- "$prog" write /local/domain/1/new no)" EACCES \
	"nor make nodes beside data"
in_dom 1 -- xenstore-chmod data/x n1 r2
is "$(in_dom 2 -- "$prog" read /local/domain/1/data/x)" "hello world" \
	"after xenstore-chmod domain 2 reads it"
is "$(in_dom 1 -- "$prog" read /local/domain)" EACCES "a domU cannot read /local/domain"

# -- quotas --
set -- $(in_dom 2 -- "$prog" fill data/q 1100)
[ "$1" -gt 900 ] && [ "$1" -lt 1000 ] && [ "$2" = ENOSPC ]
ok $? "node quota: $1 nodes more, then $2"
in_dom 2 -- xenstore-rm data/q
# (xenstored allows one more than the 128 it is told)
is "$(in_dom 2 -- "$prog" watches data 200)" "129 E2BIG" "watch quota"
is "$(in_dom 2 -- "$prog" watches data 128)" "128 none" \
	"the watches of a process that ended are gone"

# -- several clients of one domain --
"$xsb" exec 1 -- xenstore-watch -n 3 data >"$tmp/watch" &
w=$!
soon 5 grep -q data "$tmp/watch"
in_dom 1 -- xenstore-write data/a 1
xenstore-write /local/domain/1/data/b 2
wait $w
is "$(tr '\n' ' ' <"$tmp/watch")" "data data/a data/b " "xenstore-watch in a domU"

in_dom 1 -- xenstore-write data/mix/sum 0
for i in 1 2; do
	in_dom 1 -- "$prog" mix data/mix 100 >"$tmp/mix$i" &
	eval "m$i=\$!"
done
wait $m1 $m2
grep -h . "$tmp"/mix[12] | sed 's/^/# /'
is "$(grep -c '^ok 100' "$tmp"/mix1)$(grep -c '^ok 100' "$tmp"/mix2)" 11 \
	"two processes, same token, watches and transactions at once"
is "$(in_dom 1 -- xenstore-read data/mix/sum)" 200 "no commit was lost"

# -- clients that die --
# both times all 10 transactions of the quota
for i in 1 2; do
	rm -f "$tmp/held" "$tmp/pid"
	in_dom 1 -- sh -c 'echo $$ >&2; exec "$@"' sh "$prog" hold data/held no 10 \
		>"$tmp/held" 2>"$tmp/pid" &
	h=$!
	soon 5 grep -q . "$tmp/held"
	is "$(cat "$tmp/held")" held "10 transactions open, round $i"
	kill -9 "$(cat "$tmp/pid")"
	wait $h 2>/dev/null
done
is "$(in_dom 1 -- "$prog" read data/held)" ENOENT "a killed client's transactions are dropped"
is "$(in_dom 1 -- "$prog" commit data/held yes 1)" ok "and free for others"

# -- clients that misbehave --
is "$(in_dom 1 -- "$prog" garbage)" "closed ENOSYS ENOENT EINVAL ENOENT ok " "garbage"
in_dom 1 -- "$prog" deaf data/loud >"$tmp/deaf" &
w=$!
soon 5 grep -q watching "$tmp/deaf"
in_dom 1 -- "$prog" commit data/loud "$(printf %01000d 0)" 1300 | sort | uniq -c |
	sed 's/^/# /'
wait $w
is "$(tail -1 "$tmp/deaf")" closed "a client that never reads its events is cut off"
kib=$(in_dom 1 -- "$prog" greedy data/loud)
[ "$kib" -gt 0 ] && [ "$kib" -lt 4096 ]
ok $? "one that asks and never reads is not read either: after $kib KiB"
is "$(in_dom 1 -- xenstore-read name)" one "the others go on"

# -- EAGAIN on request --
"$xsb" fault store-eagain 1 2
is "$(in_dom 1 -- "$prog" commit data/again yes 3 | tr '\n' ' ')" \
	"EAGAIN EAGAIN ok " "store-eagain: two commits fail, the third does not"
is "$(in_dom 2 -- "$prog" commit data/again yes 1)" ok "another domain is not hit"

# -- the end of a domain --
# xenstored takes the watch of a domU, fires it once as any, and never again
in_dom 1 -- timeout 20 xenstore-watch -n 2 @releaseDomain >"$tmp/refused" &
r=$!
soon 5 grep -q release "$tmp/refused"
xenstore-watch -n 2 @releaseDomain >"$tmp/release" &
w=$!
soon 5 grep -q release "$tmp/release"
in_dom 1 -- xenstore-chmod data/x n1 b2
"$xsb" destroy 2
wait $w
is "$(tr '\n' ' ' <"$tmp/release")" "@releaseDomain @releaseDomain " \
	"@releaseDomain fires in domain 0"
sleep 0.2
is "$(cat "$tmp/refused")" @releaseDomain "and not in a domU"
kill $r
soon 5 gone /local/domain/2 && soon 5 gone /libxl/2
ok $? "its nodes are removed"
is "$(xenstore-list /vm | wc -l)" 1 "and its /vm"
"$xsb" create 2 --name again
is "$(in_dom 2 -- xenstore-read name)" again "the domid can be used again"
is "$(in_dom 2 -- "$prog" read /local/domain/1/data/x)" EACCES \
	"the new domain did not inherit the old one's permissions"
echo "1..$n"
