#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 20
# What `make eval-xen` makes of its samples (tests/xen/eval/figures.pl): made ones, whose figures
# are known.
. tests/lib/tap.sh
: "${BUILD:=build}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# made NAME OWN DRIVER [SECONDS [PAUSE]]: a load from 2 s on; OWN and DRIVER, of the phase "debt", are
# awk expressions of t, in per cent, t from the load's beginning; the driver domain burns 5 % idle.
made() {
	awk -v seconds="${4:-40}" -v name="$1" -v pause="${5:-30000000}" '
	function own(p, t) { return t < 0 ? 0.1 : p == "debt" ? '"$2"' : p == "static" ? 20 : 60 }
	function driver(p, t) { return t < 0 ? 0 : p == "debt" ? '"$3"' : p == "static" ? 40 : 120 }
	function phase(p, n,    i, o, d) {
		for (i = 0; i <= n * 10; i++) {
			printf "%s\t%.0f\t%.0f\t%.0f\t60\t%.0f\n", p, now, o * 1e7, d * 1e7, i * 1e7
			o += own(p, i / 10 - 2) / 10
			d += (driver(p, i / 10 - 2) * (p != "idle") + 5) / 10
			now += 1e8
		}
	}
	BEGIN {
		now = 1e12
		print "#load " name; print "#scheduler credit2"; print "#entitled 60"
		phase("idle", 5); phase("none", 20); phase("debt", seconds); phase("static", 25)
		print "#pause debt " pause; print "#pause static 20000000"; print "#ledger debt 15200000000 15200000000"
	}' >"$work/$1.tsv"
}
# figure NAME COLUMN
figure() { tests/xen/eval/figures.pl "$work/$1.tsv" 2>&1 | awk -F ' *[|] *' -v c="$2" 'END { print $(c + 1) }'; }

made even 20 40
is "$(tests/xen/eval/figures.pl "$work/even.tsv" | tail -n 1)" \
	"| even credit2 | 2.00 | 60.0 + 120.0 = 180.0 | 20.0 + 40.0 = 60.00 | -0.00..+0.00, -0.00..+0.00 | 0.0 (100 %, 100 %) | 0.0, 0.0 | 30, 20 | 100 % | 10 % | held |" \
	"all at its entitlement, idle taken off"
made more 21 40.2
is "$(figure more 5) $(figure more 11)" "+1.20..+1.20, -0.00..+0.00 missed: error" "1.2 points more"
made less 20 39.4
is "$(figure less 5) $(figure less 11)" "-0.60..-0.60, -0.00..+0.00 missed: error" "0.6 points less"
made late 't < 5 ? 30 : 20' 40
is "$(figure late 6) $(figure late 11)" "5.7 (95 %, 100 %) missed: settled" "10 points more for 5 s"
made once 't > 25 && t < 26.95 ? 17 : 20' 40
is "$(figure once 11)" "missed: error, settled" "2 s too little, later"
made waves 'int(t * 10 + 0.5) % 2 ? 25 : 15' 40
is "$(figure waves 7) $(figure waves 11)" "5.0, 0.0 missed: ripple" "a mean that is right, of 15 and 25"
made long 20 40 40 71000000
is "$(figure long 8) $(figure long 11)" "71, 20 missed: pause" "a pause 51 ms longer than a static cap's"
made stops 't < 36 ? 20 : 1' 't < 36 ? 40 : 0'
is "$(figure stops 4) $(figure stops 11)" "20.0 + 40.0 = 60.00 held" "what comes after the load's end is not its"
made short 20 40 9
like "$(figure short 1; tests/xen/eval/figures.pl "$work/short.tsv" 2>&1)" 'shorter than 10 s' "too short: no figure"
made none 0.1 0
like "$(tests/xen/eval/figures.pl "$work/none.tsv" 2>&1)" 'no load is seen' "no load: no figure"

# -- step response, beside the simulator's --
steps() { tests/xen/eval/step "$BUILD/tests/sim/acctsim" "$work/$1.tsv" 2>&1; }
# value FILE S COLUMN: that of the line nearest to S
value() { awk -F '\t' -v s="$2" -v c="$3" '{ d = $1 - s; d = d < 0 ? -d : d } NR == 1 || d < least { least = d; v = $c } END { printf "%.0f", v }' "$work/$1"; }
made ramp 't < 2 ? 36 : 20' 't < 2 ? 72 : 40'
is "$(steps ramp)" "" "drawn"
is "$(value ramp.step -0.5 4) $(value ramp.step 2 4) $(value ramp.step 2.5 4) $(value ramp.step 12 2) $(value ramp.step 12 3)" \
	"0 108 84 20 40" "Xen: before, at 2 s, half a second after, and what it came to"
is "$(value ramp.sim -0.5 4) $(value ramp.sim 12 2) $(value ramp.sim 12 3) $(value ramp.sim 12 4)" "0 20 40 60" \
	"simulated with the same kappa"
sed 's/^#entitled 60/#entitled 40/' "$work/ramp.tsv" >"$work/forty.tsv"
steps forty
is "$(value forty.sim 12 4)" 40 "and with the same entitlement"
! command -v gnuplot >/dev/null || { is "$(grep -c 'simulated</tspan>' "$work/forty.svg")" 3 "its figure has the simulator's lines"; }
like "$(steps none)" "no load is seen.*no step response" "no load: no figure of it"
like "$("$BUILD/tests/sim/acctsim" --kappa 0 step 2>&1; echo $?)" "kappa.*2$" "a kappa that cannot be"

# -- weights --
# weighed NAME OWN TWO FOUR DONE: per cent with debt; the driver domain burns 10 above idle; DONE with debt of 1000
weighed() {
	awk -v name="$1" -v own="$2" -v two="$3" -v four="$4" -v n="$5" '
	function phase(p, s, o, d, t, f,    i) {
		for (i = 0; i <= s * 10; i++) {
			printf "%s\t%.0f\t%.0f\t%.0f\t0\t%.0f\t%.0f\t%.0f\n", p, now, i * o * 1e6, i * d * 1e6, i * 5e6, i * t * 1e6, i * f * 1e6
			now += 1e8
		}
	}
	BEGIN {
		now = 1e12
		print "#load " name; print "#scheduler credit2"; print "#weights 256 256 512"
		phase("idle", 5, 0, 5, 0, 0); phase("none", 62, 25, 20, 25, 45); phase("debt", 62, own, 15, two, four)
		print "#ledger debt 9 10"; print "#done alone 1000 1000"; print "#done alone-debt " n " 1000"
	}' >"$work/$1.tsv"
}
weighed fair 14 24 48 1000
is "$(tests/xen/eval/figures.pl "$work/fair.tsv" | tail -n 1)" \
	"| fair credit2 | 0.71 | 40.0 : 25.0 : 45.0 | 24.0 : 24.0 : 48.0 | 77.8 %, 0.0 %, 4.3 % | +0.0 % | 90 % | 5 % | held |" "by weight"
awk 'BEGIN { for (i = 0; i <= 50; i++) printf "idle-busy\t%.0f\t0\t%.0f\t0\t0\t0\t0\n", 9e12 + i * 1e8, i * 8e6 }' |
	cat "$work/fair.tsv" - >"$work/beside.tsv"
is "$(figure beside 4)" "21.0 : 24.0 : 48.0" "idle it burns more beside VMs that are busy: what is idle there counts"
weighed unfair 14 25 48 1000
is "$(figure unfair 5) $(figure unfair 9)" "77.8 %, 4.2 %, 8.7 % missed: weights" "one has 4 % more"
weighed slower 14 24 48 980
is "$(figure slower 6) $(figure slower 9)" "-2.0 % missed: alone" "2 % are lost when nobody waits"

# -- attacks --
# attacked NAME ONE TWO BURSTS: own CPU of the first VM; the second has 10, the driver domain burns 15 above idle
attacked() {
	awk -v one="$2" -v two="$3" -v bursts="$4" '
	function phase(p, s, o, d, h,    i) {
		for (i = 0; i <= s * 10; i++) {
			printf "%s\t%.0f\t%.0f\t%.0f\t0\t%.0f\t%.0f\n", p, now, i * o * 1e6, i * d * 1e6, i * 5e6, i * h * 1e6
			now += 1e8
		}
	}
	BEGIN {
		now = 1e12
		print "#load attack"; print "#scheduler credit2"; print "#attack 40"
		phase("idle", 5, 0, 5, 0); phase("one", 30, one, 20, 0); phase("two", 30, two, 20, 10); phase("bursts", 30, bursts, 20, 0)
	}' >"$work/$1.tsv"
}
attacked nothing 25 15 5
is "$(tests/xen/eval/figures.pl "$work/nothing.tsv" | tail -n 1)" \
	"| credit2 | 40.0 (+0.0 %) | 40.0 (+0.0 %) | +0.0 % | 20.0 (+0.0 %) | held |" "nothing gained"
attacked gain 25 16 6
is "$(figure gain 4) $(figure gain 5) $(figure gain 6)" "+2.5 % 21.0 (+5.0 %) missed: split" "two have 2.5 % more, bursts 5"
echo "1..$n"
