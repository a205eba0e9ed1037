# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# tap.sh - to be sourced: one line of TAP for each thing that is looked at;
# the test counts on in $n and prints its plan at the end.

n=0

ok() {	# ok CONDITION-STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
is() {	# is GOT EXPECTED NAME
	[ "$1" = "$2" ]
	ok $? "$3"
	[ "$1" = "$2" ] || printf '# got: %s\n# expected: %s\n' "$1" "$2"
}
like() {	# like GOT REGEX NAME
	[[ $1 =~ $2 ]]
	ok $? "$3"
	[[ $1 =~ $2 ]] || printf '# got: %s\n# expected: %s\n' "$1" "$2"
}
at_least() {	# at_least GOT MINIMUM NAME
	[ "${1:-0}" -ge "$2" ]
	ok $? "$3 ($1)"
}
