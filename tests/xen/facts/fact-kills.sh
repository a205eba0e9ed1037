# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Same-domain grants: kills in every order.
# on: xen sandbox
# limit: 300
kills 0 50 | while read -r line; do diag "$line"; done
# PIPESTATUS is lost in a while: count what it said.
grep -c ' 0 wrong' "$run/diag" | grep -qx 4 || fail "a mapper read something wrong"
clean_log
