# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# One link and its bill.  link BACKEND ACCOUNTANT: "dom0" or a driver domain
# that is started here.  A guest's own xen-blkfront reads and writes a disk of
# acctring-blkback; the bill, its secrecy, and the sums are looked at.
. /bed/toolstack.sh

link() {
	local b=$1 a=$2 d measured
	[ "$b" = dom0 ] || xl domid "$b" >/dev/null 2>&1 || driver_domain "$b" "${3:--}"
	[ "$a" = dom0 ] || [ "$a" = "$b" ] || driver_domain "$a" "${3:--}"
	accounting "$b" "$a"
	start_at "$b" blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
	guest payer
	guest other
	d=$(domid payer)
	disk payer "$b" 64M
	in_guest payer 90 'dd if=/dev/urandom of=/tmp/x bs=64k count=64 &&
		dd if=/tmp/x of=/dev/xvda bs=64k conv=fsync && echo 3 >/proc/sys/vm/drop_caches &&
		dd if=/dev/xvda of=/tmp/y bs=64k count=64 && cmp /tmp/x /tmp/y && rm /tmp/x /tmp/y' ||
		fail "the guest's disk"
	until_ok 30 has_bill payer || fail "no bill; $(log_of dom0 collector; log_of "$a" acctringd)"
	diag "bill, read by the guest: $(bill_of payer)"
	in_guest payer 5 'xsask write acctring/bill forged' >/run/bed/w && fail "a guest wrote its bill"
	in_guest other 5 "xsask read /local/domain/$d/acctring/bill" >/run/bed/r &&
		fail "another guest read the bill"
	grep -q 'Permission denied' /run/bed/r || fail "another guest: $(cat /run/bed/r)"
	grep -q 'Permission denied' /run/bed/w || fail "a guest's write: $(cat /run/bed/w)"
	diag "another guest: $(cat /run/bed/r); its own write: $(cat /run/bed/w)"
	conserved "$b" "$a"
	measured=$(at "$a" 10 'acctctl dump domains' |
		awk -F '\t' -v d="$(domid_of "$b")" '!/^#/ && $2 == d { print $4, $5 }')
	diag "the backend's domain: measured and charged ns: $measured"
	case $measured in "" | "0 "*) fail "the CPU of $b is not measured, yet charged" ;; esac
	stop_at "$a" acctringd || fail "acctringd does not end"
	stop_at dom0 collector || fail "collector does not end"
	clean_log
}
