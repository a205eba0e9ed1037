# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Two driver domains with an accountant each, one guest with a disk of either:
# its bill is the sum, and each ledger holds what its own backend posted.
# on: xen sandbox
# limit: 200
# bed: xenstored
guests drv1:driver drv2:driver payer
u=$(uuid_of payer)
cat >"$run/collector.conf" <<END
drivers = ( { domain = "drv1"; accountant = "drv1"; }, { domain = "drv2"; accountant = "drv2"; } );
bill_period_ms = 1000;
END
start_at dom0 collector "acctring-collector -v -c $run/collector.conf"
dev=xvda
for b in drv1 drv2; do
	start_at $b acctringd 'acctringd -v -d /tmp/ledger.db -s /tmp/acctringd.sock'
	start_at $b blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
	disk payer $b 16M $dev
	dev=xvdb
done
if [ "$on" = xen ]; then
	in_guest payer 90 'for i in 1 2; do for d in a b; do blkload write /dev/xvd$d $((3 * i)) 0x$i$d || exit 1; done
		for d in a b; do blkload check /dev/xvd$d $((3 * i)) 0x$i$d || exit 1; done; done' || fail "the disks"
else
	io_check payer xvda
	io_check payer xvdb
fi
until_ok 30 has_bill payer || fail "no bill; $(log_of dom0 collector)"
conserved drv1 drv1
conserved drv2 drv2
# field NAME DRIVER: of the payer, in that driver domain's ledger
field() { at "$2" 10 'acctctl dump' | awk -F '\t' -v u="$u" -v f="$1" 'NR == 1 { for (i = 1; i <= NF; i++) n[$i] = i } $1 == u { print $(n[f]) }'; }
of_bill() { bill_of payer | tr ' ' '\n' | sed -n "s/^$1=//p"; }
sums_up() { [ "$(of_bill "$1")" = "$2" ]; }
for f in posted_ns units bytes; do
	one=$(field $f drv1) two=$(field $f drv2)
	[ "${one:-0}" -gt 0 ] && [ "${two:-0}" -gt 0 ] || fail "$f: drv1 '$one', drv2 '$two'"
	until_ok 15 sums_up $f $((one + two)) || fail "$f: drv1 $one + drv2 $two, bill $(of_bill $f)"
	diag "$f: drv1 $one + drv2 $two = bill $(of_bill $f)"
done
clean_log
