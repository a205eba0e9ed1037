#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What an operator says in dom0 is what becomes of limits in a driver domain: the modes
# of the collector, from acctctl to a backend that serves later, and what stays of them
# when the collector goes.
# timeout: 150
# alone
# not sanitised
. "$(dirname "$0")/lib/driver.sh"
. tests/lib/toolstack.sh
export ACCTRING_RUNDIR=$tmp/run
line=/local/domain/1/acctring/backend/1
trap '[ -z "$collector" ] || kill "$collector" 2>/dev/null; rm -rf "$tmp"' EXIT

"$xsb" create 1 --name driver --uuid $DRIVER_UUID && "$xsb" create 2 --name one --uuid $VM2_UUID
truncate -s 4M "$tmp/a.img"
ts_vbd 2 1 51712 "$tmp/a.img" w
echo "drivers = ( { domain = \"driver\"; accountant = \"driver\"; } ); entitlements = \"$tmp/kept\";" >"$tmp/collector.conf"
collect() {
	rm -f "$tmp/run/collector.sock" # of one that was killed
	"$bin/acctring-collector" -c "$tmp/collector.conf" 2>>"$tmp/log" &
	collector=$!
	soon 10 test -S "$tmp/run/collector.sock"
}
end_collector() {
	kill "-${1-TERM}" "$collector"
	wait "$collector" 2>/dev/null
	collector=
}
ctl() { in_dom 1 -- "$bin/acctctl" "$@" --socket "$tmp/sock"; }
mode() { "$bin/acctctl" "$@" 2>&1; }
told() { [[ $(xenstore-read $line) =~ $1 ]]; }
guard() { [[ $(ctl limit --list | tail -n 1) == "guard $1, share off" ]]; }
reload() { # CONFIGURATION of acctringd
	echo "$1" >"$tmp/conf"
	kill -HUP "$holder"
}
# where the backend is limited to 2 % of a CPU, and where it has what there is; looked at
# again where the machine has other work
most=8
[ -z "${SANITIZE-}" ] || most=12 # a request costs many times as much, and one is the least
limited() { for _ in 1 2 3 4 5 6 7 8; do burns && [ "$burned" -le $most ] && return; done; }
free() { for _ in 1 2 3 4 5 6 7 8; do burns && [ "$burned" -ge $((3 * most / 2)) ] && return; done; }

collect
tap $? "a collector"
soon 10 xenstore-exists $line/2
told '^v=1 uuid=[-0-9]* name=driver serial=[0-9]*$'
tap $? "which observes says nothing of it"
start_acctringd
background 1 back "$bin/acctring-blkback"
back=$pid back_exec=$last
is_in() { [ "$1" = "$2" ] || { echo "# $1"; false; }; }
is_in "$(ctl limit one 2%)" \
	'one 2 %; nothing is limited while dom0 says observe: acctctl guard there, or guard = "on" here'
tap $? "a limit, and why it changes nothing yet"
guard "observe (auto: dom0 says observe)"
tap $? "as the list says"
background 2 load "$bin/acctring-blkfront" --rw randread --depth 16
load=$pid load_exec=$last
ts_wait /local/domain/1/backend/abd/2/51712 4
sleep 0.5
free
tap $? "it is free: $burned % of a CPU"

# -- acctctl --
is_in "$(mode guard)" "mode guard, was observe"
tap $? "acctctl guard: what is so now"
told ' serial=[0-9]* mode=guard$'
tap $? "the accountant is told when it returns"
soon 5 guard "on (auto: dom0 says guard)" && sleep 1 && limited
tap $? "and limits act: $burned %"
ctl limit --list --json | perl -MJSON::PP -e 'my $d = decode_json(<STDIN>);
	exit !($d->{guard} eq "on" && $d->{guard_set} eq "auto" && $d->{drivers}[0]{mode} eq "guard" &&
		$d->{drivers}[0]{name} eq "driver" && $d->{limits}[0]{lanes} == 1 && $d->{limits}[0]{never_asks} == 0)'
tap $? "in JSON, too"
is_in "$(mode guard)" "mode guard, as before"
tap $? "the same once more"
is_in "$(mode debt)" "mode debt, was guard"
tap $? "acctctl debt"
told ' mode=debt$' && soon 5 guard "on (auto: dom0 says debt)" && limited
tap $? "limits act on: $burned %"
is_in "$(mode off)" "mode observe, was debt"
tap $? "acctctl off"
told ' serial=[0-9]*$' && soon 5 guard "observe (auto: dom0 says observe)" && free
tap $? "nothing is limited: $burned %"

# -- what stays --
mode guard >/dev/null
soon 5 guard "on (auto: dom0 says guard)"
changes() { grep -c "dom0 says [a-z]*: limits" "$tmp/log"; }
were=$(changes)
end_collector
told ' mode=guard$' && sleep 1 && limited
tap $? "the collector ends: limits act on, $burned %"
collect
end_collector KILL
told ' mode=guard$'
tap $? "as when it is killed"
collect
xenstore-exists /tool/acctring/mode && told ' mode=guard$' && [ "$(changes)" = "$were" ]
tap $? "the next one begins with that, and was never without it"
end_collector
xenstore-write $line/9 "v=1 uuid=$VM3_UUID serial=9 state=on mode=guard"
is_in "$(mode off)" "mode observe, was guard; no collector runs"
tap $? "acctctl off where none runs"
told ' serial=[0-9]*$' && soon 5 guard "observe (auto: dom0 says observe)" && free
tap $? "releases it: $burned %"
[[ $(xenstore-read /tool/acctring/mode) == "v=1 mode=observe configured=observe t="* ]] &&
	[[ $(xenstore-read $line/9) == *mode=guard ]]
tap $? "for the next collector, too, and touches nothing else"
xenstore-rm $line/9
out=$(mode off)
is_in "$? $out" "4 acctctl: $tmp/run/collector.sock: No such file or directory, allowed: in dom0, while acctring-collector runs"
tap $? "where nothing is left to release, nobody answers"
out=$(mode guard)
[ $? = 4 ]
tap $? "nor can anything be begun"

# -- the accountant's own word; older and newer collectors --
write() { xenstore-write $line "v=1 uuid=$DRIVER_UUID name=driver serial=1$1"; }
write " mode=guard later=7"
soon 5 guard "on (auto: dom0 says guard)"
tap $? "words that are not known are no matter"
reload 'guard = "observe";'
soon 5 guard observe && free
tap $? "guard = observe wins over dom0: $burned %"
write ""
reload 'guard = "on";'
soon 5 guard on && sleep 1 && limited
tap $? "as does on: $burned %"
reload ''
soon 5 guard "observe (auto: dom0 says observe)"
tap $? "auto is the default"
wrong() { grep -c "backend/1: mode \"$1\" is not known here, taken as observe, allowed: observe, guard, debt" "$tmp/log"; }
write " mode=guard"
soon 5 guard "on (auto: dom0 says guard)"
write " mode=later"
soon 5 guard "observe (auto: dom0 says observe)"
tap $? "a mode that is not known counts as observe"
write " mode=later serial=2"
sleep 0.5
[ "$(wrong later)" = 1 ]
tap $? "which is told once"
write " mode=observe"
soon 5 guard "observe (auto: dom0 says observe)"
sleep 0.3
write " mode=$(printf 'x%.0s' {1..100})"
soon 5 eval '[ "$(wrong "too long")" = 1 ]'
tap $? "and once more when it was right meanwhile"
echo 'guard = "perhaps";' >"$tmp/conf"
"$bin/acctringd" -n -c "$tmp/conf" 2>"$tmp/err"
[ $? = 3 ] && grep -q 'guard: .*allowed: "auto", "on", "observe"' "$tmp/err"
tap $? "a guard that is not one"

kill -TERM "$load"
wait "$load_exec"
kill -TERM "$back"
wait "$back_exec"
stop_acctringd
tap $? "all end"
tap_end
