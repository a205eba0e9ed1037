# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # lib.sh, lib-eval.sh
# What an attacker gains of debt (docs/method.md, T1): a load in one VM, and in two that have half of its cap each; and
# bursts of 300 ms a second.  eval/figures.pl makes the figures of the samples, outside.
# EVAL_SECONDS: of each, EVAL_ENTITLED: the one VM's cap, and twice the one of who sends bursts.
# limit: 2000
. "$bed/lib-eval.sh"
others=half
entitled=${eval_entitled:-40}
guest_create web - "cap=$entitled"
guest_create half - "cap=$((entitled / 2))"
domains drv
for g in web half; do guest_up $g; done
# who is not billed, and serves, comes first, as on any host whose dom0 is to answer
for d in 0 "$(domid drv)"; do xl "sched-$sched" -d "$d" -w 2048 || fail "weight of domain $d"; done
block_at drv
disk half drv 64M
net_at drv
step "devices are there"
tsv=$results/eval-attack-$sched.tsv
printf '#load attack\n#scheduler %s\n#attack %s\n' "$sched" "$entitled" >"$tsv"

# attack NAME LOAD: in debt
attack() {
	in_debt
	phase "$1" "$2" "$eval_seconds"
	observed
}
measure_idle
prepare L1
attack one L1
xl "sched-$sched" -d web -c $((entitled / 2)) || fail "cap"
start_load L1 600 half
attack two L1
stop_load half >/dev/null || fail "half's load goes on"
prepare L10
attack bursts L10
clean_log
