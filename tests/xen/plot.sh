#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Draws, as RESULTS/who-burns.svg, what the case who-burns sampled: the part of
# a CPU that the driver domain spent for each guest.  Without gnuplot or samples: nothing.
# usage: plot.sh RESULTS
tsv=$1/who-burns.tsv
[ -s "$tsv" ] && command -v gnuplot >/dev/null || exit 0
awk -F '\t' '!/^#/ { if (n++ && $1 > t) { d = ($1 - t) * 1e9; printf "%s\t%f\t%f\t%f\n", $1 - t0, ($3 - a) / d, ($4 - b) / d, ($6 - o + $7 - u) / d } else t0 = $1
	t = $1; a = $3; b = $4; o = $6; u = $7 }' "$tsv" >"$1/who-burns.rates"
gnuplot -e "set terminal svg size 720,360; set output '$1/who-burns.svg'; set xlabel 's'; set yrange [0:];
	set ylabel 'CPUs of drv'; set title 'who burns the driver domain (Xen under QEMU TCG)';
	plot '$1/who-burns.rates' using 1:2 with lines title 'charged to one', '' using 1:3 with lines title 'charged to two',
	'' using 1:4 with lines title 'own work and unattributed'"
