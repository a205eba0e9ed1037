# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What is left of granted pages when their granter is killed: unmapped and
# mapped, and what the next granter's numbers are.
# on: xen sandbox
refs_of() { # FILE
	until_ok 10 grep -q refs "$1"
	sed -n 's/^refs //p' "$1"
}
start() { # FILE: a granter of 4 pages to dom0; sets refs and pid
	: >"$1"
	granter 0 4 >"$1" 7>&- &
	pid=$!
	echo $pid >>"$run/pids"
	refs=$(refs_of "$1")
}
start a
first=$refs
kill -9 $pid
wait $pid || :
# shellcheck disable=SC2086
mapper 0 $first </dev/null >out 2>&1 && fail "a killed granter's unmapped pages could be mapped: $(cat out)"
diag "granter killed, unmapped: a map of its references fails ($(head -n 1 out))"
start a
diag "references: first granter $first; killed; next granter $refs"
is "$refs" "$(echo "$first" | tr ' ' '\n' | tac | paste -sd ' ')" "last in, first out"
# Mapped: a mapper that stays, told when to look by a pipe.
mkfifo go
# shellcheck disable=SC2086
mapper 0 $refs <go >seen 2>&1 &
mapper=$!
echo $mapper >>"$run/pids"
exec 7>go
until_ok 10 grep -q ok seen
old=$refs
kill -9 $pid
wait $pid || :
echo look >&7
until_ok 10 eval '[ $(wc -l <seen) -ge 2 ]'
grep -q wrong seen && fail "mapped page changed"
diag "granter killed, mapped: the mapper still reads the right bytes ($(tail -n 1 seen))"
# shellcheck disable=SC2086
if mapper 0 $old </dev/null >out 2>&1; then
	diag "granter killed, mapped: a second, NEW map of the same references works ($(head -n 1 out))"
else
	fail "granter killed, mapped: a second, NEW map of the same references fails ($(head -n 1 out))"
fi
start b
diag "while those stay mapped, the next granter gets $refs (held: $old)"
for r in $refs; do case " $old " in *" $r "*) fail "a mapped reference was given out again" ;; esac; done
exec 7>&-
wait $mapper
kill -9 $pid
wait $pid || :
sleep 3
start c
diag "mapper gone, 3 s later: the next granter gets $refs"
kill -9 $pid
clean_log
