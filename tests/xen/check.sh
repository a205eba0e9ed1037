#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# `make check-xen`: two beds, one TAP stream with one numbering, and "N passed,
# N failed" at the end.  A case runs in the beds that it names ("# bed:"), the
# first one where it names none.  With CASE, SCHED, STORE or GUEST given: one bed, as asked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${XEN_MINUTES:=25}" "${CASE=}" "${SCHED=}" "${STORE=}" "${GUEST=}" "${XEN_BASE:=$BUILD/xen}"
export CASE XEN_BASE XEN_MINUTES
# Numbers the lines of a bed anew; comments are named by their bed.
merge() { # BEDS
	perl -e '
		$| = 1;
		my ($want, $beds, $plan, $n, $bad, $skip, $again) = (shift, 0, 0, 0, 0, 0, 0);
		while (<STDIN>) {
			s/^(\S+) // or next;
			my $bed = $1;
			if (/^1\.\.(\d+)/) { $plan += $1; $beds++; next }
			if (/^(not )?ok /) {
				$n++;
				$bad++ if $1;
				$skip++ if /# SKIP/;
				s/ok \d+ - /ok $n - $bed /;
			}
			$again += split " ", $1 if /^# again:(.*)/;
			s/^# /# $bed: / or s/^Bail out/# $bed: bail out/;
			print;
		}
		my $missing = $plan - $n + $want - $beds;
		print "1..$plan\n";
		print "# $missing cases or beds did not run\n" if $missing;
		printf "%d passed, %d failed%s%s\n", $n - $bad - $skip, $bad + $missing,
			$skip ? ", $skip skipped" : "", $again ? ", $again at the second look" : "";
		exit($bad || $missing || !$plan ? 1 : 0)' "$1"
}
once() { # STORE SCHED GUEST: the lines of a bed
	XEN_NAME=$1+$2+$3 STORE=$1 SCHED=$2 GUEST=$3 "$here/run.sh" cases || :
}
# What fails on an emulated machine that others use may be late, not wrong; and a bed may die.  So
# up to three cases that failed, and what did not run, are looked at again, in a fresh boot; it is
# said, in the last line, too, and the second look counts; what the first left is in results.first.
twice() { # STORE SCHED GUEST
	local bed=$BUILD/xen/$1+$2+$3 first=$BUILD/xen/$1+$2+$3.first name again='' plan='/^1\.\./d'
	mkdir -p "$BUILD/xen"
	once "$@" | tee "$first" | sed -u 's/^not ok [0-9]* -/# first look: not ok -/; s/^Bail out!/# first look:/'
	if [ "$(grep -c '^not ok' "$first")" -gt 3 ]; then
		grep '^not ok' "$first"
		return
	fi
	for name in $(sed -n 's/^# cases: //p' "$first"); do
		grep -q "^ok [0-9]* - $name " "$first" || again="$again $name"
	done
	grep -q '^# cases: ' "$first" || again=" all" plan='' # it did not even boot
	[ -n "$again" ] && [ $((SECONDS / 60)) -lt "$XEN_MINUTES" ] || return 0
	rm -rf "$bed/results.first"
	[ ! -d "$bed/results" ] || mv "$bed/results" "$bed/results.first"
	echo "# again:$again"
	[ -n "$plan" ] || again=''
	CASE=$again XEN_MINUTES=$((XEN_MINUTES - SECONDS / 60)) once "$@" | sed -u "$plan"
}
bed() { # LOOKS STORE SCHED GUEST: its lines, with its name before each
	"$@" | sed -u "s/^/$2+$3+$4 /"
}
if [ -n "$CASE$SCHED$STORE$GUEST" ]; then
	bed once "${STORE:-oxenstored}" "${SCHED:-credit2}" "${GUEST:-pv}" | merge 1
	exit
fi
# Side by side: a bed has one emulated CPU, and there are two real ones.
"$here/base.sh" "$XEN_BASE" >/dev/null
{
	bed twice oxenstored credit2 pv &
	bed twice xenstored credit pvh
	wait
} | merge 2
