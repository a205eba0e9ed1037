#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Debt of VMs without a cap, in a sandbox: while all CPUs are busy, the weight of who
# makes a driver domain work falls, the others' rise, and all come back.
# timeout: 180
# On two CPUs, however many there are, which four threads fill: two of web, one of batch and the
# driver domain's, which is web's, too.  How this kernel places them is not ours to know: where web
# had less than twice as much as batch, the test does not judge.
# alone
# not sanitised
if [ -z "$XSANDBOX" ]; then
	cpus=$(taskset -cp $$ | sed 's/.*: //' | perl -pe 's/(\d+)-(\d+)/join ",", $1 .. $2/ge' | cut -d , -f 1-2)
	case $cpus in
	*,*) taskset -cp "$cpus" $$ >/dev/null || exit 1 ;;
	*) echo "1..0 # SKIP: one CPU, two are wanted" && exit 0 ;;
	esac
fi
. "$(dirname "$0")/lib/debt.sh"

# 3 (web) makes net work, 4 (batch) nobody; both would burn all CPUs
for d in 1:net 2:acct 3:web 4:batch; do "$xsb" create "${d%:*}" --name "${d#*:}"; done
web=$(uuid_of 3)
cat >"$tmp/conf" <<-CONF
	drivers = ( { domain = "net"; accountant = "acct"; } );
	bill_period_ms = 1000;
	mode = "debt";
	entitlements = "$tmp/kept";
CONF
device 3 1
"$prog" set 1 256 30 >/dev/null
"$prog" set 3 256 0 >/dev/null
start_collector -v
soon 20 test -S "$tmp/run/collector.sock"
ok $? "the collector runs"
net_works_for "$web"
is "$(weight 3) $(weight 4)" "256 256" "nobody is busy: weights are as they were"
background 3 web "$prog" spin 1000000 2
background 4 batch "$prog" spin 1000000 1
falls() { [ "$(weight 3)" -lt 240 ]; }
rises() { [ "$(weight 4)" -gt 272 ]; }
# taken: web's weight falls, if it has more than its part
taken() {
	local web net batch w n b

	web=$(cpu 3) net=$(cpu 1) batch=$(cpu 4)
	soon 20 falls && return
	w=$(($(cpu 3) - web)) n=$(($(cpu 1) - net)) b=$(($(cpu 4) - batch))
	echo "# web ran $w ns, the driver domain for it $n, batch $b"
	[ $((w + n)) -lt $((2 * b)) ]
}
taken
ok $? "all are busy: web's weight falls ($(weight 3), CPUs $(taskset -cp $$ | sed 's/.*: //'))"
! falls || soon 20 rises
ok $? "and batch's rises ($(weight 4))"
is "$(cap 3) $(cap 4)" "0 0" "no cap is made of it"
like "$("$ctl" entitle | awk '$2 == 3 { print $3, $4, $5, $6 }')" "^on weight 256 256\$" "web has a right to 256"
"$ctl" off
is "$(weight 3) $(weight 4)" "256 256" "acctctl off: all is given back when it returns"
"$ctl" debt
taken
ok $? "acctctl debt: it falls again"
kill -KILL "$collector"
wait "$collector" 2>/dev/null
promised 2 eval '[ "$(weight 3) $(weight 4)" = "256 256" ]'
ok $? "kill -9 of the collector: given back ($took ms)"
start_collector -v
taken
ok $? "the next one goes on"
# an operator's weight
"$prog" set 3 1000 0 >/dev/null
soon 20 logged "domain 3: weight 1000 is not of ours"
ok $? "an operator's weight is seen"
stop_collector
is "$status $(weight 3) $(weight 4)" "0 1000 256" "SIGTERM: and it is what comes back"
echo "1..$n"
