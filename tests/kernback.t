#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# acctring-kernback from files to the ledger.  /proc and /sys are made here, so
# this shows that what they say is read, posted once and kept; that they say so on
# a real kernel, and that the clocks are true, shows tests/xen/cases/kernel-backends.sh.
# timeout: 90
. "$(dirname "$0")/lib/driver.sh"
. "$(dirname "$0")/lib/madetree.sh"

# -- command line, environment
codes=
for args in "--no-such" "--level 3" "--level 0" "--period 99" "--period 1001" "--period x" "--ring-pages 3" "--payers 0" \
	"--accountant 32752" "extra" "-P"; do
	# shellcheck disable=SC2086
	timeout 5 "$bin/acctring-kernback" $args 2>>"$tmp/usage"
	codes="$codes $?"
done
is "$codes" " 2 2 2 2 2 2 2 2 2 2 2" "wrong options end with 2"
is "$(wc -l <"$tmp/usage")" 11 "each in one line"
"$bin/acctring-kernback" --help | grep -q -- --period && "$bin/acctring-kernback" --version >/dev/null
ok $? "--help, --version"
"$bin/acctring-kernback" --sys /nowhere 2>"$tmp/err"
is "$?/$(cat "$tmp/err")" "4/acctring-kernback: /nowhere/bus/xen-backend/devices: No such file or directory, allowed: a domain of Xen whose kernel serves others" \
	"no such bus: 4"
"$bin/acctring-kernback" --sys "$tmp/sys" --proc /nowhere 2>"$tmp/err"
is "$?/$(wc -l <"$tmp/err")" 4/1 "no procfs: 4"

driver_domain
start_acctringd
ok $? "acctringd runs"

# -- a guest that ran before
vbd 2 1000 8000
vif 2 50 5000 60 6000
thread 10 2.xvda-0 1 7000000000
thread 11 vif2.0-q0-guest-rx 1 800
thread 12 vif2.0-q0-dealloc 1 900
thread 13 9.xvdb-0 1 5
thread 14 ksoftirqd/0 1 30
thread 15 ksoftirqd/1 1 12
printf 'cpu  1 2 3 4 5 6 200 0\ncpu0 1\n' >"$tmp/proc/stat"
"$bin/xsandbox" exec 1 -- "$bin/acctring-kernback" "${made[@]}" --list >"$tmp/list"
is $? 0 "--list"
is "$(grep -c "^#" "$tmp/list")" 6 "it names its columns"
is "$(grep "^level" "$tmp/list")" "$(printf "level\t1\t--proc or --sys is given")" "which level, and why"
is "$(grep '^device.vbd' "$tmp/list")" \
	"$(printf 'device\tvbd\t2\t51712\t2.xvda\tConnected\t1\t7000000000\t1000\t4096000')" "a disk"
is "$(grep '^device.vif' "$tmp/list")" \
	"$(printf 'device\tvif\t2\t0\tvif2.0\tConnected\t2\t1700\t110\t11000')" "an interface"
is "$(grep '9.xvdb' "$tmp/list")" "$(printf 'thread\t13\t9.xvdb-0\t5\t-\t-\t-')" \
	"a thread of no known device"
is "$(grep '^pool' "$tmp/list")" "$(printf 'pool\tksoftirqd\t42\tns\npool\tsoftirq\t%d\tms, sampled' \
	$((200 * 1000 / $(getconf CLK_TCK))))" "softirqs"
is "$(grep -c ksoftirqd "$tmp/list")" 1 "their threads once, together"

# -- what is billed
kernback "${made[@]}" --threaded --period 100 --ring-pages 1 --totals "$tmp/totals"
ok $? "it runs"
threaded 2 1
ok $? "an interface is made threaded"
"$bin/xsandbox" exec 1 -- "$bin/acctring-kernback" "${made[@]}" 2>"$tmp/err"
is "$?/$(grep -c "process $(cat "$tmp/pid")," "$tmp/err")" 4/1 "a second one ends, and names the first"
sleep 0.3
thread 10 2.xvda-0 1 7004000000
vbd 2 1003 8024
soon 10 holds 2 vbd read "3 12288 4000000"
ok $? "the disk: what came since, no more ($(held 2 vbd read))"
thread 11 vif2.0-q0-guest-rx 1 1000800
thread 12 vif2.0-q0-dealloc 1 2000900
soon 10 holds 2 vif rx "0 0 3000000"
ok $? "its interface's threads"
vif 2 70053 5100000 60 6000
soon 10 holds 2 vif tx "70003 5095000 3000000"
ok $? "more frames than one record can say ($(held 2 vif tx))"

# -- no limit holds here, which is told whether limits act or not
ctl() { in_dom 1 -- "$bin/acctctl" "$@" --socket "$tmp/sock"; }
never() {	# never GUARD DEVICES: what the list says of the VM
	ctl limit --list --json | perl -MJSON::PP -e 'my $d = decode_json(<STDIN>); my $l = $d->{limits}[0];
		exit !($d->{guard} eq $ARGV[0] && $l->{never_asks} == $ARGV[1] && !$l->{lanes} && !$l->{open_lanes})' "$@"
}
ctl limit 2 5% >/dev/null
soon 5 never observe 2
ok $? "a limit: it never asks"
xenstore-write /local/domain/1/acctring/backend/1 "v=1 uuid=$DRIVER_UUID name=driver mode=guard"
soon 5 never on 2 && sleep 0.3 && never on 2
ok $? "nor where limits act: no lane is counted as limited"
like "$(ctl limit --list)" $'^VM .* NEVER ASK +LET GO\n.* 2 +0.00 s\nNEVER ASK: connections at backends that serve without asking' \
	"as people are told"
like "$(ctl status)" $'\nacctring-kernback \(level 1\) .* never asks: not limited\n' "which backends, says acctctl status"

# -- a new guest
vbd 3 5 40
thread 20 3.xvda-0 "$later" 3000000
thread 16 napi/vif2.0-8193 "$later" 1500000
soon 10 holds 3 vbd read "5 20480 3000000"
ok $? "a new guest is billed from its beginning ($(held 3 vbd read))"
soon 10 holds 2 vif tx "70003 5095000 4500000"
ok $? "so are the polls of an interface that became threaded ($(held 2 vif tx))"
# its domain is another's, before anything is noticed
mv "$devices/vbd-3-51712" "$tmp/away"
vbd 3 1 8
rm -r "$tmp/proc/20"
thread 20 3.xvda-0 "$((later + 1))" 500000
soon 10 grep -q 'vbd 3/51712: found' "$tmp/kernlog"
soon 10 holds 3 vbd read "6 24576 3500000"
ok $? "the next device of that name, and a thread of the same number ($(held 3 vbd read))"
is "$(grep -c 'vbd 3/51712: found' "$tmp/kernlog")" 2 "it is known to be another"

# -- nobody reads, for more periods than a ring would hold records of
stop_acctringd
i=0
while [ $i -lt 250 ]; do
	i=$((i + 1))
	vbd 2 $((1003 + i)) $((8024 + 8 * i))
	vbd 3 $((1 + i)) $((8 + 8 * i))
	thread 10 2.xvda-0 1 $((7004000000 + 10000 * i))
	sleep 0.02
done
start_acctringd
soon 20 holds 2 vbd read "253 $((12288 + 4096 * 250)) 6500000"
ok $? "what nobody read adds up ($(held 2 vbd read))"
rm -r "$devices/vif-2-0" "$tmp/proc/1"[126]
soon 10 grep -q 'vif 2/0: gone' "$tmp/kernlog"
ok $? "a device that goes"
soon 5 never on 1
ok $? "and is not told of any more"
vif 3 0 0 0 0
soon 10 threaded 3 1
ok $? "a new interface is made threaded"
kill -TERM "$(cat "$tmp/pid")"
wait $daemon
is $? 0 "SIGTERM ends it"
threaded 3 0
ok $? "its interfaces are not threaded any more"
like "$(tail -n 1 "$tmp/out")" "spilled=0 overflowed=0 pending=0" "nothing had to be spilled"
"$bin/acctctl" dump accounts --socket "$tmp/sock" >"$tmp/dump.tsv"
awk -f tests/conserved.awk "$tmp/dump.tsv" "$tmp/totals" "$tmp/out" >"$tmp/conserved"
ok $? "posted = ledger: $(tail -n 1 "$tmp/conserved")"
sed 's/^/# /' "$tmp/conserved"
stop_acctringd
ok $? "acctringd ends"
echo "1..$n"
