# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# One link and its bill.  link BACKEND ACCOUNTANT [TYPE [xvdX]]: "dom0" or a driver
# domain; they, and the guests, are started here if they do not run.  A guest
# reads and writes a disk of acctring-blkback; the bill, its secrecy, and the sums
# are looked at.  Links in one case, one after another, each have their own xvdX.

link() {
	local b=$1 a=$2 dev=${4:-xvda} d w before measured
	for w in "$b" "$a"; do
		[ "$w" = dom0 ] || domid "$w" >/dev/null 2>&1 || driver_create "$w" "${3:-pv}"
	done
	# they boot while the driver domain does
	domid payer >/dev/null 2>&1 || guests payer other
	for w in "$b" "$a"; do
		[ "$w" = dom0 ] || driver_up "$w"
	done
	step "backend in $b, accountant in $a"
	d=$(domid payer)
	before=$(posted payer 2>/dev/null) || : # by the link before
	accounting "$b" "$a"
	start_at "$b" blkback 'acctring-blkback -v --totals /tmp/vbd.tsv'
	disk payer "$b" 64M "$dev"
	io_check payer "$dev"
	step "the disk is checked"
	until_ok 30 link_is_billed "${before:-0}" || fail "no bill; $(log_of dom0 collector; log_of "$a" acctringd)"
	diag "backend in $b, accountant in $a: bill, read by the guest: $(bill_of payer)"
	link_is_secret "$d"
	conserved "$b" "$a" "device=$(devid "$dev")"
	until_ok 15 is_measured "$b" "$a" || fail "the CPU of $b is not measured: $(log_of "$a" acctringd)"
	diag "$b: measured and charged ns: $measured"
	stop_at "$a" acctringd || fail "acctringd does not end"
	stop_at dom0 collector || fail "collector does not end"
	ts_forget "$d" vbd "$(devid "$dev")" || :
	clean_log
	step "all is stopped"
}
link_is_billed() { # posted_ns BEFORE
	local now
	now=$(posted payer 2>/dev/null) && [ "${now:-0}" -gt "$1" ]
}
link_is_secret() { # DOMID of the payer
	in_guest payer 5 'xsask write acctring/bill forged' >"$run/w" && fail "a guest wrote its bill"
	in_guest other 5 "xsask read /local/domain/$1/acctring/bill" >"$run/r" &&
		fail "another guest read the bill"
	grep -q 'Permission denied' "$run/r" || fail "another guest: $(cat "$run/r")"
	grep -q 'Permission denied' "$run/w" || fail "a guest's write: $(cat "$run/w")"
}
# The collector says once a second what another domain burned.
is_measured() { # BACKEND ACCOUNTANT
	measured=$(at "$2" 10 'acctctl dump domains' |
		awk -F '\t' -v d="$(domid_of "$1")" '!/^#/ && $2 == d { print $4, $5 }')
	case $measured in "" | "0 "*) return 1 ;; esac
}
