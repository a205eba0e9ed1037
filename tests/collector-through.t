#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a driver domain is charged by another goes on to its own clients, and what a stub
# domain is charged to its target: apps behind a firewall's domain, and the net domain
# behind that.
# timeout: 180
# alone
# not sanitised
. "$(dirname "$0")/lib/debt.sh"

# 1 net, 2 the accountant of both, 3 and 4 apps, 5 the firewall, 6 the stub domain of 4
for d in 1:net 2:acct 3:app1 4:app2 5:fw 6:stub; do "$xsb" create "${d%:*}" --name "${d#*:}"; done
app1=$(uuid_of 3) app2=$(uuid_of 4) fw=$(uuid_of 5) stub=$(uuid_of 6)
xenstore-write /local/domain/6/target 4
conf() {	# [LINE IN THE FIREWALL'S]
	cat >"$tmp/conf" <<-CONF
		drivers = ( { domain = "net"; accountant = "acct"; }, { domain = "fw"; accountant = "acct"; $1 } );
		bill_period_ms = 1000;
		mode = "debt";
		entitlements = "$tmp/kept";
		floor = 1;
	CONF
}
conf
device 5 1
device 6 1
device 3 5
device 4 5
for d in 1 3 5; do
	"$prog" set $d 256 10 >/dev/null
	background $d burner$d "$prog" spin 1000000 1
done
"$prog" set 4 256 10 >/dev/null
start_collector -v

# fw charges half of what it burns, 3 to app1 for 1 to app2; net all that it burns: 4 parts of
# 5 to fw, the rest to the stub domain
rows() {
	local n f

	n=$(cpu 1) f=$(cpu 5)
	echo "row 5 3 $app1 $((f * 3 / 8))"
	echo "row 5 4 $app2 $((f / 8))"
	echo "row 1 5 $fw $((n * 4 / 5))"
	echo "row 1 6 $stub $((n / 5))"
	echo "domain 1 $(uuid_of 1) $n"
	echo "domain 5 $fw $f"
}
accountant_says rows

bill() { xenstore-read "/local/domain/$1/acctring/bill" 2>/dev/null | sed -n "s/.* $2=\([0-9]*\).*/\1/p"; }
has_passed() { [ "$(bill 3 passed_ns)" -gt 0 ] 2>/dev/null; }
soon 20 has_passed
ok $? "what net charges the firewall comes to an app's bill"
like "$(xenstore-read "/tool/acctring/debt/$fw")" " state=exempt " "the firewall pays for nothing itself"
# growth SECONDS: of all, in ms
growth() {
	local -a a b
	a=("$(bill 5 charged_ns)" "$(bill 6 charged_ns)" "$(bill 3 passed_ns)" "$(bill 4 passed_ns)")
	sleep "$1"
	b=("$(bill 5 charged_ns)" "$(bill 6 charged_ns)" "$(bill 3 passed_ns)" "$(bill 4 passed_ns)")
	for i in 0 1 2 3; do d[i]=$(((b[i] - a[i]) / 1000000)); done
}
# near A B: within 2 per cent of B, and the worth of a few statements
near() { local e=$(($1 - $2)); [ ${e#-} -le $(($2 / 50 + 8)) ]; }
sleep 6	# proportions are of the last seconds
growth 10
[ "${d[0]}" -gt 200 ]
ok $? "net charges the firewall: ${d[0]} ms, the stub domain ${d[1]}"
near "${d[2]}" $((d[0] * 3 / 8))
ok $? "app1 owes its part of that, less the firewall's own work: ${d[2]} ms"
near "${d[3]}" $((d[0] / 8 + d[1]))
ok $? "app2 its part, and all of its stub domain's: ${d[3]} ms"
soon 20 lower 3 10
ok $? "and it is taken from their CPU"
is "$(cap 5)" 10 "none from the firewall's"
is "$(bill 5 passed_ns)" "" "whose own bill has nothing passed on"
like "$("$ctl" entitle)" " PASSED " "acctctl entitle shows it"

# -- who does not account for itself as dom0 believes passes nothing on --
conf 'trust = "none";'
kill -HUP "$collector"
soon 10 logged "configuration read\|read again"
sleep 1
growth 3
[ "${d[0]}" -gt 50 ] && [ "${d[2]}" = 0 ]
ok $? "a firewall that is not trusted passes nothing on: ${d[0]} ms charged to it, ${d[2]} ms to app1"
is "$(bill 5 passed_ns)" "" "nor to itself"
conf
kill -HUP "$collector"

# -- a client that is gone: the others do not pay for it --
"$xsb" destroy 3
sleep 2
was=($(bill 5 charged_ns) $(bill 4 passed_ns) $(bill 6 charged_ns))
sleep 3
now=($(bill 5 charged_ns) $(bill 4 passed_ns) $(bill 6 charged_ns))
for i in 0 1 2; do d[i]=$(((now[i] - was[i]) / 1000000)); done
[ $((d[1] - d[2])) -le $((d[0] / 5 + 8)) ]
ok $? "app1 is gone, app2 pays no more than its part: $((d[1] - d[2])) of ${d[0]} ms"

stop_stating
exec 8>&- 9<&-
stop_accountant
stop_collector
is "$status" 0 "clean shutdown"
is "$(cap 4)" 10 "the cap is back"
echo "1..$n"
