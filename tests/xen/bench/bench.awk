# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: awk -v unit=request -f bench.awk SUBJECTS TSV
# Medians and ranges over rounds.  SUBJECTS: "id group name"; the first of a group is
# what the others are compared with.  TSV: round, id (- while idle), load, how many were
# done in how many ns, and in window ns what dom0 and the guests burned.
function median(list,    a, n, i, j, t) {
	n = split(list, a, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
	low = a[1]; high = a[n]
	return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}
NR == FNR {
	split($0, w, " ")
	if (!(w[2] in ids)) group[++groups] = w[2]
	ids[w[2]] = ids[w[2]] " " w[1]
	name[w[1]] = substr($0, length(w[1]) + length(w[2]) + 3)
	next
}
/^#/ { next }
{ FS = "\t"; $0 = $0 }
$2 == "-" { idle[$1] = $7 / $6; next }
{
	if (!($3 in seen)) { seen[$3] = 1; load[++loads] = $3 }
	per_s = $4 / $5 * 1e9
	rate[$2, $3] = rate[$2, $3] " " per_s
	cpu[$2, $3] = cpu[$2, $3] " " ($7 / $6 - idle[$1]) * 1e6 / per_s
	guest[$2, $3] = guest[$2, $3] " " $8 / $6 * 1e6 / per_s
}
END {
	for (r in idle) i = i " " idle[r] * 100
	m = median(i)
	printf "dom0 idle: %.1f %% of a CPU (%.1f..%.1f)\n", m, low, high
	printf "| | load | backend | %ss a second | of ours | dom0, us a %s | of ours | guests, us |\n", unit, unit
	print "| --- | --- | --- | --- | --- | --- | --- | --- |"
	for (k = 1; k <= groups; k++)
		for (l = 1; l <= loads; l++) {
			n = split(ids[group[k]], d, " ")
			for (s = 1; s <= n; s++) {
				key = d[s] SUBSEP load[l]
				m = median(rate[key]); ml = low; mh = high
				c = median(cpu[key]); cl = low; ch = high
				if (s == 1) { m0 = m; c0 = c }
				printf "| %s | %s | %s | %.0f (%.0f..%.0f) | %.2f | %.0f (%.0f..%.0f) | %.2f | %.0f |\n",
					group[k], load[l], name[d[s]], m, ml, mh, m / m0, c, cl, ch, c / c0, median(guest[key])
			}
		}
}
