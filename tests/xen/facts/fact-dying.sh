# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A guest grants to dom0 and is destroyed while mapped: a zombie; is a NEW map
# of its grants possible while the old mapping stands?
# on: xen sandbox
# limit: 240
guest g1
d=$(domid g1)
in_guest g1 10 'granter 0 4 >/tmp/g & sleep 1; cat /tmp/g'
refs=$(in_guest g1 10 'cat /tmp/g' | sed -n 's/^refs //p')
[ -n "$refs" ] || fail "no references"
diag "first grant references of a guest's granter: $refs"
mkfifo go
# shellcheck disable=SC2086
mapper "$d" $refs <go >seen 2>&1 &
mapper=$!
echo $mapper >>"$run/pids"
exec 7>go
until_ok 10 grep -q ok seen
# shellcheck disable=SC2086
mapper "$d" $refs </dev/null || fail "alive: second map"
destroy g1
is_dying "$d" || fail "destroyed while mapped, but it is no zombie"
diag "destroyed while mapped: a zombie"
echo look >&7
sleep 1
grep -q wrong seen && fail "page changed"
[ "$(grep -c ok seen)" = 2 ] || fail "mapper: $(cat seen)"
diag "the mapper reads on ($(tail -n 1 seen))"
# shellcheck disable=SC2086
if mapper "$d" $refs </dev/null >out 2>&1; then
	diag "a NEW map of a dying domain's grant works while another mapping exists"
else
	fail "a NEW map of a dying domain's grant fails while another mapping exists: $(head -n 1 out)"
fi
exec 7>&-
wait $mapper
until_ok 20 is_gone "$d" || fail "still a zombie after the unmap"
diag "unmapped: the zombie is gone"
clean_log
