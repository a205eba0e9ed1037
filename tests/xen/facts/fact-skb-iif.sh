# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Frames from one guest to another through a bridge in dom0: which interface
# does skb_iif name when netback gets them?
# limit: 240
ip link add br0 type bridge
ip link set br0 up
ip addr add 10.9.0.1/24 dev br0
guest n1 - "vif=['bridge=br0']"
guest n2 - "vif=['bridge=br0']"
in_guest n1 10 'ifconfig eth0 10.9.0.11 up'
in_guest n2 10 'ifconfig eth0 10.9.0.12 up'
v1=vif$(domid n1).0 v2=vif$(domid n2).0
until_ok 20 ping -c 1 -W 1 10.9.0.12
until_ok 20 in_guest n1 10 'ping -c 1 -W 2 10.9.0.12'
skbiif "$v2" 12 >/run/bed/iif &
probe=$!
echo $probe >>/run/bed/pids
sleep 1
in_guest n1 20 'ping -c 5 10.9.0.12; arping -c 2 -I eth0 10.9.0.99' || :
ping -c 4 10.9.0.12 || :
wait $probe || fail "$(cat /run/bed/iif)"
sed "s/$v1/the sending guest's vif/; s/^/to a guest, /" /run/bed/iif | while read -r l; do diag "$l"; done
grep -q "unicast from $v1: [1-9]" /run/bed/iif || fail "skb_iif does not name the sender"
xl destroy n1
xl destroy n2
ip link del br0
