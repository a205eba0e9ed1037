#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 120
# acctctl attach, acctctl detach in domain 0 of the sandbox, with the
# backends and frontends themselves at both ends.
. "$(dirname "$0")/lib/sandbox.sh"
ctl=$bin/acctctl

# refused STATUS REGEX ARGS...: one line, nothing on stdout, and nothing changed
refused() {
	local want=$1 re=$2 before after out err rc
	shift 2
	before=$(xenstore-ls)
	out=$("$ctl" "$@" 2>"$tmp/err")
	rc=$?
	err=$(cat "$tmp/err") after=$(xenstore-ls)
	[ "$rc" = "$want" ] && [[ $err =~ $re ]] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		[ -z "$out" ] && [ "$before" = "$after" ]
	ok $? "refused: acctctl ${*//$tmp/TMP}"
	[ "$rc" = "$want" ] && [[ $err =~ $re ]] || printf '# %s: %s\n' "$rc" "$err"
}
front() { timeout 60 "$xsb" exec 2 -- "$bin/acctring-blkfront" "$@" 2>"$tmp/front.log"; }

"$xsb" create 1 --name driver && "$xsb" create 2 --name guest && "$xsb" create 3 --name twin &&
	"$xsb" create 4 --name twin
ok $? "a driver domain and guests"
truncate -s 4M "$tmp/a.img"
background 1 vbd "$bin/acctring-blkback" --verbose
vbd=$pid vbd_exec=$last
background 1 vif "$bin/acctring-netback" --verbose
vif=$pid vif_exec=$last
# until both have their link offered: nothing changes by itself then
soon 10 eval '[ "$(xenstore-list /local/domain/1/data/acctring/link | wc -l)" = 2 ]'

# -- what is wrong on the command line, and what is not there --
mac=00:16:3e:00:00:02
refused 2 'attach: what is missing, allowed: disk, nic' attach
refused 2 'attach: tape, allowed: disk, nic' attach tape guest x y
refused 2 'attach: 2 arguments, allowed: disk GUEST VDEV FILE' attach disk guest
refused 2 'attach: more: unexpected argument' attach disk guest xvda /x more
refused 2 'attach: xvda0: no such disk, allowed: xvda, xvdb1' attach disk guest xvda0 /x
refused 2 'attach: sda: no such disk' attach disk guest sda /x
refused 2 'attach: disk.img: allowed: the path' attach disk guest xvda disk.img
refused 2 'attach: --mac: not of a disk' attach disk guest xvda /x --mac $mac
refused 2 'attach: --mac: missing, allowed: the address' attach nic guest 0
refused 2 'attach: --mac: 01:00:5e:00:00:01, allowed' attach nic guest 0 --mac 01:00:5e:00:00:01
refused 2 'attach: eth0: no such device, allowed: a number' attach nic guest eth0 --mac $mac
refused 2 'attach: --bridge: /br0, allowed' attach nic guest 0 --mac $mac --bridge /br0
refused 2 'attach: --mtu: 67, allowed: 68..65521' attach nic guest 0 --mac $mac --mtu 67
refused 2 'attach: --bridge: not of a disk' attach disk guest xvda /x --bridge br0
refused 2 'attach: --readonly: only of a disk' attach nic guest 0 --mac $mac --readonly
refused 2 'attach: --kind: "A/b", allowed: 1\.\.32 of' attach disk guest xvda /x --kind A/b
refused 2 'attach: --wait: "0", allowed: 1\.\.3600 seconds' attach disk guest xvda /x --wait 0
refused 2 'attach: --bakend: unknown option, allowed: disk nic --backend' attach --bakend 1
refused 2 'attach: --backend: needs a value' attach disk guest xvda /x --backend
refused 2 'attach: --backend: domain 2 is the guest itself' attach disk guest xvda /x --backend 2
refused 1 'attach: guest nobody: no such domain, allowed: a name or a domid' attach disk nobody xvda /x
refused 1 'attach: guest 77: no such domain' attach disk 77 xvda /x
refused 1 'attach: guest twin: 2 domains have that name, allowed: a domid' attach disk twin xvda /x
refused 1 'attach: --backend net: no such domain' attach disk guest xvda /x --backend net
refused 1 'detach: xvda: the guest has no such device' detach guest xvda
refused 2 'detach: 1 arguments, allowed: GUEST VDEV' detach guest
refused 2 'detach: --wait: "x", allowed: 1\.\.3600 seconds' detach guest xvda --wait x
refused 2 'detach: sda: no such device, allowed' detach guest sda
line=$("$xsb" exec 3 -- "$ctl" attach disk 2 xvda /x --backend 1 2>&1)
is "$?/$line" "4/acctctl: attach: /local/domain/2: xenstore: Permission denied, allowed: in dom0" \
	"a guest cannot attach: 4"
line=$("$xsb" exec 3 -- "$ctl" attach disk guest xvda /x --backend 1 2>&1)
is "$?/$line" "4/acctctl: attach: /local/domain: xenstore: Permission denied, allowed: in dom0" \
	"by name neither"

# -- a disk --
f=/local/domain/2/device/vbd/51712 b=/local/domain/1/backend/abd/2/51712
"$ctl" attach disk guest xvda "$tmp/a.img" --backend driver
ok $? "attach disk"
is "$(perms $f) $(perms $f/state) $(perms $b) $(perms $b/params)" "n2,r1 n2,r1 n1,r2 n1,r2" \
	"each end owns its directory, and the other reads it"
is "$(perms ${b%/*})" n1 "the backend owns the directory of the guest"
is "$(xenstore-read /libxl/2/device/vbd/51712/backend $b/params $f/backend $b/dev | tr '\n' ' ')" \
	"$b $tmp/a.img $b xvda " "the nodes"
refused 1 "attach: the guest has such a device: $f" attach disk guest xvda "$tmp/a.img"
refused 1 "attach: the guest has such a device: $f" attach disk 2 51712 "$tmp/a.img" --backend 1 --kind other
is "$(front --rw verify --bs 512-44k --depth 8 | sed 's/.*\(mismatches=[0-9]*\).*/\1/')" mismatches=0 \
	"the guest writes and reads it"
took=$(date +%s%N)
"$ctl" detach guest xvda
is "$?/$(xenstore-exists $b)$?/$(xenstore-exists $f)$?/$(xenstore-exists /libxl/2/device/vbd)$?" 0/1/1/1 \
	"detach: nothing is left"
took=$((($(date +%s%N) - took) / 1000000))
[ $took -lt 4000 ]
ok $? "in $took ms"

"$ctl" attach disk guest xvdb "$tmp/a.img" --readonly --backend 1
front --rw randwrite --count 4 2>/dev/null
is "$?/$(xenstore-read /local/domain/1/backend/abd/2/51728/mode)" 1/r "--readonly: writes fail"
"$ctl" detach guest 51728
ok $? "detach by number"

# -- --wait, and what is in the way --
# shellcheck disable=SC2016
background 2 user sh -c 'until xenstore-exists device/vbd/51712/state; do sleep 0.1; done
	exec "$0" --device 51712 --rw randrw --runtime 60' "$bin/acctring-blkfront"
"$ctl" attach disk guest xvda "$tmp/a.img" --backend driver --wait 20
is "$?/$(xenstore-read $b/state)/$(xenstore-read $f/state)" 0/4/4 "--wait: connected when it returns"
kill -STOP "$pid"
line=$("$ctl" detach guest xvda --wait 2 2>&1)
is "$?/$line" "1/acctctl: detach: still there after 2 s: backend Closing, guest Connected: the guest uses it, allowed: let it go there, or --force" \
	"a guest that does not let go: says so"
"$ctl" detach guest xvda --force
is "$?/$(xenstore-exists $b)$?/$(xenstore-exists $f)$?" 0/1/1 "--force: gone"
kill -9 "$pid"
wait "$last" 2>/dev/null

"$ctl" attach disk guest xvda "$tmp/none" --backend driver --wait 1 2>"$tmp/err"
is "$?/$(cat "$tmp/err")" "1/acctctl: attach: not connected after 1 s: backend Closing, guest Initialising: params: $tmp/none: No such file or directory; it stays attached: acctctl detach 2 51712" \
	"--wait: the backend's own words when it cannot"
"$ctl" detach guest xvda
ok $? "and it can be detached"
line=$("$ctl" attach disk guest xvda /x --backend 3 --wait 1 2>&1)
is "$?/$line" "1/acctctl: attach: not connected after 1 s: backend Initialising, guest Initialising: no backend serves backend/abd of domain 3, allowed: start acctring-blkback --kind abd there; it stays attached: acctctl detach 2 51712" \
	"no backend there: says what to start, and that the device stays"
refused 1 "attach: the guest has such a device: $f" attach disk guest xvda /x --backend 3
line=$("$ctl" detach guest xvda --wait 1 2>&1)
is "$?/$line" "1/acctctl: detach: still there after 1 s: backend Closing, guest Initialising: no backend serves backend/abd of domain 3, allowed: start acctring-blkback --kind abd there, or --force" \
	"nobody there to let it go, either"
took=$(date +%s%N)
"$ctl" detach guest xvda --force --wait 60
is "$?/$(xenstore-exists /local/domain/3/backend/abd/2)$?" 0/1 "--force clears up after a backend that does not run"
took=$((($(date +%s%N) - took) / 1000000))
[ $took -lt 5000 ]
ok $? "without a wait where no backend has ever taken it ($took ms)"

# -- what an earlier guest of the number left; what xl made --
xenstore-write $b/state 6 $b/left 1
"$ctl" attach disk guest xvda "$tmp/a.img" --backend driver
is "$?/$(xenstore-exists $b/left)$?" 0/1 "a dead backend directory is replaced"
"$ctl" detach guest xvda
xenstore-write /libxl/2/device/vbd/51712/backend /local/domain/1/backend/vbd/2/51712
refused 1 'detach: xvda: backend/vbd, allowed: what acctctl attach made; .*xl block-detach' detach guest xvda
xenstore-rm /libxl/2/device/vbd

# -- a network device --
"$ctl" attach nic guest 0 --mac $mac --backend driver
ok $? "attach nic"
background 2 net "$bin/acctring-netfront" --receive
is "$(for _ in $(seq 100); do
	[ "$(xenstore-read /local/domain/1/backend/avif/2/0/state)" = 4 ] && echo up && break
	sleep 0.05
done)" up "the guest connects to it"
"$ctl" detach guest 0
is "$?/$(xenstore-exists /local/domain/1/backend/avif/2)$?" 0/1 "detach while it is in use: the guest lets go"
kill "$pid" 2>/dev/null
wait "$last"

# -- many at a time: nobody's nodes are lost, nobody gets one twice --
for i in $(seq 8); do
	"$ctl" attach disk guest "xvd$(printf %b "\\$(printf %o $((98 + i)))")" "$tmp/a.img" --backend driver &
	"$ctl" attach disk guest xvdz "$tmp/a.img" --backend driver 2>>"$tmp/twice" && echo won >>"$tmp/won" &
	pids="$pids $!"
done
# shellcheck disable=SC2086
wait $pids
soon 5 eval '[ "$(xenstore-list /libxl/2/device/vbd | wc -l)" = 9 ]'
is "$(wc -l <"$tmp/won")/$(wc -l <"$tmp/twice")/$(xenstore-list /libxl/2/device/vbd | wc -l)" 1/7/9 \
	"eight at a time, and eight for one name: one of them"
for d in $(xenstore-list /libxl/2/device/vbd); do "$ctl" detach 2 "$d" & pids="$pids $!"; done
# shellcheck disable=SC2086
wait $pids
is "$(xenstore-exists /local/domain/1/backend/abd/2)$?/$(xenstore-exists /libxl/2/device/vbd)$?" 1/1 "all detached"

kill "$vbd" "$vif"
wait "$vbd_exec" && wait "$vif_exec"
ok $? "the end"
echo "1..$n"
