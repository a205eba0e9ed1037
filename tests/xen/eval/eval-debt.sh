# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # lib.sh, lib-eval.sh
# Debt against the hypervisor (docs/method.md, T1): a VM with a cap, whose driver domains serve
# nobody else.  Each load: without debt; with debt; with a static cap of the mean that it then ran.
# eval/figures.pl makes the figures of the samples, outside.
# EVAL_LOADS, EVAL_SECONDS, EVAL_ENTITLED: which loads, how long debt is looked at, the cap.
# limit: 3000
. "$bed/lib-eval.sh"
entitled=${eval_entitled:-40}
loads=${eval_loads:-L1 L7 L8 L2 L3}
all=drv
case " $loads " in *" L9 "*) all="drv drv2" ;; esac
[ "$loads" = L9 ] || [ "$all" = drv ] || fail "L9 has its network elsewhere than L2 and L3: a run of its own"
guest_create web - "cap=$entitled"
# shellcheck disable=SC2086
domains $all
guest_up web
block_at drv
case " $loads " in *" L"[2349]" "* | *" L10 "*) net_at "${all##* }" ;; esac
step "devices are there"
drivers=$all

cap() { xl "sched-$sched" -d web -c "$1" || fail "cap $1"; }
# the mean of own CPU in the second half of PHASE, per cent
own_mean() {
	awk -F '\t' -v p="$1" '$1 == p { n++; t[n] = $2; o[n] = $3 }
		END { h = int(n / 2); printf "%.0f", 100 * (o[n] - o[h]) / (t[n] - t[h]) }' "$tsv"
}
for load in $loads; do
	tsv=$results/eval-debt-$sched-$load.tsv
	printf '#load %s\n#scheduler %s\n#entitled %s\n' "$load" "$sched" $entitled >"$tsv"
	measure_idle
	prepare "$load"
	phase none "$load" 20
	in_debt
	phase debt "$load" "$eval_seconds"
	observed
	cap "$(own_mean debt)"
	phase static "$load" 30
	cap $entitled
	diag "$load: $(awk '/^#ledger/ { printf "%s: charged %.0f of %.0f ms; ", $2, $3 / 1e6, $4 / 1e6 }' "$tsv")"
done
clean_log
