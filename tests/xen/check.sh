#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# `make check-xen`: two beds, one TAP stream with one numbering, and "N passed,
# N failed" at the end.  The first bed runs all cases; the second, with the
# other store and the other scheduler, those that have something to show there
# ("# bed:" in a case).  With CASE, SCHED or STORE given: one bed, as asked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
: "${CASE=}" "${SCHED=}" "${STORE=}"
export CASE SCHED STORE
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
bed() { # NAME: its lines, with the name before each
	XEN_NAME=$1 "$here/run.sh" cases | sed -u "s/^/$1 /" || :
}
if [ -n "$CASE$SCHED$STORE" ]; then
	bed "${STORE:-oxenstored}+${SCHED:-credit2}" | merge 1
	exit
fi
# One after the other: emulated CPUs of two beds on two cores wait for each other.
{
	STORE=oxenstored SCHED=credit2 bed oxenstored+credit2
	STORE=xenstored SCHED=credit bed xenstored+credit
} | merge 2
