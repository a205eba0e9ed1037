# SPDX-License-Identifier: LGPL-2.1-or-later
# gnuplot -e "dir='docs/figures'" tests/sim/figures.gp: TSV of acctsim --out to SVG.
set terminal svg size 640,400 font "sans,12" background "white"
set datafile separator "\t"
set key outside bottom center horizontal
set grid lc rgb "#dddddd"
set style data lines

set output dir."/debt-share.svg"
set title "One CPU, SEDF: VM 60 %, driver domain 40 %, web requests"
set xlabel "requests a second offered"
set ylabel "own + driver domain for it, % of the CPU"
set yrange [0:110]
plot dir."/debt-share.tsv" every ::1 using 1:4 title "without debt" lw 2 with linespoints, \
     "" every ::1 using 1:7 title "with debt" lw 2 with linespoints, \
     "" every ::1 using 1:8 title "entitled or demanded" lw 2 dt 2 lc rgb "black"

set output dir."/debt-time.svg"
set title "The same, 1000 requests a second, debt from 20 s"
set xlabel "s"
set ylabel "% of the CPU"
plot dir."/debt-time.tsv" every 2::1 using 1:2 title "own" lw 2, \
     "" every 2::1 using 1:3 title "driver domain for it" lw 2, \
     "" every 2::1 using 1:4 title "sum" lw 2 lc rgb "black", 60 title "entitled" dt 2 lc rgb "gray"

set output dir."/guard-throughput.svg"
set title "Transfer from 20 s: limit 5 % (thick), none (thin)"
set ylabel "requests a second"
set yrange [0:1000]
plot dir."/guard-limit.tsv" every ::1 using 1:2 title "web 10 KB" lw 3 lc 1, \
     "" every ::1 using 1:3 title "web 100 KB" lw 3 lc 2, \
     dir."/guard-off.tsv" every ::1 using 1:2 title "10 KB, no limit" lw 1 lc 1, \
     "" every ::1 using 1:3 title "100 KB, no limit" lw 1 lc 2

set output dir."/guard-cpu.svg"
set title "Driver domain by guest: limit 5 % (thick), none (thin)"
set ylabel "% of the driver domain's CPU"
set yrange [0:50]
plot dir."/guard-limit.tsv" every ::1 using 1:9 title "web 10 KB" lw 3 lc 1, \
     "" every ::1 using 1:10 title "web 100 KB" lw 3 lc 2, \
     "" every ::1 using 1:11 title "transfer" lw 3 lc 3, \
     dir."/guard-off.tsv" every ::1 using 1:9 title "10 KB, no limit" lw 1 lc 1, \
     "" every ::1 using 1:10 title "100 KB, no limit" lw 1 lc 2, \
     "" every ::1 using 1:11 title "transfer, no limit" lw 1 lc 3

set output dir."/step.svg"
set title "Capped at 60 %, credit2: own + driver domain, by kappa"
set xlabel "s after the load began"
set ylabel "% of a CPU, means over 100 ms"
set xrange [-0.5:6]
set yrange [0:200]
plot for [k in "0.1 0.5 1.0 2.0 3.0 6.0"] sprintf("< awk -F'\\t' '$1==\"credit2\" && $2==%s && $3>=-0.5 && $3<=6' %s/step.tsv", k, dir) \
	using 3:5 title k lw 2

set output dir."/weights.svg"
set title "Uncapped, weights 256/256/512, debt from 20 s: own + driver domain for it"
set xlabel "s"
set ylabel "% of a CPU, of 3"
set xrange [0:60]
set yrange [0:160]
plot dir."/weights.tsv" every ::1 using 1:2 title "I/O, 256" lw 2, "" every ::1 using 1:3 title "CPU, 256" lw 2, \
     "" every ::1 using 1:4 title "CPU, 512" lw 2
