#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Debt in a sandbox, under its scheduler: a capped VM whose driver domain burns a
# known share for it gets the rest of its cap, and gets its cap back however debt
# ends; what an operator and the toolstack do meanwhile is theirs.
# timeout: 180
# alone
. "$(dirname "$0")/lib/debt.sh"

# 1 driver domain, 2 its accountant, 3 the VM that pays, 4 one that nobody serves
for d in 1:net 2:acct 3:web 4:idle; do "$xsb" create "${d%:*}" --name "${d#*:}"; done
web=$(uuid_of 3)
cat >"$tmp/conf" <<-CONF
	drivers = ( { domain = "net"; accountant = "acct"; } );
	bill_period_ms = 1000;
	mode = "observe";
	entitlements = "$tmp/kept";
	floor = 1;
CONF
device 3 1
start_collector -v
soon 20 test -S "$tmp/run/collector.sock"
ok $? "the collector can be asked"
is "$(stat -c %a "$tmp/run/collector.sock")" 600 "by its user only"
"$prog" set 1 256 4 >/dev/null
"$prog" set 3 256 10 >/dev/null
"$prog" set 4 300 40 >/dev/null

# net burns 4 % of a CPU for web, which would burn 100 % itself: shares that these get on a
# busy machine, too
net_works_for "$web"
background 3 guest "$prog" spin 1000000 1

# -- observe: nothing is written, and what would be is told --
soon 20 eval '[[ $(xenstore-read /tool/acctring/debt/'"$web"') == *"knob=cap found=10 entitled=10 is=10 law="* ]]'
ok $? "observe: the law is told"
soon 20 logged "domain 3: in mode debt it would get cap"
ok $? "and logged"
cap_is 3 10
ok $? "and not obeyed"
[ ! -e "$tmp/kept" ]
ok $? "nothing is kept where nothing was taken"
like "$(xenstore-read /tool/acctring/mode)" "^v=1 mode=observe configured=observe " "the mode is in the store"

# -- debt --
is "$("$ctl" debt) $?" "mode debt, was observe 0" "acctctl debt"
soon 20 lower 3 10
ok $? "the cap goes down"
sleep 5
share() {	# share SECONDS: per mille of a CPU that web used itself, and net for it
	local t0 o0 d0 i0 t

	t0=$(now) o0=$(cpu 3) d0=$(cpu 1) i0=$(idle)
	sleep "$1"
	t=$(($(now) - t0))
	own=$((($(cpu 3) - o0) * 1000 / t)) spent=$((($(cpu 1) - d0) * 1000 / t))
	free=$((($(idle) - i0) * 10000000000 / t))
}
share 10
sum=$((own + spent)) least=85
if [ $free -lt 300 ]; then	# per mille of one CPU: others take what these domains want
	echo "# machine busy (idle $free per mille of a CPU): only the upper bound is judged"
	least=0
fi
[ "$sum" -ge $least ] && [ "$sum" -le 112 ]
ok $? "own + charged is what it is entitled to: $own + $spent = $sum of 100 per mille"
[ "$spent" -ge 20 ] && [ "$own" -lt 85 ]
ok $? "and both are there"
is "$(cap 4) $(weight 4)" "40 300" "a VM that nobody serves keeps all"
is "$(weight 3)" 256 "and the weight of a capped VM is not touched"
like "$(cat "$tmp/kept/$web")" " cap_found=10 .* cap_ours=" "what was found is on disk"
soon 20 xenstore-exists "/tool/acctring/entitlement/$web"
ok $? "and in the store"
like "$(xenstore-read /local/domain/3/acctring/bill)" " debt_ns=[0-9]+" "the bill tells of debt"
is "$(state_of 3)" on "acctctl entitle lists it"
like "$("$ctl" ledger --from store 2>/dev/null | head -n 2 | tail -n 1)" "BYTES/S +DEBT" "acctctl ledger has debts"

# -- an operator's word, and a right --
# stopped while the cap is lower: now and then it is the whole, or the operator's number
caught() { kill -STOP "$collector" && lower 3 9 || ! kill -CONT "$collector"; }
soon 20 caught
"$prog" set 3 0 9 >/dev/null
kill -CONT "$collector"
soon 20 logged "domain 3: cap 9 is not of ours"
ok $? "an operator's cap is seen"
soon 20 lower 3 9
ok $? "and counts from then on"
is "$("$ctl" entitle web 7%)" "web is entitled to: cap 7 % (as said), weight 256 (as found)" "what is so is the answer"
soon 20 eval '[ $(entitled_of 3) = 7 ]' && soon 20 lower 3 7
ok $? "acctctl entitle wins"
is "$("$ctl" entitle web --clear)" "web is entitled to: cap 9 % (as found), weight 256 (as found)" "as well here"
soon 20 eval '[ $(entitled_of 3) = 9 ]'
ok $? "until it is cleared"
"$ctl" entitle nobody 20% 2>"$tmp/err"
is "$?: $(cat "$tmp/err")" "1: acctctl: nobody: no such VM, allowed: a name, a domid, a UUID" "no such VM"

# -- hold --
"$ctl" hold web -- sh -c "'$prog' get 3 >'$tmp/held'; sleep 1; '$prog' get 3 >>'$tmp/held'; exit 7"
is $? 7 "acctctl hold returns what its command does"
is "$(tr '\n' ' ' <"$tmp/held")" "256 9 256 9 " "and the VM has all meanwhile"
soon 20 lower 3 9
ok $? "then it goes on"

# -- the ends of it --
out=$("$ctl" off)
is "$? $(cap 3) $out" "0 9 mode observe, was debt" "acctctl off: all is given back when it returns"
"$ctl" debt >/dev/null
soon 20 lower 3 9
kill -KILL "$collector"
wait "$collector" 2>/dev/null
promised 2 cap_is 3 9
ok $? "kill -9 of the collector: the watchdog gives it back ($took ms)"
start_collector -v
soon 20 eval '[[ $(xenstore-read /tool/acctring/mode) == *mode=debt* ]]'
soon 20 lower 3 9
ok $? "the next collector goes on in the mode that was said"
# a watchdog that is slow, and a collector that begins meanwhile
found=$(sed -n 's/.* cap_found=\([0-9]*\) .*/\1/p' "$tmp/kept/$web")
dog=$(pgrep -P "$collector" -f -- --watchdog)
began() { grep -c "serving 1 driver domains" "$tmp/log"; }
was=$(began)
kill -STOP "$dog"
kill -KILL "$collector"
wait "$collector" 2>/dev/null
start_collector -v
sleep 1
is "$(began)" "$was" "no collector begins before the watchdog has given back"
kill -CONT "$dog"
soon 20 eval '[ $(began) -gt $was ]' && soon 20 lower 3 9
ok $? "then it goes on"
is "$found $(sed -n 's/.* cap_found=\([0-9]*\) .*/\1/p' "$tmp/kept/$web")" "9 9" "and what was found is what was found"
"$bin/acctring-collector" -c "$tmp/conf" --restore 2>"$tmp/err"
is "$?" 0 "--restore, where a collector runs"
like "$(cat "$tmp/err")" "another collector runs \\(pid $collector\\).*: it gives back" "which it says"
lower 3 9
ok $? "and leaves to that"
dog=$(pgrep -P "$collector" -f -- --watchdog)
kill -KILL "$dog"
soon 20 logged "the watchdog ended: another"
ok $? "a watchdog that is killed is replaced"
dog=$(pgrep -P "$collector" -f -- --watchdog)
soon 20 caught
kill -KILL "$dog" "$collector"
wait "$collector" 2>/dev/null
lower 3 9
ok $? "both killed: the cap is as it was"
echo nonsense >"$tmp/broken"
"$bin/acctring-collector" -c "$tmp/broken" --restore 2>"$tmp/err"
is "$? $(cap 3)" "0 9" "--restore, with a configuration that is broken"
like "$(cat "$tmp/err")" "broken:2: .*giving back what is kept in $tmp/kept" "and it says where it looks"
# a directory that becomes usable later: what it says counts, not what is there
chmod 777 "$tmp/kept"
start_collector -v
soon 20 logged "cannot use: Operation not permitted, allowed: a directory of our own"
ok $? "a directory that others can write: no debt"
sleep 0.5
chmod 700 "$tmp/kept"
"$ctl" debt >/dev/null
is "$? $(sed -n 's/.* cap_found=\([0-9]*\) .*/\1/p' "$tmp/kept/$web")" "0 9" "later it is usable: debt"
soon 20 eval '[ $(entitled_of 3) = 9 ]'
ok $? "and the VM has a right to what was found at first"
dog=$(pgrep -P "$collector" -f -- --watchdog)
soon 20 caught
kill -KILL "$dog" "$collector"
wait "$collector" 2>/dev/null
"$ctl" restore "$tmp/kept"
is "$? $(cap 3)" "0 9" "acctctl restore, where no collector runs"
"$ctl" restore "$tmp/nowhere" 2>"$tmp/err"
is "$?: $(cat "$tmp/err")" "4: acctctl: $tmp/nowhere: No such file or directory, allowed: as \`entitlements\` of collector.conf" \
	"but not from a directory that is not there"
start_collector -v
soon 20 lower 3 9
stop_collector
is "$status $(cap 3)" "0 9" "SIGTERM: given back"
start_collector -v
soon 20 lower 3 9

# -- an accountant that is killed --
stop_stating
stop_accountant
promised 2 cap_is 3 9
ok $? "the accountant is killed: given back ($took ms)"
sleep 1
is "$(cap 3) $(state_of 3)" "9 blind" "and stays so"

# -- born again with a value of ours --
"$prog" set 3 0 2 >/dev/null
ours=$(sed -n 's/.* cap_ours=\([0-9]*\).*/\1/p' "$tmp/kept/$web")
"$ctl" off >/dev/null
"$prog" set 3 0 9 >/dev/null
sleep 1.5
"$xsb" destroy 3
# a toolstack does this while the domain is still paused
kill -STOP "$collector"
"$xsb" create 6 --name web --uuid "$web"
"$prog" set 6 0 "$ours" >/dev/null
kill -CONT "$collector"
soon 20 cap_is 6 9
ok $? "rebooted with cap $ours, which we wrote once: it gets its own back"
# -- its end while somebody holds a VM --
"$ctl" hold web -- sleep 30 >/dev/null 2>&1 &
holder=$!
soon 10 eval '[ "$(state_of 6)" = held ]'
ok $? "web is held"
stop_collector
is "$status" 0 "the collector ends"
kill $holder
echo "1..$n"
