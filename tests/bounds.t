#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a driver domain can make its accountant do is bounded: pages mapped, looks
# at all links, attempts to attach, lines in the log.  An honest link beside
# it goes on.
# timeout: 90
. "$(dirname "$0")/lib/driver.sh"
PAGES_MAX=2048
many=$BUILD/tests/prog/hostile_many

# mapped PID: pages of grants
mapped() {
	perl -ne '/^([0-9a-f]+)-([0-9a-f]+) .{3}s .*(memfd|xsandbox)/ and
		$n += (hex($2) - hex($1)) / 4096; END { print $n + 0 }' "/proc/$1/maps"
}
many_mapped() { [ "$(mapped "$1")" -gt 1000 ]; }
within() {	# within PID...: and more than the honest link's
	local p n

	for p; do
		soon 10 many_mapped "$p"
		n=$(mapped "$p")
		echo "# process $p has $n pages mapped"
		[ "$n" -gt 1000 ] && [ "$n" -le $((PAGES_MAX + 4)) ] || return 1
	done
}
tried() { [ "$(grep -c 'slot 1[0-9][0-9], .*: attaching$' "$tmp/log")" -ge "$1" ]; }
goes_on() {	# the honest link is read, now
	local before

	before=$(ledger 'SELECT sum(posts) FROM posted')
	more() { [ "$(ledger 'SELECT sum(posts) FROM posted')" -gt "$before" ]; }
	is_attached 0 && soon 5 more
}
hostile() {	# hostile ARG...: in domain 1; a line in $tmp/in goes to it
	rm -f "$tmp/in" "$tmp/out" && mkfifo "$tmp/in"
	"$BUILD/bin/xsandbox" exec 1 -- "$many" "$@" < "$tmp/in" > "$tmp/out" 2>> "$tmp/log" &
	hostile=$!
	exec 3> "$tmp/in"
	soon 10 grep -q ready "$tmp/out"
}
hostile_ends() {
	exec 3>&-
	wait $hostile
}

driver_domain
export acctringd_options=-v
start_acctringd
start_poster 0 1 2
soon 10 is_attached 0
tap $? "an honest backend is attached"
[ "${tap_failed:-0}" = 0 ] || tap_end
worker=$(worker_pid)

# -- pages --
hostile pages 10 64
tap $? "10 links of 927 pages each are offered"
soon 10 tried 10
sleep 0.5 # the holder's part of the last
within "$worker" "$holder"
tap $? "worker and holder map no more than $PAGES_MAX of them"
goes_on
tap $? "the honest link is read"
grep -q "cannot attach: the domain's links have all the pages that one domain may have" "$tmp/log"
tap $? "it is said"
hostile_ends
few() { [ "$(mapped "$worker")" -lt 300 ] && [ "$(mapped "$holder")" -lt 300 ]; }
soon 10 few
tap $? "they end: all is unmapped"

true > "$tmp/log"
hostile grow 40
attached() { [ "$(xenstore-ls /local/domain/1/data/acctring/peer/1 | grep -c '^1[0-9][0-9] = "attached')" -ge "$1" ]; }
soon 10 attached 40
tap $? "40 small links are attached"
true > "$tmp/log"
echo >&3
soon 15 tried 40
sleep 0.5
within "$worker" "$holder"
tap $? "they move to larger pages, known as they are: no more than $PAGES_MAX either"
hostile_ends
soon 10 few
tap $? "they end"

# -- events --
read -r rounds ms < <("$BUILD/bin/xsandbox" exec 1 -- "$many" storm 1000 2>> "$tmp/log")
[ "$rounds" -gt 5 ] && [ "$rounds" -le $((ms / 10 + 5)) ]
tap $? "an event storm of $ms ms: $rounds ticks of at least 10 ms each"
goes_on
tap $? "the honest link is read"

# -- attempts --
stop_poster 0
stop_acctringd
true > "$tmp/log"
start_acctringd
start_poster 0 1 2
soon 10 is_attached 0
read -r ms < <("$BUILD/bin/xsandbox" exec 1 -- "$many" fail 1200 2>> "$tmp/log")
n=$(grep -c ': attaching$' "$tmp/log")
[ "$n" -gt 50 ] && [ "$n" -le $((512 + ms / 250 + 10)) ]
tap $? "1200 links that cannot be attached, in $ms ms: $n attempts"
n=$(grep -c 'cannot attach\|not understood' "$tmp/log")
[ "$n" -ge 1 ] && [ "$n" -le $((8 + ms / 10000 + 1)) ]
tap $? "$n lines in the log about them, and about nodes that are wrong"
goes_on
tap $? "the honest link is read"
[ -n "$worker" ] && ! grep -q 'worker killed\|worker ended' "$tmp/log"
tap $? "the worker lives"
stop_poster 0
tap $? "the honest backend closes, all committed"
stop_acctringd
tap $? "acctringd stops cleanly"
tap_end
