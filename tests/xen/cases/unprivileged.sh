# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What a guest may not know, in words of the store and the hypervisor.
# limit: 200
extra=xen_privcmd.unrestricted=1 guest g
guest h
u=$(xl vm-list | awk '$3 == "h" { print $1 }')
h=$(domid h)
refused() { # WHAT COMMAND
	in_guest g 15 "$2" >/run/bed/r && fail "$1 is not refused: $(cat /run/bed/r)"
	diag "$store: $1: $(tail -n 1 /run/bed/r)"
}
refused "list of /local/domain" 'xsask list /local/domain'
refused "another guest's directory" "xsask list /local/domain/$h/device"
refused "/vm/<uuid> of another" "xsask read /vm/$u/uuid"
refused "getinfolist" 'runstate list'
# a watch may be accepted and then say nothing: what counts is that no event comes
in_guest g 30 'xsask watch @releaseDomain 8 >/tmp/w 2>&1 &' || :
xl destroy h
sleep 9
w=$(in_guest g 10 'cat /tmp/w')
diag "$store: @releaseDomain while a domain ends: $w"
echo "$w" | grep -q '[1-9][0-9]* events' && fail "a guest learns when domains end"
in_guest g 10 runstate | grep -q 'running [1-9]' || fail "its own runstate"
