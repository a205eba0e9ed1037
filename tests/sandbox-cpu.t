#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# CPU time of domains, caps and weights in the sandbox.
# Runs itself in domain 0 of a sandbox.
# alone
. "$(dirname "$0")/lib/sandbox.sh"
prog=$BUILD/tests/prog/sandbox_cpu
ms=1000000	# ns

within() {	# within VALUE LOW HIGH NAME
	[ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
	ok $? "$4: $1 in $2..$3"
}
cpu() { "$prog" list | sed -n "s/^$1 \([0-9]*\) .*/\1/p"; }
runstate() { XSANDBOX_PRIVCMD=unrestricted in_dom 1 -- "$prog" runstate; }
now() { date +%s%N; }

for d in 1 2 3 5; do "$xsb" create $d; done

# -- libxenctrl's manners --
is "$("$prog" list | cut -d' ' -f1 | tr '\n' ' ')" "0 1 2 3 5 " "getinfolist: all domains"
is "$("$prog" next 4)" "5 5" "a domain that is not there: the next one"
is "$("$prog" next 6)" "0 ESRCH" "after the last: none"
"$prog" sched >"$tmp/sched"
cpus=$(sed -n 's/^cpus \([0-9]*\) .*/\1/p' "$tmp/sched")
is "$(tr '\n' ';' <"$tmp/sched")" "scheduler 6 pool 6 domains 5;second pool ENOENT;\
credit EINVAL;cpus $cpus $cpus idle yes;vcpu ok;no vcpu ESRCH;" "one pool under credit2"
is "$(in_dom 1 -- "$prog" denied)" "EPERM EPERM EPERM EPERM EPERM EPERM" \
	"all of it is EPERM in a domU"
is "$("$prog" get 1)" "256 0" "weight 256, no cap"
is "$("$prog" set 1 512 $((100 * cpus + 1)))" EINVAL "a cap beyond the vCPUs"
is "$("$prog" get 1)" "512 0" "but the weight was set before"
is "$("$prog" set 1 0 30)" ok "weight 0"
is "$("$prog" get 1)" "512 30" "leaves the weight as it is"
"$prog" set 1 256 0 >/dev/null
is "$("$prog" set 77 256 0)" ESRCH "no such domain"

# -- CPU time --
before=$(cpu 1)
own=$(in_dom 1 -- "$prog" spin 300 2)
after=$(cpu 1)
within $(((after - before - own) / 1000)) 0 15000 "us beyond what an ended process (2 threads) used"
before=$(cpu 1)
own=$(in_dom 1 -- sh -c "'$prog' spin 100 1; '$prog' spin 100 1; '$prog' spin 100 1" |
	tr '\n' '+')0
after=$(cpu 1)
within $(((after - before - (own)) / 1000)) 0 40000 "us beyond what children of an ended shell used"
before=$(cpu 1)
in_dom 1 -- sh -c "'$prog' spin 200 1; '$prog' spin 200 1; echo; exec sleep 20" >"$tmp/alive" &
s=$!
soon 10 eval '[ "$(wc -l <"$tmp/alive")" = 3 ]'
after=$(cpu 1)
own=$(head -2 "$tmp/alive" | tr '\n' '+')0
within $(((after - before - (own)) / 1000)) -20000 40000 "us more, while the shell that reaped them lives"
kill $s

is "$(in_dom 1 -- "$prog" runstate)" 0 "a domU may make no hypercalls as its kernel comes"
in_dom 1 -- "$prog" spin 1500 1 >/dev/null &
s=$!
sleep 0.5
a=$(cpu 1)
r=$(runstate)
b=$(cpu 1)
[ "$r" -ge "$a" ] && [ "$r" -le "$b" ]
ok $? "runstate is between two getinfolists: $((r - a)) and $((b - r)) ns apart"
wait $s
sleep 0.1
r=$(runstate)
sleep 0.1
a=$(cpu 1)
within $(((a - r) / 1000)) 0 1000 "us between runstate and getinfolist"

is "$(XSANDBOX_PRIVCMD=unrestricted in_dom 1 -- "$prog" ahead 2000)" ok \
	"2000 times: a domain's time is not less than a process's own clocks, nor falls"

before=$(cpu 2)
in_dom 2 -- sh -c 'echo $$; exec "$@"' sh "$prog" spin 1000 1 >"$tmp/spin" &
s=$!
sleep 0.5
pid=$(head -1 "$tmp/spin")
tree=$(awk '{print ($14 + $15) * 10}' "/proc/$pid/stat")
after=$(cpu 2)
within $(((after - before) / ms - tree)) -20 40 "ms from /proc's count of a live process"
wait $s

# -- cost --
for d in 6 7 8 9 10; do "$xsb" create $d; done
for d in 1 2 3 5 6 7 8 9 10; do
	in_dom $d -- sh -c 'for i in 1 2 3 4 5; do sleep 60 & done; wait' &
done
sleep 0.5
cost=$("$prog" cost 200)
echo "# $cost ns for a getinfolist of 10 domains with 60 processes"
for d in 6 7 8 9 10; do "$xsb" destroy $d; done

# -- caps --
# A cap is never exceeded.  It is reached if CPUs are free: on a busy machine the
# lower bound is not judged.
idle() { awk '/^cpu / { print $5 + $6 }' /proc/stat; }
capped() {	# capped DOMAIN SECONDS LOW HIGH NAME
	local i s low=$3
	i=$(idle)
	s=$(share "$1" "$2")
	i=$((($(idle) - i) / $2))
	if [ "$i" -lt 20 ]; then
		echo "# machine busy (idle $i %): only the upper bound is judged"
		low=1
	fi
	within "$s" "$low" "$4" "$5, in 1/100 %"
}
share() {	# share DOMAIN SECONDS: its CPU in 1/100 %
	local c t
	c=$(cpu "$1") t=$(now)
	sleep "$2"
	c=$(($(cpu "$1") - c)) t=$(($(now) - t))
	echo $((c * 10000 / t))
}
in_dom 3 -- sh -c "'$prog' spin 100000 1" >/dev/null &
sleep 0.3
"$prog" set 3 256 20 >/dev/null
sleep 0.2
capped 3 5 1900 2100 "cap 20, one busy thread, over 5 s"
"$prog" set 3 256 5 >/dev/null
sleep 0.5
capped 3 3 400 600 "cap 5"
"$prog" set 3 256 0 >/dev/null
sleep 0.2
within "$(share 3 1)" 3000 20000 "no cap any more"
"$xsb" destroy 3

in_dom 5 -- "$prog" spin 100000 2 >/dev/null &
"$prog" set 5 256 50 >/dev/null
sleep 0.5
capped 5 3 4700 5100 "cap 50, two busy threads"
"$xsb" destroy 5

# -- weights: 2 to 1 where both want all CPUs --
in_dom 1 -- "$prog" spin 100000 "$cpus" >/dev/null &
in_dom 2 -- "$prog" spin 100000 "$cpus" >/dev/null &
"$prog" set 1 512 0 >/dev/null
sleep 1
a=$(cpu 1) b=$(cpu 2)
sleep 5
a=$(($(cpu 1) - a)) b=$(($(cpu 2) - b))
# what others took of the machine was not ours to divide
low=180 high=220
if [ $((a + b)) -lt $((cpus * 5000 * ms * 9 / 10)) ]; then
	echo "# machine busy: wider bounds"
	low=120 high=280
fi
within $((a * 100 / b)) $low $high "weights 512 and 256: 100 times the ratio of CPU"
"$xsb" destroy 2
sleep 0.3
within "$(share 1 1)" 5000 $((cpus * 10100)) "alone it gets what there is"
"$xsb" destroy 1
echo "1..$n"
