#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# acctring-kernback --guard: a limit on what the kernel serves.  /proc, /sys and cgroups
# are made here, with a thread that burns what its cgroup's quota lets it; that the kernel's
# threads and cgroups are such shows tests/xen/cases/guard-kernel.sh.
# timeout: 120
. "$(dirname "$0")/lib/driver.sh"
. "$(dirname "$0")/lib/madetree.sh"
lib=$PWD/tests/lib
cg=$tmp/sys/fs/cgroup ours=$tmp/sys/fs/cgroup/acctring-kernback
ctl() { in_dom 1 -- "$bin/acctctl" "$@" --socket "$tmp/sock"; }
mkdir -p "$cg"
: >"$cg/cgroup.procs"
driver_domain
xenstore-write /local/domain/1/acctring/backend/1 "v=1 uuid=$DRIVER_UUID name=driver mode=guard"
start_acctringd 'guard = "on";'
vbd 2 1000 8000
vbd 3 1000 8000
vif 2 50 5000 60 6000
thread 10 2.xvda-0 1 7000
thread 11 3.xvda-0 1 7000
thread 12 vif2.0-q0-guest-rx 1 7000
thread 13 napi/vif2.0-8193 1 7000
for p in 10 11 12 13; do echo 0::/ >"$tmp/proc/$p/cgroup"; done

# -- where it cannot be done
limits() { ctl limit --list --json | perl -MJSON::PP -e 'my $l = decode_json(<STDIN>)->{limits}[0];
	exit !(!!$l->{never_asks} == $ARGV[0] && !!$l->{lanes} == $ARGV[1])' "$@"; }
ctl limit 2 5% >/dev/null
echo "memory pids" >"$cg/cgroup.controllers"
kernback "${made[@]}" --period 100 --guard
vbd 2 1001 8008
soon 10 limits 1 0
ok $? "no cgroup with cpu: it never asks"
like "$(cat "$tmp/kernlog")" "fs/cgroup: .* no limit holds here, allowed: cgroup v2 with cpu" "and why is said"
kill "$(cat "$tmp/pid")" && wait $daemon

# -- a limit
echo "cpu memory pids" >"$cg/cgroup.controllers"
echo "memory pids" >"$cg/cgroup.subtree_control"
"$bin/xsandbox" exec 1 -- perl "$lib/kthread.pl" "$cg" "$tmp/proc" 10 400 &
burner=$!
soon 5 grep -qv '^7000 ' "$tmp/proc/10/schedstat"
ctl limit 2 --clear >/dev/null
kernback "${made[@]}" --guard
vbd 2 1002 8016
soon 10 threaded 2 1
ok $? "--guard implies --threaded"
sleep 2
[ ! -e "$ours" ]
ok $? "without a limit nothing is made"
free=$(perl "$lib/share.pl" "$tmp/sock" 2 4)
echo "# free: $free"
ctl limit 2 5% >/dev/null
soon 5 test -e "$ours/vm-2/cpu.max"
ok $? "with one its guest has a cgroup"
soon 5 limits 0 1
ok $? "and is told to be limited"
has() { [ "$(sort -u "$ours/vm-2/cgroup.procs" | tr '\n' ' ')" = "$1" ]; }
soon 5 has "10 12 13 "
ok $? "the threads of its devices are in it, and no others"
like "$(cat "$cg/cgroup.subtree_control")" '^cpu memory pids$' "cpu is on for cgroups at the root"
"$bin/xsandbox" exec 1 -- "$bin/acctring-kernback" "${made[@]}" --list | grep '^quota' >"$tmp/list"
like "$(cat "$tmp/list")" $'^quota\t2\t[0-9]+ [0-9]+\t[0-9]+$' "--list: $(cat "$tmp/list")"
sleep 3
for _ in 1 2 3; do # where the machine has other work
	out=$(perl "$lib/share.pl" "$tmp/sock" 2 10)
	echo "# limit 5 %: $out"
	read -r _ m _ <<<"$out"
	awk -v m="$m" 'BEGIN { exit !(m >= 4.5 && m <= 5.5) }' && break
done
ok $? "what it is charged: 4.5 to 5.5 %"
awk -v f="$(awk '{ print $2 }' <<<"$free")" 'BEGIN { exit !(f > 10) }'
ok $? "and more without"
gone() { [ ! -e "$ours/vm-2" ]; }

# -- who limits is killed
kill -KILL "$(worker_pid)" "$holder"
wait "$acctringd" 2>/dev/null
began=$(date +%s%N)
soon 10 gone
ok $? "the accountant is killed: free after $((($(date +%s%N) - began) / 1000000)) ms"
[ "$(tail -n 1 "$cg/cgroup.procs")" -gt 9 ]
ok $? "its threads are in the root again"
start_acctringd 'guard = "on";'
soon 10 test -e "$ours/vm-2/cpu.max"
ok $? "it is there again: limited"

# -- killed, and the next begins
soon 5 has "10 12 13 "
kill -KILL "$(cat "$tmp/pid")"
wait $daemon 2>/dev/null
is "$(ls "$ours")" $'cgroup.subtree_control\ncpu-was-off\nvm-2' "kill -9 leaves all"
was=$(wc -l <"$cg/cgroup.procs")
kernback "${made[@]}"
soon 5 test ! -e "$ours/vm-2"
ok $? "the next takes it back, without --guard as well"
soon 5 grep -q billing "$tmp/kernlog" && kill -TERM "$(cat "$tmp/pid")"
wait $daemon
is "$?/$(tail -n +$((was + 1)) "$cg/cgroup.procs" | sort -u | tr '\n' ' ')" "0/10 12 13 " "its threads, too"
off() { [ ! -e "$ours" ] && [ "$(cat "$cg/cgroup.subtree_control")" = "memory pids" ]; }
soon 5 off
ok $? "cpu is off at the root, as it was"

# -- cleared; a guest that goes; the end
echo 0::/somebody >"$tmp/proc/12/cgroup"
kernback "${made[@]}" --guard
soon 10 has "10 13 "
ok $? "limited again"
like "$(cat "$tmp/kernlog")" "thread vif2.0-q0-guest-rx: in a cgroup of others" \
	"a thread that somebody else has put somewhere stays there"
ctl limit 2 --clear >/dev/null
soon 10 gone
ok $? "cleared: nothing is left"
sleep 1
ctl limit 2 5% >/dev/null
soon 10 test -e "$ours/vm-2/cpu.max"
rm -r "$devices/vbd-2-51712" "$devices/vif-2-0"
soon 10 gone
ok $? "nor when its devices are gone"
sleep 1
vbd 2 1003 8024
soon 10 has "10 "
ok $? "and come again"
kill -TERM "$(cat "$tmp/pid")" && wait $daemon
is $? 0 "SIGTERM ends it"
soon 5 off
ok $? "and all is as it was"
kill $burner
stop_acctringd
ok $? "acctringd ends"
echo "1..$n"
