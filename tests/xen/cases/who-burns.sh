# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # run and results: lib.sh
# The operator's question, "which VM burns my driver domain?", asked in dom0: two
# guests on disks of a driver domain, one loads, then the other, then neither.  While
# one loads it is the first VM of `acctctl ledger --from store`, every time.
# limit: 400
guests drv:driver one two
accounting drv drv
start_at drv blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
disk one drv 64M
disk two drv 64M
b=$(domid drv)
# time, phase, then charged ns of each guest and the driver domain's own sums
tsv=$results/who-burns.tsv
printf '#t_s\tphase\tone_ns\ttwo_ns\tmeasured_ns\town_ns\tunattributed_ns\tcharged_ns\n' >"$tsv"
sums() {
	acctctl dump ledger --from store | awk -F '\t' '{ c[$3] = $5 } END { printf "%.0f\t%.0f\t", c["one"], c["two"] }'
	acctctl dump domains --from store | awk -F '\t' -v b="$b" '!/^#/ && $2 == b { printf "%.0f\t%.0f\t%.0f\t%.0f", $4, $6, $7, $5 }'
}
sample() { printf '%s\t%s\t%s\n' "$(cut -d. -f1 /proc/uptime)" "$1" "$(sums)" >>"$tsv"; }
charged() { awk -F '\t' -v p="$1" -v c="$2" '$2 == p { if (!n++) a = $c; b = $c } END { printf "%.0f", (b - a) / 1e6 }' "$tsv"; }
# two lines of titles, then who burns most; "-" in its fourth column: no rates yet
first() {
	acctctl ledger --from store >"$run/table" || fail "no ledger: $(log_of dom0 collector)"
	awk 'NR == 3 && $4 != "-" { print $1 }' "$run/table"
}
names() { [ "$(first)" = "$1" ]; }
# what was done before is on the bill: two writes of the collector without a change
is_quiet() {
	local was n
	was=$(sums | cut -f 1,2)
	for n in 1 2; do
		acctctl ledger --from store >/dev/null 2>&1
		[ "$(sums | cut -f 1,2)" = "$was" ] || return 1
	done
}
phase() { # NAME LOOKS [COMMAND OF A LOOK]
	local n
	sample "$1"
	for ((n = 0; n < $2; n++)); do
		"${3:-first}" "$1" >/dev/null || fail "$1 loads, look $n: $(cat "$run/table")"
		sample "$1"
	done
}
for g in one two; do
	until_ok 60 is_quiet || fail "before $g: $(cat "$tsv")"
	io_start "$g"
	until_ok 30 names "$g" || fail "$g loads: $(cat "$run/table")"
	phase "$g" 4 names
	while IFS= read -r l; do diag "$l"; done <"$run/table"
	io_stop "$g"
done
until_ok 60 is_quiet || fail "nobody loads: $(cat "$tsv")"
phase idle 2
for p in one two idle; do
	diag "charged in phase '$p', ms: one $(charged $p 3), two $(charged $p 4); drv measured $(charged $p 5)"
done
[ "$(charged one 3)" -gt $((10 * $(charged one 4))) ] || fail "one does not pay"
[ "$(charged two 4)" -gt $((10 * $(charged two 3))) ] || fail "two does not pay"
[ "$(charged idle 3)" -lt $(($(charged one 3) / 10)) ] || fail "one pays while idle"
# measured = charged + own + unattributed, at every sample
awk -F '\t' '!/^#/ { n++; d = $5 - $6 - $7 - $8; if (d < -1 || d > 1) { print "sum", $0, d; bad = 1 } } END { exit bad || n < 8 }' "$tsv" ||
	fail "a sample does not add up"
conserved drv drv
clean_log
