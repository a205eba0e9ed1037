# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is the test's
#
# sandbox.sh - to be sourced first: the test begins anew in domain 0 of a
# sandbox.  There it has TAP (tap.sh), other domains (domain.sh) and $tmp, a
# directory that goes when the test ends.

: "${BUILD:=$PWD/build}"
export BUILD
[ -n "$XSANDBOX" ] || exec "$BUILD/bin/xsandbox" run -- bash "$0" "$@"

bin=$BUILD/bin
xsb=$bin/xsandbox
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
. "$(dirname "${BASH_SOURCE[0]}")/domain.sh"
