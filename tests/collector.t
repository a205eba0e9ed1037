#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The collector in dom0 of a sandbox: what it publishes and for whom, whom
# it believes, and that restarts in any order change no bill.
# timeout: 180
. "$(dirname "$0")/lib/collector.sh"

rd() { xenstore-read "$1" 2>/dev/null; }
has() { [[ $(rd "$1") == *"$2"* ]]; }	# has PATH TEXT
times() { grep -c -- "$1" "$tmp/log"; }

# 1 driver, whose accountant is in 2; 3 and 4 guests of it; 5 another guest
"$xsb" create 1 --name net
"$xsb" create 2 --name acct
"$xsb" create 3 --name three
"$xsb" create 4 --name $'fo ur\e[2J=1'
"$xsb" create 5 --name five
three=$(uuid_of 3) four=$(uuid_of 4) five=$(uuid_of 5)
b=/local/domain/2/acctring/backend

cat >"$tmp/conf" <<-CONF
	drivers = ( { domain = "net"; accountant = "acct"; } );
	bill_period_ms = 1000;
CONF
start_collector
device 3 1
device 4 1
soon 6 has $b/1/4 state=on

# -- who serves whom --
is "$(rd /local/domain/1/acctring/accountant)" 2 "accountant names domain 2"
is "$(perms /local/domain/1/acctring/accountant)" n0,r1 "only domain 1 may read it"
is "$(in_dom 1 -- xenstore-read acctring/accountant)" 2 "domain 1 reads it"
like "$(rd $b/1)" "^v=1 uuid=$(uuid_of 1) name=net" "the driver domain is named to its accountant"
is "$(perms $b/1)" n0,r2 "only domain 2 may read that"
is "$(rd $b/1/3)" "v=1 uuid=$three serial=1 state=on name=three" "domain 3 is served"
is "$(perms $b/1/3)" n0,r2 "only domain 2 may read that"
like "$(rd $b/1/4)" "^v=1 uuid=$four serial=2 state=on" "domain 4 is served"
is "$(rd $b/1/5)" "" "domain 5 is not"
in_dom 1 -- xenstore-write acctring/accountant 3 2>/dev/null
is "$(rd /local/domain/1/acctring/accountant)" 2 "domain 1 cannot write its accountant"
in_dom 2 -- xenstore-write acctring/backend/1/5 "v=1 uuid=$five serial=9 state=on" 2>/dev/null
is "$(rd $b/1/5)" "" "domain 2 cannot say whom domain 1 serves"

# -- measured --
soon 6 has $b/1/measured v=1
like "$(rd $b/1/measured)" '^v=1 t_ns=[0-9]+ cpu_ns=[0-9]+$' "CPU of domain 1 is measured"
is "$(perms $b/1/measured)" n0,r2 "only domain 2 may read that"
before=$(rd $b/1/measured)
sleep 1.3
[ "$(rd $b/1/measured)" != "$before" ]
ok $? "and measured again each second"

# -- bills --
soon 6 has /local/domain/3/acctring/bill charged_ns=0
like "$(rd /local/domain/3/acctring/bill)" \
	"^v=1 uuid=$three t=[0-9]+ charged_ns=0 posted_ns=0 units=0 bytes=0 vbd_ns=0 vif_ns=0 other_ns=0 debt_ns=0\$" \
	"a first bill of nothing"
is "$(rd /local/domain/5/acctring/bill)" "" "no bill for a VM that nobody serves"
is "$(perms /local/domain/3/acctring/bill)" n0,r3 "only domain 3 may read its bill"

start_accountant 2 00000000000000aa
ok $? "an accountant publishes a statement"
say row 1 3 "$three" 5000
say row 1 4 "$four" 7000
say row 1 5 "$five" 9000
say row 9 3 "$three" 100000
say turn
soon 6 has /local/domain/4/acctring/bill charged_ns=7000
like "$(in_dom 3 -- xenstore-read acctring/bill)" "uuid=$three .* charged_ns=5000 posted_ns=5000 units=5 bytes=20000 vbd_ns=5000" \
	"domain 3 reads its bill; what was said for another driver domain is not in it"
is "$(rd /local/domain/5/acctring/bill)" "" "a VM that dom0 gave no device is not billed"

# -- what people in dom0 are told --
root=/tool/acctring/domain
is "$(rd $root/1)" "" "nothing is told of a driver domain before its accountant tells"
all() {	# all NS_OF_DOMAIN NS_OF_THREE: the next turn
	say domain 1 "$(uuid_of 1)" "$1"
	say domain 9 "$(uuid_of 2)" 77
	say row 1 3 "$three" "$2"
	say row 1 4 "$four" 7000
	say row 1 5 "$five" 9000
	say row 9 3 "$three" 100000
	say turn
}
all 40000 5000
soon 6 has $root/1 measured_ns=40000
like "$(rd $root/1)" \
	"^v=1 t=[0-9]+ uuid=$(uuid_of 1) name=net accountant=2 links=1 measured_ns=40000 charged_ns=20000 own_ns=10000 unattributed_ns=10000 refused_units=0 epochs_lost=0 t_ns=[0-9]+ period_ms=1000 ledger=0000000000000001\$" \
	"then what it tells"
t=$(rd $root/1)
t=${t#*t=}
t=$(($(date +%s) - ${t%% *}))
[ "$t" -ge 0 ] && [ "$t" -le 10 ]
ok $? "with the time"
is "$(rd "$root/1/$three")" \
	"v=1 domid=3 name=three charged_ns=5000 posted_ns=5000 units=5 bytes=20000 vbd_ns=5000 vif_ns=0 other_ns=0 shared_ns=0" \
	"and of a VM there"
like "$(rd "$root/1/$four")" " name=fo_ur_\[2J=1 charged_ns=7000 " "and of another, whose name is made one word"
is "$(xenstore-list $root | tr '\n' ' ')$(xenstore-list $root/1 | sort | tr '\n' ' ')" \
	"1 $(printf '%s\n' "$three" "$four" | sort | tr '\n' ' ')" \
	"of nobody that dom0 did not name"
is "$(perms $root) $(perms $root/1) $(perms "$root/1/$three")" "n0 n0 n0" "it is dom0's alone"
for d in 1 2 3; do
	in_dom $d -- xenstore-read $root/1 "$root/1/$three" 2>/dev/null && echo "# domain $d reads it"
	in_dom $d -- xenstore-list $root 2>/dev/null && echo "# domain $d lists it"
done | grep .
is $? 1 "no other domain reads or lists it"
is "$(env -u ACCTRING_SOCKET "$BUILD/bin/acctctl" dump --from store | cut -f 1-5 | tail -n +2 | sort)" \
	"$(printf '%s\t%s\t%s\t1\t%s\n' "$three" 3 three 5000 "$four" 4 fo_ur_[2J=1 7000 | sort)" "acctctl shows it"
before=$(rd $root/1)
sleep 1.3
is "$(rd $root/1)" "$before" "nothing is written when the accountant says nothing new"
all 40000 5000
soon 6 eval '[ "$(rd $root/1)" != "$before" ]'
like "$(rd $root/1)" "measured_ns=40000 " "the same again, later: only the time is new"
! in_dom 4 -- xenstore-read /local/domain/3/acctring/bill 2>/dev/null
ok $? "domain 4 cannot read domain 3's bill"
like "$(in_dom 4 -- xenstore-ls /local/domain/3/acctring/bill 2>&1)" "Permission denied" \
	"but gets EACCES"
! in_dom 3 -- xenstore-write acctring/bill "v=1 charged_ns=0" 2>/dev/null
ok $? "domain 3 cannot write its bill"
like "$(rd /local/domain/3/acctring/bill)" " charged_ns=5000 " "which is as it was"

# -- rows that do not hold, and more than there was to charge for --
say bad 1 4 "$four" 8000
say row 1 3 "$three" 5001
say turn
soon 6 has /local/domain/3/acctring/bill charged_ns=5001
ok $? "a row that does not hold is no reason to drop the others"
like "$(rd /local/domain/4/acctring/bill)" " charged_ns=7000 " "but is left out itself"
say bad 1 4 "$four" 8000
say row 1 3 "$three" 5002
say turn
soon 6 has /local/domain/3/acctring/bill charged_ns=5002
is "$(times "statement 00000000000000aa: a row about domain 1 and VM $four is left out: charged_ns is not the sum of its kinds (1 such rows)")" \
	1 "it is named once"
say row 1 3 "$three" 6000000000000
say row 1 4 "$four" 7001
say turn
soon 6 logged "domain 2: not believed about domain 1: with what it says 6000000007001 ns would be charged"
ok $? "more than the driver domain burned is not believed"
sleep 1.2
like "$(rd /local/domain/3/acctring/bill)" " charged_ns=5002 " "the bill stands as it was last believed"
like "$(rd /local/domain/4/acctring/bill)" " charged_ns=7000 " "as well of the other VM there"
is "$(times "not believed about domain 1")" 1 "which is told once"
stop_collector
start_collector -v
soon 6 logged "reading statement 00000000000000aa"
sleep 1.2
is "$(rd /local/domain/3/acctring/bill | sed 's/.* charged_ns=\([0-9]*\).*/\1/')" 5002 \
	"a restart of the collector makes it no truer"
! logged "read for the first time"
ok $? "nor old"
like "$(rd /tool/acctring/served/1)" "^v=1 uuid=$(uuid_of 1) cpu_ns=[0-9]+ ended_ns=0 spent_ns=0\$" "it knows what may be charged"
say row 1 3 "$three" 5003
say row 1 4 "$four" 7000
say turn
soon 6 has /local/domain/3/acctring/bill charged_ns=5003
ok $? "what fits is believed again"

# -- one collector at a time --
err=$(ACCTRING_RUNDIR=$tmp/run timeout 10 "$BUILD/bin/acctring-collector" -c "$tmp/conf" 2>&1)
is "$? $err" "4 acctring-collector: $tmp/run/collector.lock: another collector runs (pid $collector), allowed: one at a time" \
	"a second collector ends with 4"
touch "$tmp/file"
err=$(ACCTRING_RUNDIR=$tmp/file timeout 10 "$BUILD/bin/acctring-collector" -c "$tmp/conf" 2>&1)
is "$?" 4 "as does one that has no place for its lock"
like "$err" "^acctring-collector: $tmp/file: cannot use: Not a directory, allowed: .*ACCTRING_RUNDIR" "and says so"
mkdir -m 777 "$tmp/open"
err=$(ACCTRING_RUNDIR=$tmp/open timeout 10 "$BUILD/bin/acctring-collector" -c "$tmp/conf" 2>&1)
like "$? $err" "^4 .*/open: cannot use: Operation not permitted" "or one where anybody could take it"
xenstore-exists /local/domain/1/acctring/accountant
ok $? "neither touched anything"

# -- a guest's tree of lies --
in_dom 4 -- xenstore-write data/acctring/accountant 4 \
	data/acctring/backend/1/4 "v=1 uuid=$three serial=7 state=on" \
	data/acctring/bill "v=1 charged_ns=0" \
	data/acctring/statement/version 1.0 data/acctring/statement/epoch 00000000000000bb \
	data/acctring/statement/ring-ref 8 data/acctring/statement/state 4 \
	data/libxl/4/device/vbd/1/backend /local/domain/1/backend/abd/3/1
sleep 2.2
like "$(rd /local/domain/3/acctring/bill)" " charged_ns=5003 " "a fake tree changes no bill of others"
like "$(rd /local/domain/4/acctring/bill)" " charged_ns=7000 " "and not its own"
like "$(rd $b/1/4)" "^v=1 uuid=$four serial=2 state=on" "nor who it is"
xenstore-write /libxl/4/device/vbd/7/backend /local/domain/2/backend/abd/3/7
sleep 0.5
is "$(rd $b/2/3)$(rd $b/2/4)" "" "a backend path of another guest is not believed"
xenstore-rm /libxl/4/device/vbd/7

# -- the collector restarts --
stop_collector
is "$status" 0 "SIGTERM ends the collector with 0"
bill3=$(rd /local/domain/3/acctring/bill)
start_collector -v
soon 6 eval '[ "$(times "domain 2: reading statement 00000000000000aa")" = 3 ]'
say row 1 3 "$three" 6000
say row 1 4 "$four" 7000
say turn
soon 6 has /local/domain/3/acctring/bill charged_ns=6000
ok $? "a new collector goes on with the bills"
[ "${bill3##* t=}" != "" ] && ! logged "goes back"
ok $? "none went back"
like "$(rd $b/1/4)" "^v=1 uuid=$four serial=2 state=on" "serials stay"

# -- a domid changes hands --
xenstore-rm /libxl/4/device
soon 6 has $b/1/4 state=gone
like "$(rd $b/1/4)" "^v=1 uuid=$four serial=2 state=gone" "without a device domain 4 is gone"
"$xsb" destroy 4
soon 6 "$xsb" create 4 --name other
other=$(uuid_of 4)
device 4 1
soon 6 has $b/1/4 "$other"
like "$(rd $b/1/4)" "^v=1 uuid=$other serial=3 state=on" "the next owner of the domid has another serial"
soon 6 has /local/domain/4/acctring/bill "$other"
like "$(rd /local/domain/4/acctring/bill)" "uuid=$other .* charged_ns=0 " "and owes nothing"
like "$(rd "$root/1/$four")" "^v=1 domid=4 name=fo_ur_\[2J=1 charged_ns=7000 " "a VM that ended keeps its line and name"
stop_collector
"$xsb" destroy 4
soon 6 "$xsb" create 4 --name third
device 4 1
start_collector -v
soon 6 has $b/1/4 "$(uuid_of 4)"
like "$(rd $b/1/4)" "serial=4 state=on" "as well when it happens while the collector is away"

# -- the accountant dies and comes back --
stop_accountant
soon 6 logged "statement 00000000000000aa unmapped"
ok $? "a dead accountant's pages are given back"
like "$(rd /local/domain/3/acctring/bill)" " charged_ns=6000 " "the bill stands"
start_accountant 2 00000000000000cc
say row 1 3 "$three" 6500
say turn
soon 6 has /local/domain/3/acctring/bill charged_ns=6500
ok $? "its successor's statement is read"
say row 1 3 "$three" 6400
say turn
soon 6 logged "domain 3: its bill goes back from 6500 to 6400"
ok $? "a bill that goes back is reported"
say domain 1 "$(uuid_of 1)" 50000
say turn
soon 6 has $root/1 measured_ns=50000
xenstore-write $root/1/junk x $root/77 x "$root/77/$three" x
soon 6 eval '! xenstore-exists $root/1/junk'
ok $? "what does not belong there is removed"
say domain 1 "$three" 60000
say domain 2 "$(uuid_of 2)" 60000
say turn
sleep 1.2
like "$(rd $root/1)" " measured_ns=50000 " "a row with another domain's UUID is not believed"
is "$(rd $root/2)" "" "nor one about a domain that is not configured"
stop_accountant
"$xsb" fault store-eagain 0 3 >/dev/null
sleep 1.2
like "$(rd $root/1)" " measured_ns=50000 " "without the accountant, what it said last"
stop_collector
start_collector -v
soon 6 has $b/1/3 state=on
soon 6 eval '! xenstore-exists $root/77'
ok $? "a new collector removes what is of nobody"
like "$(rd $root/1)" " measured_ns=50000 " "and leaves what there is"

# -- statements that are refused, and the collector lives on --
refused() {	# refused EPOCH TEXT NAME [NODE=VALUE]...
	local epoch=$1 text=$2 name=$3
	shift 3
	start_accountant 2 "$epoch" "$@"
	soon 6 logged "$text"
	ok $? "$name"
	stop_accountant
}
refused 00000000000000d1 'statement/epoch: "XYZ" is refused, allowed: 16 lower-case hex' \
	"a bad epoch is refused" epoch=XYZ
refused 00000000000000d2 'statement/version: "2.0" is refused, allowed: 1.<minor>' \
	"another major version is refused" version=2.0
refused 00000000000000d3 '00000000000000ff refused: the page is not the one' \
	"the page of another epoch is refused" epoch=00000000000000ff
refused 00000000000000d4 '00000000000000d4 refused: its first page cannot be mapped' \
	"a reference to nothing is refused" ring-ref=4000000000
start_accountant 2 00000000000000d5
soon 6 logged "reading statement 00000000000000d5"
say raw 40 4294967295
say turn
say raw 40 281470681743360
soon 6 logged "00000000000000d5 refused: more rows than its pages hold"
ok $? "more rows than pages are refused"
stop_accountant

# -- faults of the store --
"$xsb" fault store-eagain 0 20 >/dev/null
device 5 1
soon 6 has $b/1/5 "$five"
ok $? "errors of the store are survived"

# -- reload --
cp "$tmp/conf" "$tmp/good"
echo 'drivers = ( { domain = "net"; accountant = "acct"; dom = 1; } );' >"$tmp/conf"
kill -HUP "$collector"
soon 6 logged "conf:1: dom: unknown setting, allowed: domain, accountant, trust (the old configuration stays)"
ok $? "a bad file at SIGHUP is told"
is "$(rd /local/domain/1/acctring/accountant)" 2 "and changes nothing"
sed 's/"acct"/"net"/' "$tmp/good" >"$tmp/conf"
kill -HUP "$collector"
soon 6 has /local/domain/1/acctring/backend/1/3 "$three"
like "$(rd /local/domain/1/acctring/backend/1/3)" "uuid=$three serial=1 state=on" \
	"another accountant is told the same"
is "$(rd /local/domain/1/acctring/accountant)" 1 "and named"
is "$(rd $b/1)$(rd $b/1/3)" "" "the old one is told nothing any more"
like "$(rd /local/domain/3/acctring/bill)" " charged_ns=6400 " "what the old one said stays on the bill"
stop_collector
start_collector -v
soon 6 has /local/domain/1/acctring/backend/1/3 "$three"
sleep 1.2
like "$(rd /local/domain/3/acctring/bill)" " charged_ns=6400 " "as well after a restart"
start_accountant 1 00000000000000f1
say row 1 3 "$three" 50
say turn
soon 6 has /local/domain/3/acctring/bill charged_ns=6450
ok $? "what the new one says is added to it"
stop_accountant
! logged "from 6400 to"
ok $? "no bill went back for that"
like "$(rd /local/domain/1/acctring/backend/1/measured)" '^v=1 t_ns=[0-9]+ cpu_ns=[0-9]+$' \
	"what is measured is told a domain of itself, too"
is "$(perms /local/domain/1/acctring/backend/1/measured)" n0,r1 "and only to it"

# -- the driver domain ends; what it did for domain 3 is owed still --
cp "$tmp/good" "$tmp/conf"
kill -HUP "$collector"
soon 6 has $b/1/3 "$three"
start_accountant 2 00000000000000e1
sed -i 's/"net"; acc/"other"; acc/' "$tmp/good"	# nobody accounts for domain 1 any more
cp "$tmp/good" "$tmp/conf"
stop_collector
"$xsb" create 6 --name other
start_collector -v
say row 1 3 "$three" 7000
say row 6 3 "$three" 4000000000010
say turn
device 3 6 51713
soon 6 has /local/domain/3/acctring/bill charged_ns=7050
ok $? "a new collector bills what a former driver domain did"
soon 6 logged "domain 2: its ledger, read for the first time, charges 4000000000010 ns for domain 6, more than .*: not billed"
ok $? "and not what a ledger has of which nobody knows whether it was burned"
say row 1 3 "$three" 7001
say row 6 3 "$three" 4060000000010
say turn
soon 6 logged "domain 2: not believed about domain 6"
ok $? "what comes on top must have been burned, too"
soon 6 has /local/domain/3/acctring/bill charged_ns=7051
ok $? "a driver domain that lies spoils no bill of another's"
is "$(perms /tool/acctring/served/1/"$(uuid_of 2)"/"$three")" n0 "what it knows from is dom0's alone"
is "$(rd $root/1)" "" "nothing is told of a driver domain that is not configured"
say domain 6 "$(uuid_of 6)" 5
say turn
soon 6 has $root/6 name=other
ok $? "but of the new one"
stop_accountant
sed 's/"other"; acc/"net"; acc/' "$tmp/good" >"$tmp/conf"
kill -HUP "$collector"
soon 6 has $b/1/3 "$three"
ok $? "the configuration names it again"
soon 6 eval '! xenstore-exists $root/6'
ok $? "and nothing is told of the other any more"
start_accountant 2 00000000000000e2
say domain 1 "$(uuid_of 1)" 70000
say turn
soon 6 has $root/1 measured_ns=70000
stop_accountant
like "$(rd $b/1)" "serial=[0-9]+\$" "a driver domain that lives is not told to be gone"
in_dom 1 -- "$BUILD/tests/prog/sandbox_hold" share 2 words >"$tmp/share" &
soon 6 grep -q ref "$tmp/share"
mkfifo "$tmp/ctl"
in_dom 2 -- "$BUILD/tests/prog/sandbox_hold" map 1 "$(sed 's/ref //' "$tmp/share")" <"$tmp/ctl" >"$tmp/map" &
mapped=$!
exec 9>"$tmp/ctl"
soon 6 grep -q words "$tmp/map"
"$xsb" destroy 1
soon 6 has $b/1 " state=gone"
like "$("$xsb" list | grep "^1	")" dying "a driver domain that its accountant keeps is a zombie"
like "$(rd $b/1)" "^v=1 uuid=.* name=net serial=[0-9]+ state=gone\$" "but the accountant is told at once"
exec 9>&-
wait $mapped
soon 6 "$xsb" create 1 --name other-net
soon 6 logged "domain net is not there, waiting for it"
ok $? "a driver domain that ended is waited for"
soon 6 eval '! xenstore-exists /local/domain/1/acctring/accountant'
ok $? "its domid's next owner is no driver domain"
soon 6 eval '! xenstore-exists $root/1'
ok $? "and nothing is told of it"
stop_collector
is "$status" 0 "the collector ends with 0"
echo "1..$n"
