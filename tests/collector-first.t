#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a driver domain that accounts for itself says of its guests when it is
# heard for the first time: at the first meeting, after it was born again,
# with another ledger.  And the honest who are older than what dom0 knows.
# timeout: 60
. "$(dirname "$0")/lib/collector.sh"

charged() { xenstore-read "/local/domain/$1/acctring/bill" | sed 's/.* charged_ns=\([0-9]*\) .*/\1/'; }
bills() {	# bills NS_OF_3 NS_OF_4 NAME
	soon 6 eval "[ \"\$(charged 3) \$(charged 4)\" = '$1 $2' ]"
	is "$(charged 3) $(charged 4)" "$1 $2" "$3"
}

forged=$((1 << 59))
net_uuid=11111111-2222-3333-4444-555555555555
"$xsb" create 1 --name net --uuid $net_uuid
"$xsb" create 3 --name three
"$xsb" create 4 --name four
"$xsb" create 5 --name five
three=$(uuid_of 3) four=$(uuid_of 4) five=$(uuid_of 5)
cat >"$tmp/conf" <<-CONF
	drivers = ( { domain = "net"; accountant = "net"; } );
	bill_period_ms = 1000;
CONF
start_collector
device 3 1
device 4 1
soon 6 eval '[ "$(charged 4)" = 0 ]'
start_accountant 1 00000000000000a1

# -- the first meeting --
say row 1 3 "$three" $forged
say row 1 4 "$four" 5000
say turn
soon 6 logged "domain 1: its ledger, read for the first time, charges $((forged + 5000)) ns for domain 1, .*: not billed, what comes on top is"
ok $? "more than it burned, when first heard: told"
bills 0 0 "and on nobody's bill"
say row 1 3 "$three" $((forged + 700))
say row 1 4 "$four" 5600
say turn
bills 700 600 "what comes on top is billed"
stop_collector
start_collector
say row 1 3 "$three" $((forged + 800))
say row 1 4 "$four" 5700
say turn
bills 800 700 "as well by the next collector"
say row 1 3 "$three" $((forged + 6000000000000))
say row 1 4 "$four" 5700
say turn
soon 6 logged "domain 1: not believed about domain 1: with what it says 6000000000700 ns would be charged"
ok $? "what comes on top must have been burned"
bills 800 700 "else it is not billed"
say row 1 3 "$three" $((forged + 800))
say row 1 4 "$four" 0
say row 1 4 "$four" $forged
say turn
say row 1 3 "$three" $((forged + 900))
say row 1 4 "$four" 5700
say row 1 4 "$four" $forged
say turn
bills 900 700 "of two rows about a VM the second is nothing"
device 5 1
soon 6 xenstore-exists /local/domain/1/acctring/backend/1/5
say row 1 3 "$three" $((forged + 900))
say row 1 4 "$four" 5700
say row 1 5 "$five" 50
say turn
soon 6 eval '[ "$(charged 5)" = 50 ]'
is "$(charged 5)" 50 "a VM that comes later, and what its first row says was burned: billed"

# -- the guest reboots --
"$xsb" destroy 4
soon 6 "$xsb" create 7 --name four --uuid "$four"
device 7 1
say row 1 3 "$three" $((forged + 900))
say row 1 7 "$four" 5750
say row 1 5 "$five" 50
say turn
soon 6 eval '[ "$(charged 7)" = 750 ]'
is "$(charged 7)" 750 "a guest that reboots keeps its bill"

# -- the driver domain reboots, its ledger is on its disk --
stop_accountant
"$xsb" destroy 1
soon 6 "$xsb" create 6 --name net --uuid $net_uuid
device 3 6
device 7 6
soon 6 xenstore-exists /local/domain/6/acctring/backend/6/7
start_accountant 6 00000000000000a2
say row 1 3 "$three" $((forged + 900))
say row 1 7 "$four" 5750
say row 6 3 "$three" $forged
say turn
soon 6 logged "domain 6: its ledger, read for the first time, charges $forged ns for domain 6,"
ok $? "born again it has no more credit than before"
is "$(charged 3) $(charged 7)" "900 750" "what its old life was billed stays, and is not billed again"
say row 1 3 "$three" $((forged + 900))
say row 1 7 "$four" 5750
say row 6 3 "$three" $((forged + 20))
say row 6 7 "$four" 30
say turn
soon 6 eval '[ "$(charged 3) $(charged 7)" = "920 780" ]'
is "$(charged 3) $(charged 7)" "920 780" "and what its new life does is added"

# -- another ledger --
stop_accountant
start_accountant 6 00000000000000a3 ledger=2
say row 6 7 "$four" $((forged + 40))
say turn
soon 6 logged "domain 6: its ledger is a new one"
ok $? "a new ledger is told"
soon 6 logged "charges $((forged + 40)) ns for domain 6,"
ok $? "what fitted no bill in the old one fits none in the new one"
soon 6 eval '[ "$(charged 7)" = 750 ]'
is "$(charged 3) $(charged 7)" "900 750" "and is not moved to another VM; what the old life did is owed still"
stop_accountant
stop_collector

# -- dom0's own --
cat >"$tmp/conf" <<-CONF
	drivers = ( { domain = "0"; accountant = "0"; } );
	bill_period_ms = 1000;
CONF
device 5 0
start_collector
soon 6 xenstore-exists /local/domain/0/acctring/backend/0/5
start_accountant 0 00000000000000a4
before=$(charged 5)
say row 0 5 "$five" 4000000000000
say turn
soon 6 logged "domain 0: its ledger, read for the first time, charges 4000000000000 ns for domain 0, .*: billed, it is dom0's"
ok $? "dom0's ledger that is older than what the collector knows: told"
soon 6 eval '[ "$(charged 5)" = $((before + 4000000000000)) ]'
is "$(charged 5)" $((before + 4000000000000)) "and billed: it is dom0's own word"
stop_accountant
stop_collector
grep -hE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp/log"
is $? 1 "no sanitizer has complained"
echo "1..$n"
