#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# `make check-xen`: two beds, one TAP stream with one numbering, and "N passed,
# N failed" at the end.  A case runs in the beds that it names ("# bed:"), the
# first one where it names none.  With CASE, SCHED, STORE or GUEST given: one bed, as asked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${CASE=}" "${SCHED=}" "${STORE=}" "${GUEST=}" "${XEN_BASE:=$BUILD/xen}"
export CASE XEN_BASE
# Numbers the lines of a bed anew; comments are named by their bed.
merge() { # BEDS
	perl -e '
		$| = 1;
		my ($want, $beds, $plan, $n, $bad, $skip) = (shift, 0, 0, 0, 0, 0);
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
			s/^# /# $bed: / or s/^Bail out/# $bed: bail out/;
			print;
		}
		my $missing = $plan - $n + $want - $beds;
		print "1..$plan\n";
		print "# $missing cases or beds did not run\n" if $missing;
		printf "%d passed, %d failed%s\n", $n - $bad - $skip, $bad + $missing, $skip ? ", $skip skipped" : "";
		exit($bad || $missing || !$plan ? 1 : 0)' "$1"
}
bed() { # STORE SCHED GUEST: its lines, with its name before each
	XEN_NAME=$1+$2+$3 STORE=$1 SCHED=$2 GUEST=$3 "$here/run.sh" cases | sed -u "s/^/$1+$2+$3 /" || :
}
if [ -n "$CASE$SCHED$STORE$GUEST" ]; then
	bed "${STORE:-oxenstored}" "${SCHED:-credit2}" "${GUEST:-pv}" | merge 1
	exit
fi
# Side by side: a bed has one emulated CPU, and there are two real ones.
"$here/base.sh" "$XEN_BASE" >/dev/null
{
	bed oxenstored credit2 pv &
	bed xenstored credit pvh
	wait
} | merge 2
