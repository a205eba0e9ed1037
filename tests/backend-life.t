#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# timeout: 120
# The directory of a device, from the toolstack's first node to the last:
# who removes it, when it stays, and whose devices a backend does not touch.
# A driver domain 1 in the sandbox; the toolstack is this script in domain 0.
. "$(dirname "$0")/lib/sandbox.sh"
. tests/lib/toolstack.sh

start_backends() {
	background 1 "vbd$1" "$bin/acctring-blkback" --verbose
	vbd=$pid vbd_exec=$last
	background 1 "vif$1" "$bin/acctring-netback" --verbose
	vif=$pid vif_exec=$last
	soon 10 grep -q serving "$tmp/vbd$1.log" && soon 10 grep -q serving "$tmp/vif$1.log"
}
# kill_backends: both, so that they know nothing of it
kill_backends() {
	kill -9 "$vbd" "$vif"
	wait "$vbd_exec" "$vif_exec" 2>/dev/null
}
has_file() { find "/proc/$vbd/fd" -lname "$tmp/disk" 2>/dev/null | grep -q .; }
lacks_file() { ! has_file; }

# What follows is done with a disk and with a network device of guest 2.
device() {	# device: made by the toolstack
	if [ $kind = vbd ]; then ts_vbd 2 1 51712 "$tmp/disk" w; else ts_vif 2 1 0 00:16:3e:00:00:02; fi
}
use_disk() {
	case $kind in
	vbd) background 2 user "$bin/acctring-blkfront" --rw randrw --runtime 60 --timeout 1 ;;
	vif) background 2 user "$bin/acctring-netfront" --receive ;;
	esac
	user=$pid user_exec=$last
	ts_wait "$back" 4 && ts_wait "$front" 4
}
leave() {	# leave SIGNAL: the frontend ends
	kill "-$1" "$user" 2>/dev/null
	wait "$user_exec" 2>/dev/null
}
# destroyed: what xl does for a kind that it does not know
destroyed() {
	"$xsb" destroy 2
	wait "$user_exec" 2>/dev/null
	xenstore-rm /local/domain/2 2>/dev/null
	xenstore-rm /libxl/2 2>/dev/null
	return 0
}
closed() { [ "$(ts_state "$back")" = 6 ] || ! xenstore-exists "$back"; }
unplug() { xenstore-write "$back/online" 0 "$back/state" 5; }
records() { # the guest's and dom0's nodes go, as after each removal
	xenstore-rm "$front"
	xenstore-rm "${front/\/local\/domain\/2//libxl/2}"
}

"$xsb" create 1 --name driver && "$xsb" create 2 --name guest
truncate -s 4M "$tmp/disk"
start_backends 1
ok $? "backends of both kinds"

for kind in vbd vif; do
	if [ $kind = vbd ]; then bkind=abd dev=51712; else bkind=avif dev=0; fi
	front=/local/domain/2/device/$kind/$dev
	back=/local/domain/1/backend/$bkind/2/$dev

	device && use_disk
	ok $? "$kind: connected"
	leave TERM
	is "$(ts_state "$back")" 6 "the frontend closes: Closed"
	sleep 1.6
	is "$(ts_state "$back")/$(xenstore-read "$back/online")" 6/1 "and it stays, for the toolstack has not unplugged it"
	use_disk
	ok $? "the next frontend connects to it"

	leave TERM
	began=$(date +%s%N)
	xenstore-write "$back/online" 0
	ts_gone "$back" 5
	ok $? "unplugged: the backend removes it"
	took=$((($(date +%s%N) - began) / 1000000))
	[ $took -ge 900 ]
	ok $? "not before libxl could see Closed ($took ms)"
	xenstore-exists "${back%/*}"
	is $? 1 "the empty directory of the guest, too"
	records
	device && use_disk
	ok $? "made anew, it works"

	# the way of libxl
	kill -STOP "$user"
	unplug
	sleep 0.3
	is "$(ts_state "$back")/$(ts_state "$front")" 5/4 "unplugged while in use: the guest has to let go"
	kill -CONT "$user"
	ts_gone "$back" 3
	ok $? "it does: removed"
	leave TERM
	records

	device && ts_wait "$back" 2 && unplug && soon 3 closed
	ok $? "unplugged before any frontend came: Closed at once"
	# made anew in the time that libxl has to look
	records
	device && use_disk
	ok $? "and made anew before it was removed: it works"
	sleep 1.5
	is "$(ts_state "$back")" 4 "the new one is not removed in place of the old"

	kill -STOP "$user"
	unplug
	xenstore-rm "$front"
	ts_gone "$back" 3
	ok $? "forced: unplugged while in use, the frontend's nodes are removed: removed"
	leave 9
	records 2>/dev/null

	device && use_disk && destroyed
	began=$(date +%s%N)
	ts_gone "$back" 5
	ok $? "the guest is destroyed, nobody says anything to the backend: removed ($(($(date +%s%N) / 1000000 - began / 1000000)) ms)"
	xenstore-exists "${back%/*}"
	is $? 1 "with the directory of the guest"

	"$xsb" create 2 --name guest && device && use_disk
	ok $? "a new guest of the same number is served"
	destroyed
	soon 5 "$xsb" create 2 --name guest && device && use_disk
	ok $? "and another, as soon as Xen has let go of the number"
	leave TERM
	ts_detach 2 $kind $dev
	ok $? "detached"
done

# -- what a backend that was killed has left --
ts_vbd 2 1 51712 "$tmp/disk" w
ts_vbd 2 1 51728 "$tmp/disk" w
ts_wait /local/domain/1/backend/abd/2/51728 2
kind=vbd front=/local/domain/2/device/vbd/51712 back=/local/domain/1/backend/abd/2/51712
use_disk
kill_backends
destroyed
start_backends 2
ts_gone $back 3 && ts_gone /local/domain/1/backend/abd/2/51728
ok $? "a guest died while no backend ran: the next one clears up what was connected, and what was offered"
"$xsb" create 2 --name guest
ts_vbd 2 1 51712 "$tmp/disk" w && unplug && sleep 0.1 && kill_backends
xenstore-rm "$front"
start_backends 3
ts_gone $back 3
ok $? "unplugged while no backend ran: cleared up"

# -- devices of others --
background 1 second "$bin/acctring-blkback"
wait "$last"
is "$?/$(wc -l <"$tmp/second.log")" 4/1 "a second process for the same kind: 4, in one line"
grep -q "backend/abd of this domain is served by process $vbd, allowed: one for each --kind" "$tmp/second.log"
ok $? "which says who has it"
background 1 other "$bin/acctring-blkback" --kind other
soon 5 grep -q serving "$tmp/other.log"
ok $? "another kind is free"
kill "$pid"
wait "$last"
background 2 elsewhere "$bin/acctring-blkback"
soon 5 grep -q serving "$tmp/elsewhere.log"
ok $? "and so is the same kind in another domain"
kill "$pid"
wait "$last"

# -- what is missing --
# the libraries of Debian find no Xen here; with the sandbox's event channels no grants only
mkdir "$tmp/lib"
ln -s "$BUILD/sandbox/libxenevtchn.so.1" "$tmp/lib"
if [ ! -e /dev/xen/evtchn ]; then
	for p in blkback netback; do
		for missing in evtchn gntdev; do
			dir=$tmp/lib
			[ $missing = gntdev ] || dir=/nowhere
			background 1 lacking env LD_LIBRARY_PATH=$dir "$bin/acctring-$p" --kind other
			wait "$last"
			is "$? $(cat "$tmp/lacking.log")" \
				"4 acctring-$p: /dev/xen/$missing: No such file or directory, allowed: modprobe xen-$missing" \
				"$p without /dev/xen/$missing: 4, and what to load"
		done
	done
fi
xenstore-write /local/domain/1/acctring/accountant nobody
background 1 lacking "$bin/acctring-blkback" --kind other
soon 10 grep -q 'no link to an accountant: Invalid argument: nothing is billed, allowed: /dev/xen/gntalloc (modprobe xen-gntalloc), xenstore, locks' \
	"$tmp/lacking.log"
ok $? "no link to an accountant: told in the log, with what it needs"
sleep 2
is "$(grep -c 'no link' "$tmp/lacking.log")" 1 "once"
xenstore-rm /local/domain/1/acctring/accountant
soon 15 grep -q 'the link is offered to the accountant in domain 0$' "$tmp/lacking.log"
ok $? "and when that is over"
kill "$pid"
wait "$last"

xenstore-rm "$front" 2>/dev/null
for state in 2 3 4 5 6; do
	ts_vbd 2 0 51744 "$tmp/disk" w	# a backend's directory elsewhere: made below, all at once
	b=/local/domain/1/backend/abd/2/$((51744 + state))
	xenstore-write "$b" "" && xenstore-chmod "$b" n1 r2
	# state first: a backend that looks in between sees no Initialising
	xenstore-write "$b/state" $state "$b/online" 1 "$b/frontend-id" 2 \
		"$b/params" "$tmp/disk" "$b/mode" w "$b/frontend" /local/domain/2/device/vbd/51744
done
sleep 1.5
got=
for state in 2 3 4 5 6; do
	got="$got $(ts_state /local/domain/1/backend/abd/2/$((51744 + state)))"
done
is "$got" " 2 3 4 5 6" "devices in a state in which nobody of ours left them are not touched"
is "$(grep -c 'refused: no backend of ours left it in state' "$tmp/vbd3.log")" 5 "one line for each"
xenstore-rm /local/domain/1/backend/abd/2

"$xsb" create 3 --name other
ts_vbd 3 1 51712 "$tmp/disk" w
background 3 user "$bin/acctring-blkfront" --rw randrw --runtime 60 --timeout 1
user=$pid user_exec=$last back=/local/domain/1/backend/abd/3/51712
ts_wait "$back" 4
has_file
before=$?
xenstore-write "$back/state" 2
soon 5 lacks_file
is "$before/$?/$(ts_state "$back")" 0/0/2 "another backend sets the state of a disk that we serve: we let go, and write nothing"
is "$(grep -c 'refused: another backend has set its state: InitWait' "$tmp/vbd3.log")" 1 "and say it"
leave 9
ts_forget 3 vbd 51712
ts_vbd 3 1 51712 "$tmp/disk" w
ts_wait "$back" 2
ok $? "made anew, it is ours again"
kill "$vbd" "$vif"
wait "$vbd_exec" && wait "$vif_exec"
ok $? "the end"
is "$(ts_state "$back")" 6 "a device that was not unplugged outlives its backend"
grep -hE 'ERROR: |runtime error|WARNING: ThreadSanitizer' "$tmp"/v*.log
is $? 1 "no sanitizer has complained"
echo "1..$n"
