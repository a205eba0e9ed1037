# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Do pages that a killed granter's peer still maps count in gntalloc's limit?
# limit: 60
# on: xen sandbox
refs() { sed -n 's/^refs //p' "$1"; }
granter 0 1000 >one &
one=$!
until_ok 10 grep -q refs one || fail "no 1000 pages"
timeout 5 granter 0 25 >extra 2>&1 && fail "1025 pages could be shared"
diag "1000 pages and 25: $(cat extra)"
mkfifo go
# shellcheck disable=SC2046
mapper 0 $(refs one | cut -d ' ' -f 1-60) <go >seen 2>&1 &
mapper=$!
exec 9>go
until_ok 10 grep -q ok seen || fail "no mapping: $(cat seen)"
kill -9 $one
wait $one || :
granter 0 1000 >two 2>&1 &
two=$!
until_ok 10 grep -q . two
grep -q refs two || fail "60 pages of a killed granter are mapped, and count: $(cat two)"
diag "60 pages of a killed granter are mapped: 1000 new ones can be shared, so they do not count"
both=$( (refs one | tr ' ' '\n' | head -n 60; refs two | tr ' ' '\n') | sort | uniq -d | wc -l)
is "$both" 0 "references in both"
kill -9 $two $mapper 2>/dev/null || :
clean_log
