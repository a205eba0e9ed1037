# SPDX-License-Identifier: LGPL-2.1-or-later
# Compares what backends posted (their --totals files, their last lines)
# with what the ledger holds (acctctl dump accounts), payer by payer and
# class by class.  Prints each difference, then the line of `make demo`;
# exits 1 when anything differs.
#
# usage: awk [-v rebooted=1] [-v device=N] -f conserved.awk LEDGER.tsv TOTALS.tsv... OUTPUT...
#
# rebooted: the ledger knows a VM by its UUID and names its latest domid, backends
# knew its earlier ones too: domids are not compared.
# device: only what the ledger holds of this one; the totals are of no other.
BEGIN { FS = "\t"; split("posts units bytes ns", field, " ") }

function key(kind, domid, device, class)
{
	return kind " domid " (rebooted ? "any" : domid) " device " device " " class
}

FNR == 1 { file++ }
/^#/ { next }

# uuid domid name backend kind device class posts units bytes ns
file == 1 && (device == "" || $6 == device) {
	vm[$1] = 1
	for (i = 1; i <= 4; i++) {
		held[key($5, $2, $6, $7), i] += $(7 + i)
		ledger[i] += $(7 + i)
	}
	seen[key($5, $2, $6, $7)] = 1
}
file == 1 { next }

# kind domid device class posts units bytes ns
NF == 8 {
	for (i = 1; i <= 4; i++) {
		post[key($1, $2, $3, $4), i] += $(4 + i)
		posted[i] += $(4 + i)
	}
	seen[key($1, $2, $3, $4)] = 1
	next
}

# posted kind=vbd posts=N ns=N units=N bytes=N spilled=N overflowed=N pending=N
/^posted / {
	backends++
	n = split($0, word, " ")
	for (i = 2; i <= n; i++) {
		split(word[i], kv, "=")
		said[kv[1]] += kv[2]
	}
}

END {
	for (k in seen)
		for (i = 1; i <= 4; i++)
			if (held[k, i] != post[k, i]) {
				printf "differs: %s: %s posted %.0f, ledger %.0f\n", k, field[i], post[k, i], held[k, i]
				bad = 1
			}
	for (u in vm)
		vms++
	if (!backends || said["ns"] != posted[4] || said["posts"] != posted[1]) {
		print "differs: the backends' last lines and their totals"
		bad = 1
	}
	if (said["pending"] || !posted[1])
		bad = 1
	printf "conserved posted_ns=%.0f ledger_ns=%.0f lost_ns=%.0f records=%.0f spilled=%.0f vms=%d\n", \
		posted[4], ledger[4], posted[4] - ledger[4], said["posts"], said["spilled"], vms
	exit bad
}
