# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # lib.sh, lib-eval.sh
# Weights against the hypervisor (docs/method.md, T1): uncapped VMs of 256, 256 and 512 that want all there is; the
# first has a driver domain of its own.  All busy, without debt and with it; then the first alone, the same.
# eval/figures.pl makes the figures of the samples, outside.
# EVAL_LOADS: of the first VM.  EVAL_SECONDS: how long debt is looked at, 62 at least.
# limit: 2000
. "$bed/lib-eval.sh"
others="two four"
guest_create web
guest_create two
guest_create four - "cpu_weight=512"
domains drv
for g in web two four; do guest_up $g; done
# who is not billed, and serves, comes first, as on any host whose dom0 is to answer
for d in 0 "$(domid drv)"; do xl "sched-$sched" -d "$d" -w 2048 || fail "weight of domain $d"; done
block_at drv
step "devices are there"
seconds=$((eval_seconds < 62 ? 62 : eval_seconds))
for load in ${eval_loads:-L1}; do
	tsv=$results/eval-weights-$sched-$load.tsv
	printf '#load %s\n#scheduler %s\n#weights 256 256 512\n' "$load" "$sched" >"$tsv"
	measure_idle
	prepare "$load"
	for g in $others; do start_at "$g" busy 'sh -c "while :; do :; done"'; done
	alone_idle=$idle
	measure_idle idle-busy # beside others its wake-ups cost something else
	phase none "$load" $seconds
	in_debt
	phase debt "$load" $seconds
	observed
	for g in $others; do stop_at "$g" busy || fail "$g goes on"; done
	idle=$alone_idle
	phase alone "$load" 30
	in_debt
	phase alone-debt "$load" 30
	observed
	diag "$load: $(awk '/^#ledger/ { printf "%s: charged %.0f of %.0f ms; ", $2, $3 / 1e6, $4 / 1e6 }' "$tsv")"
done
clean_log
