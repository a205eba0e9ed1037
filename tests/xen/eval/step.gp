# SPDX-License-Identifier: LGPL-2.1-or-later
# For step: xen and sim, "s own driver sum" each; to svg.
set terminal svg size 720,400 font "sans,12" background "white"
set datafile separator "\t"
set key outside bottom center horizontal
set grid lc rgb "#dddddd"
set style data lines
set output svg
set title sprintf("%s, E = %d %%, kappa %s: Xen under QEMU TCG (thick), simulated (dashed)", sched, entitled, kappa) font ",11"
set xlabel "s after the load began, end of the second"
set ylabel "% of a CPU, means over 1 s"
set xrange [-2:20]
set yrange [0:*]
plot xen using 1:2 title "own" lw 3 lc 1, "" using 1:3 title "driver" lw 3 lc 2, "" using 1:4 title "sum" lw 3 lc rgb "black", \
     sim using 1:2 title "own, simulated" dt 2 lc 1, "" using 1:3 title "driver, simulated" dt 2 lc 2, \
     "" using 1:4 title "sum, simulated" dt 2 lc rgb "black", entitled title "entitled" lc rgb "gray"
