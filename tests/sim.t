#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 240
# Debt and guard in simulated time, with the product's own partition, balance and
# guard: the numbers of docs/debt.md.  The same seed gives the same numbers; SIM_SEED takes another.
. tests/lib/tap.sh

all=$("$BUILD/tests/sim/acctsim" --seed "${SIM_SEED:-1}")
ok $? "acctsim ends well"
again=$("$BUILD/tests/sim/acctsim" --seed "${SIM_SEED:-1}" debt edge)
is "$again" "$(printf '%s\n' "$all" | grep -E '^(debt|edge) ')" "the same seed, the same numbers"

# holds NAME PREFIX CONDITION: for each line that begins so; v["key"] are its values
holds() {
	printf '%s\n' "$all" | awk -v prefix="$2" '
	function off(a, b) { return a > b ? a - b : b - a }
	index($0, prefix " ") == 1 {
		split("", v)
		for (i = 2; i <= NF; i++) {
			n = index($i, "=")
			x = substr($i, n + 1)
			if (n) v[substr($i, 1, n - 1)] = x ~ /^-?[0-9.]+$/ ? x + 0 : x
		}
		lines++
		if (!('"$3"')) { print "# " $0; bad = 1 }
	}
	END { exit bad || !lines }'
	ok $? "$1"
}

holds "one CPU: with debt the sum is what was sold, or what was asked for" \
	"debt sched=sedf" 'off(v["sum_debt"], v["ideal"]) <= 1'
holds "without, it is more" "debt sched=sedf rate=1000" 'v["sum"] > 99'
for s in rtds credit credit2; do
	holds "$s: the same" "debt sched=$s" 'off(v["sum_debt"], 60) <= 0.1'
done
holds "debt begins while it runs: settled in 3 s" time 'off(v["after"], 60) <= 0.1 && v["settled"] <= 3'

holds "step, credit2: settled in 3 s, 10 s means within 0.5, smooth" "step sched=credit2" \
	'v["settled"] <= 3 && v["worst"] <= 0.5 && v["ripple"] <= 2 && v["pause"] <= v["static_pause"] + 50'
# its caps act in whole slices of 30 ms, times 1 + kappa: a static cap is no smoother
holds "step, credit: means within a slice, no rougher than a cap that stays by 50 ms" "step sched=credit" \
	'v["worst"] <= 0.5 + 0.3 * (1 + v["kappa"]) && v["pause"] <= v["static_pause"] + 50'

holds "uncapped: own + charged by weight within 3 %; alone nothing changes" weights \
	'split(v["on"], r, ":") && off(r[1], 1) <= 0.03 && off(r[3], 2) <= 0.06 && off(v["quiet"], 1) <= 0.01'
holds "all on one CPU, late, and seen as Xen shows it: the same" crowded \
	'split(v["on"], r, ":") && off(r[1], 1) <= 0.03 && off(r[3], 2) <= 0.06'
holds "without, the I/O VM has more" "weights sched=credit2 kappa=1.0" 'v["off"] + 0 > 1.9'

alone() { printf '%s\n' "$all" | awk -v k="$1=" '/^guard alone/ { for (i = 1; i <= NF; i++) if (index($i, k) == 1) print substr($i, length(k) + 1) }'; }
a=$(alone web_10k) b=$(alone web_100k)
holds "a transfer without limit takes throughput" "guard off" "v[\"web_10k\"] < 0.7 * $a"
holds "limit 5 %: it has that, and neighbours keep 98 %" "guard limit" \
	"off(v[\"share\"], 5) <= 0.05 && v[\"web_10k\"] >= 0.98 * $a && v[\"web_100k\"] >= 0.98 * $b"
holds "limit by lanes and sizes: 4.95 to 5.05 %, no second above 5.5 %, neighbour keeps 98 %" limit \
	'off(v["mean"], 5) <= 0.05 && v["worst"] <= 5.5 && v["neighbour"] >= 0.98'
holds "share: busy to 90 %, the flood has the rest, light ones keep 98 %" "share share" \
	'off(v["busy"], 90) <= 1 && v["light"] >= 0.98 * 198.9 && v["flood"] > 68'
holds "share, payers in turns: p99 within 1.5 of alone" "share share queue=each" 'v["p99_us"] <= 1.5 * 311'

holds "flooded from outside: 90 % of its entitlement" "flood outside policy=on" 'v["kept"] >= 0.9'
holds "without the policy: nearly nothing" "flood outside policy=off" 'v["kept"] < 0.2'
holds "flooded by a neighbour: the neighbour's bill carries it" "flood neighbour pays=sender" \
	'v["kept"] >= 0.9 && v["billed_victim"] == 0 && v["billed_neighbour"] > 45 && v["neighbour"] <= 60.5'
holds "app, firewall, net: billed to the apps within 2 %" "chain unlike=1.0" \
	'off(v["app1"], 1) <= 0.02 && off(v["app2"], 1) <= 0.02 && v["firewall"] == 0'
holds "a load in two or four VMs has no more" split 'v["gain"] <= 0.02'
holds "bursts against windows: gain below 2 %" edge 'v["gain"] <= 0.02'
holds "and an honest burst is not starved" edge 'v["most"] || v["sum"] >= 57'
echo "1..$n"
