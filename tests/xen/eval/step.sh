#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: step.sh ACCTSIM TSV
# Draws, beside TSV (of eval-debt.sh), how a VM came to its entitlement on Xen, and over it what the simulator says of the
# same scheduler, entitlement and kappa; means over 1 s.  Without gnuplot: the numbers only.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# = 2 ] || { echo "usage: step.sh ACCTSIM TSV" >&2; exit 2; }
name=${2%.tsv}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$here/figures.pl" --step "$2" >"$tmp/xen" || { echo "# ${name##*/}: no step response"; exit 0; }
read -r sched entitled kappa <"$tmp/xen"
tail -n +2 "$tmp/xen" >"$name.step"
# what kappa the simulator takes
sim=$(awk -v k="$kappa" 'BEGIN { print (k < 0.01 ? 0.01 : k > 20 ? 20 : k) }')
"$1" --out "$tmp" --kappa "$sim" --entitled "$entitled" step >/dev/null
# s is where 0.1 s begins: "s own driver sum" as above
awk -F '\t' -v sched="$sched" '$1 == sched { own[n] = $4; sum[n++] = $5; o += $4; t += $5
	if (n > 10) { o -= own[n - 11]; t -= sum[n - 11] }
	if (n >= 10) printf "%.2f\t%.2f\t%.2f\t%.2f\n", $3 + 0.1, o / 10, (t - o) / 10, t / 10 }' "$tmp/step.tsv" >"$name.sim"
command -v gnuplot >/dev/null || exit 0
gnuplot -e "xen='$name.step'; sim='$name.sim'; svg='$name.svg'; entitled=$entitled; kappa='$kappa'; sched='$sched'" "$here/step.gp"
