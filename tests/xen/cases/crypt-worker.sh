# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A guest's disk on dm-crypt on a loop device: the map finds whose dm-crypt it is, its
# write thread is billed beside the ring's, and what the shared workers burn for it is
# shown as their pool, billed to nobody.  (docs/processes.md)
# limit: 240
# bed: xenstored
. /bed/toolstack.sh
export ACCTRING_SOCKET=/tmp/acctringd.sock
dmsetup remove crypted 2>/dev/null || : # of a run that failed
truncate -s 64M /tmp/crypted.img
modprobe -a loop dm-crypt
loop=$(losetup -f --show /tmp/crypted.img)
key=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
dmsetup create crypted --table "0 131072 crypt aes-xts-plain64 $key 0 $loop 0" || fail "dmsetup"
number=$(dmsetup info -c --noheadings --separator : -o major,minor crypted | tr -d ' ')
guest_create one - "disk=['format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/mapper/crypted']"
guest_up one
one=$(domid one)
accounting dom0 dom0
until_ok 20 acctctl dump ledger >/dev/null || fail "no accountant"
diag "physical-device: $(xenstore-read "/local/domain/0/backend/vbd/$one/51712/physical-device"), dm-crypt is $number"
acctring-kernback --list >/tmp/list
while read -r l; do diag "$l"; done </tmp/list
is "$(awk -F '\t' -v n="dmcrypt_write/$number" '$1 == "thread" && $3 == n { print $5, $6, $7 }' /tmp/list)" \
	"vbd $one 51712" "whose dmcrypt_write is"
start_at dom0 kernback 'acctring-kernback -v --level 1 --totals /tmp/kern.tsv'
until_ok 10 grep -q billing /tmp/kernback.log || fail "$(log_of dom0 kernback)"
clock() { # NAME...: ns of the threads of these names
	local p n ns=0
	for p in $(ps -e -o pid=,comm= | awk -v l=" $* " 'index(l, " " $2 " ") { print $1 }'); do
		read -r n _ <"/proc/$p/schedstat" && ns=$((ns + n))
	done
	echo $ns
}
vm() { acctctl dump ledger | awk -F '\t' -v n="$1" '$3 == n { c = $5 } END { printf "%.0f", c / 1e6 }'; }
pool() { acctring-kernback --list | awk -F '\t' -v p="$1" '$1 == "pool" && $2 ~ p { n += $3 } END { printf "%.0f", n / 1e6 }'; }
ring=$(clock "$one.xvda-0") writer=$(clock "dmcrypt_write/$number") shared=$(pool '^workers-')
in_guest one 60 'for i in 1 2 3 4; do dd if=/dev/zero of=/dev/xvda bs=4k count=1000 oflag=direct; done 2>/dev/null'
ring=$((($(clock "$one.xvda-0") - ring) / 1000000)) writer=$((($(clock "dmcrypt_write/$number") - writer) / 1000000))
shared=$(($(pool '^workers-') - shared))
billed() { [ "$(vm one)" -ge $(((ring + writer) * 3 / 4)) ]; }
until_ok 10 billed || fail "burned $ring + $writer ms, charged $(vm one)"
diag "4000 writes: ring $ring ms, dmcrypt_write $writer ms, charged $(vm one) ms; shared workers $shared ms, billed to nobody"
most "charged" $(((ring + writer) * 5 / 4 + 20)) "$(vm one)"
least "dmcrypt_write ms" 1 "$writer"
least "shared workers' ms" 1 "$shared"
stop_at dom0 kernback || fail "kernback does not end: $(log_of dom0 kernback)"
acctctl dump accounts >/tmp/dump.tsv
awk -f /bed/conserved.awk /tmp/dump.tsv /tmp/kern.tsv /tmp/kernback.out >"$run/conserved" ||
	fail "not conserved: $(cat "$run/conserved")"
diag "$(tail -n 1 "$run/conserved")"
destroy one
until_ok 20 dmsetup remove crypted || fail "dm-crypt is still in use"
losetup -d "$loop"
clean_log
