#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What a record costs: ns and instructions per record, as a table.
# Instructions are counted by callgrind, where valgrind is installed.
prog=${BUILD:-$(dirname "$0")/../build}/bench/post
records=102400

instructions() { # SUBJECT
	command -v valgrind >/dev/null || { echo -; return; }
	out=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
		--toggle-collect="run_$1" "$prog" "$1" $records 2>&1 |
		sed -n 's/.*Collected : \([0-9]*\).*/\1/p')
	[ -n "$out" ] && awk -v n="$out" -v r=$records 'BEGIN { printf "%.1f", n / r }' || echo -
}

printf '%s, %s\n' "$(sed -n 's/^model name[^:]*: //p;T;q' /proc/cpuinfo)" \
	"$(${CC:-cc} --version | head -1)"
table=$("$prog") || exit 1
printf '\n| subject | ns a record | median | instructions | of the limit |\n| --- | --- | --- | --- | --- |\n'
printf '%s\n' "$table" | grep -v '^#' | while IFS=$'\t' read -r name ns median of what; do
	[ "$name" = drain ] && of=-
	printf '| %s | %s | %s | %s | %s |\n' "$what" "$ns" "$median" "$(instructions "$name")" "$of"
done
printf '\nA record has 32 bytes; a spilled post has none of its own (a row of 64 bytes a key).\n'
