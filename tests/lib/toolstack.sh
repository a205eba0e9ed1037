# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# toolstack.sh - what a toolstack (xl) writes into xenstore for the devices
# of guests.  To be sourced; runs in domain 0.
#
#   ts_vbd F B DEV FILE [r|w]   disk DEV of guest F, served by B from FILE
#   ts_vif F B DEV MAC          network device DEV of guest F, served by B
#   ts_detach F KIND DEV        unplugs it (KIND: vbd, vif); waits 10 s for the backend
#   ts_forget F KIND DEV        removes all its nodes at once, as after `xl destroy`
#   ts_state DIR                the state as a number, 0 if there is none
#   ts_wait DIR STATE [SECONDS] until DIR/state is STATE; default 10 s
#   ts_gone DIR [SECONDS]       until DIR is not there; default 10 s
#
# Backend kinds are abd and avif, so that no driver of a kernel takes the device.

# ts_device F B KIND BKIND DEV FRONTNODES -- BACKNODES (pairs: name value)
ts_device() {
	local f=$1 b=$2 kind=$3 bkind=$4 dev=$5
	local front=/local/domain/$f/device/$kind/$dev
	local back=/local/domain/$b/backend/$bkind/$f/$dev
	local lib=/libxl/$f/device/$kind/$dev
	local -a fnodes=() bnodes=()
	shift 5
	while [ "$1" != -- ]; do
		fnodes+=("$front/$1" "$2")
		shift 2
	done
	shift
	while [ $# -gt 0 ]; do
		bnodes+=("$back/$1" "$2")
		shift 2
	done

	# what an earlier domain of this number left would not be readable
	xenstore-rm "$front" 2>/dev/null
	xenstore-rm "$back" 2>/dev/null
	xenstore-write "$lib/frontend" "$front" "$lib/backend" "$back" \
		"$lib/frontend-id" "$f" "$lib/online" 1 || return 1
	# first the directory with its permissions: what is below inherits them
	xenstore-write "$front" "" || return 1
	xenstore-chmod "$front" "n$f" "r$b" || return 1
	xenstore-write "${back%/*}" "" "$back" "" || return 1
	xenstore-chmod "${back%/*}" "n$b" || return 1
	xenstore-chmod "$back" "n$b" "r$f" || return 1
	# the states come last: a backend begins when its own is there, and the
	# frontends of Linux give up for good when they find no backend
	xenstore-write "$back/frontend" "$front" "$back/frontend-id" "$f" \
		"$back/online" 1 "${bnodes[@]}" "$back/state" 1 || return 1
	xenstore-write "$front/backend" "$back" "$front/backend-id" "$b" \
		"${fnodes[@]}" "$front/state" 1
}

ts_vbd() {
	local f=$1 b=$2 dev=$3 file=$4 mode=${5:-w}

	ts_device "$f" "$b" vbd abd "$dev" \
		virtual-device "$dev" device-type disk -- \
		params "$file" mode "$mode" dev xvda
}

ts_vif() {
	local f=$1 b=$2 dev=$3 mac=$4

	ts_device "$f" "$b" vif avif "$dev" \
		handle "$dev" mac "$mac" -- handle "$dev" mac "$mac"
}

ts_state() {
	xenstore-read "$1/state" 2>/dev/null || echo 0
}

ts_wait() {
	local n=$((${3:-10} * 20))

	until [ "$(ts_state "$1")" = "$2" ]; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.05
	done
}

# The backend's directory of a device, from domain 0's own record.
ts_backend() {
	xenstore-read "/libxl/$1/device/$2/$3/backend" 2>/dev/null
}

ts_forget() {
	local b bkind=abd

	[ "$2" = vbd ] || bkind=avif
	# the record may be gone with the domain: look at each backend
	for b in $(xenstore-list /local/domain); do
		xenstore-rm "/local/domain/$b/backend/$bkind/$1/$3" 2>/dev/null
	done
	xenstore-rm "/libxl/$1/device/$2/$3" 2>/dev/null
	xenstore-rm "/local/domain/$1/device/$2/$3" 2>/dev/null
	return 0
}

ts_gone() {
	local n=$((${2:-10} * 20))

	while xenstore-exists "$1"; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || return 1
		sleep 0.05
	done
}

# The guest's driver, if any, is not asked: its states are written here.
ts_detach() {
	local back front=/local/domain/$1/device/$2/$3 ok=0 n=200

	back=$(ts_backend "$1" "$2" "$3")
	[ -n "$back" ] || return 1
	xenstore-write "$back/online" 0 "$front/state" 5
	while [ "$(ts_state "$back")" = 4 ] && [ $n -gt 0 ]; do
		n=$((n - 1))
		sleep 0.05
	done
	xenstore-write "$front/state" 6
	ts_gone "$back" 10 || ok=1
	ts_forget "$1" "$2" "$3"
	return "$ok"
}
