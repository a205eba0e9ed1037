# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The operator's question, "which VM burns my driver domain?": two guests on disks
# of ours, one loads, then the other, then neither; acctctl must name them.
# limit: 300
. /bed/toolstack.sh
export ACCTRING_SOCKET=/tmp/acctringd.sock
accounting dom0 dom0
start_at dom0 blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
guest one
guest two
disk one dom0 64M
disk two dom0 64M
load='while :; do dd if=/dev/xvda of=/dev/null bs=16k iflag=direct; done'
start() { in_guest "$1" 10 "($load) >/dev/null 2>&1 & echo \$! >/tmp/load"; }
stop() { in_guest "$1" 10 'kill $(cat /tmp/load); killall dd; :'; }
# time, phase, then charged ns of each guest and the driver domain's own sums
tsv=/results/who-burns.tsv
sample() {
	printf '%s\t%s\t%s\t%s\n' "$(cut -d. -f1 /proc/uptime)" "$1" "$(
		acctctl dump ledger | awk -F '\t' '{ c[$3] = $5 } END { printf "%.0f\t%.0f", c["one"], c["two"] }')" "$(
		acctctl dump domains | awk -F '\t' '!/^#/ && $2 == 0 { printf "%.0f\t%.0f\t%.0f\t%.0f", $4, $6, $7, $5 }')" >>$tsv
}
printf '#t_s\tphase\tone_ns\ttwo_ns\tmeasured_ns\town_ns\tunattributed_ns\tcharged_ns\n' >$tsv
charged() { awk -F '\t' -v p="$1" -v c="$2" '$2 == p { if (!n++) a = $c; b = $c } END { printf "%.0f", (b - a) / 1e6 }' $tsv; }
phase() { # NAME SECONDS
	local end=$((SECONDS + $2))
	sample "$1"
	while [ $SECONDS -lt $end ]; do
		sleep 1
		sample "$1"
	done
}
start one
phase one 12
stop one
start two
phase two 12
stop two
sleep 1
phase idle 8
for p in one two idle; do
	diag "charged in phase '$p', ms: one $(charged $p 3), two $(charged $p 4); dom0 measured $(charged $p 5)"
done
[ "$(charged one 3)" -gt $((10 * $(charged one 4))) ] || fail "one was not named"
[ "$(charged two 4)" -gt $((10 * $(charged two 3))) ] || fail "two was not named"
[ "$(charged idle 3)" -lt $(($(charged one 3) / 10)) ] || fail "one pays while idle"
acctctl ledger | while read -r l; do diag "$l"; done
# measured = charged + own + unattributed, at every sample
awk -F '\t' '!/^#/ { n++; d = $5 - $6 - $7 - $8; if (d < -1 || d > 1) { print "sum", $0, d; exit 1 } } END { exit n < 8 }' $tsv ||
	fail "a sample does not add up"
conserved dom0 dom0
clean_log
