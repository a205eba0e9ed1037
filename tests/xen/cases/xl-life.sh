# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Stock xl, and nothing else, with our backends in a driver domain: create, reboot,
# block-detach and -attach, network-detach and -attach, destroy of a guest in
# mid-flight, of the driver domain, and of a guest whose backend is gone.  Each
# under -vvv, without a timeout.  (docs/driver-domain.md)
# bed: xenstored
# limit: 190
rc=0
out=$(timeout 10 acctring-blkback --kind vbd 2>&1) || rc=$?
is "$rc" 4 "blkback for a kind that dom0's kernel serves"
diag "in dom0, where xen-blkback is loaded: $out"

driver_domain drv
start_at drv blkback 'acctring-blkback -v --kind vbd'
at drv 10 'brctl addbr xenbr0 && ifconfig xenbr0 up' # libxl's bridge where none is named
start_at drv netback 'acctring-netback -v --kind vif'
at drv 10 'truncate -s 64M /tmp/disk /tmp/second'
disk() { echo "format=raw,vdev=xvda,access=rw,backendtype=phy,backend=drv,target=/tmp/$1"; }
vif() { echo "mac=00:16:3e:00:00:0$1,backend=drv"; }
xl=timed_xl guest_create user - "disk=['$(disk disk)']" "vif=['$(vif 1)']"
xl=timed_xl guest_create peer - "vif=['$(vif 2)']"
guest_up user
guest_up peer
b=$(domid drv) p=$(domid peer)
paths() {
	u=$(domid user)
	vbd=/local/domain/$b/backend/vbd/$u/51712 net=/local/domain/$b/backend/vif/$u/0
}
paths
late='timed out|timeout reached|but it was removed|unable to' # as timed_xl has it
logs() { log_of drv blkback; log_of drv netback; }
ping() {
	in_guest peer 10 'ifconfig eth0 10.0.0.2 up'
	in_guest user 10 'ifconfig eth0 10.0.0.1 up'
	in_guest user 60 'ping -c 5 -w 50 10.0.0.2' | tail -n 2 || fail "no network: $(logs)"
}
until_ok 20 state_is "$vbd" 4 || fail "no disk: $(logs)"
io_check user
ping
is "$(at drv 10 'ls /sys/class/net/xenbr0/brif | grep -c vif')" 2 "both are ports of the bridge"
# the guest's driver goes and comes again: the device stays
in_guest user 20 'echo vif-0 >/sys/bus/xen/drivers/vif/unbind'
until_ok 20 state_is "$net" 6 || fail "unbound, but $(ts_state "$net")"
in_guest user 40 'echo vif-0 >/sys/bus/xen/drivers/vif/bind'
until_ok 20 state_is "$net" 4 || fail "bound again, but: $(logs)"
ping
# the guest reboots: xl makes it anew, with its devices, and clears up the old ones
old=$u
timed reboot_guest user
paths
until_ok 20 state_is "$vbd" 4 || fail "rebooted, no disk: $(logs)"
until_ok 20 state_is "$net" 4 || fail "rebooted, no nic: $(logs)"
io_check user
ping
until_ok 20 is_gone "$old" || fail "rebooted, a zombie: $(xl list)"
for k in vbd vif; do
	no_node "/local/domain/$b/backend/$k/$old" || fail "left: $(xenstore-ls -fp "/local/domain/$b/backend/$k")"
done
grep -q 'Rebooting now' /var/log/xen/xl-user.log || fail "reboot: $(tail /var/log/xen/xl-user.log)"
! grep -iE "$late" /var/log/xen/xl-user.log >/run/bed/late || fail "reboot: $(cat /run/bed/late)"
is "$(xl block-list user | awk 'NR == 2 { print $1, $2, $4 }')" "51712 $b 4" "xl block-list"

timed_xl block-detach user xvda
no_node "$vbd" || fail "block-detach: $(xenstore-ls -fp "$vbd")"
timed_xl block-attach user "$(disk second)"
until_ok 20 state_is "$vbd" 4 || fail "no second disk: $(logs)"
io_check user
timed_xl network-detach user 0
no_node "$net" || fail "network-detach: $(xenstore-ls -fp "$net")"
timed_xl network-attach user mac=00:16:3e:00:00:01 backend=drv
until_ok 20 state_is "$net" 4 || fail "no second nic: $(logs)"
ping

io_start user
timed_xl destroy user
until_ok 10 is_gone "$u" || fail "zombie: $(xl list)"
for k in vbd vif; do
	no_node "/local/domain/$b/backend/$k/$u" || fail "left: $(xenstore-ls -fp "/local/domain/$b/backend/$k")"
done
timed_xl destroy drv
until_ok 20 is_gone "$b" || fail "zombie: $(xl list)"
timed_xl destroy peer
until_ok 20 is_gone "$p" || fail "zombie: $(xl list)"
clean_log
