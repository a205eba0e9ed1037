# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154
# What the guest whose domid is $f is charged, by dom0's own clock, in all and in the worst
# second.  To be sourced by a case that measures it.

# charged SECONDS: "mean worst least looks", per cent of a CPU; seconds by the accountant's clock, or
# what is between two looks where that is more
charged() {
	timeout -s INT "$1" acctctl ledger --watch 0.5 --json >"$run/looks" 2>/dev/null || : # it never ends by itself
	tr '{' '\n' <"$run/looks" | awk -v f="$f" '
		function num(key) { return match($0, "\"" key "\":[0-9.]+") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0 : -1 }
		/"interval_s"/ { now = num("t") }
		num("domid") == f && num("charged_ns") >= 0 { t[++n] = now; c[n] = num("charged_ns") }
		END {
			if (n < 4) exit 1
			least = 1e9
			for (i = j = 1; i <= n; i++) {
				while (t[j + 1] <= t[i] - 1) j++
				if (t[j] > t[i] - 1) continue
				s = (c[i] - c[j]) / (t[i] - t[j]) / 1e7
				if (s > worst) worst = s
				if (s < least) least = s
			}
			if (worst == "") exit 1
			printf "%.2f %.2f %.2f %d\n", (c[n] - c[1]) / (t[n] - t[1]) / 1e7, worst, least, n
		}'
}

# look SECONDS: sets mean, worst, low, looks
look() { read -r mean worst low looks < <(charged $(($1 * slow))) || fail "no looks: $(head -c 600 "$run/looks")"; }
