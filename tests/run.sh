#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs tests under prove: unit test programs and *.t scripts.
# Usage: BUILD=dir [SANITIZE=..] [J=n] sh tests/run.sh TEST...
export CMOCKA_MESSAGE_OUTPUT=TAP
export BUILD SANITIZE
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1
# those that judge how time is divided come last, one at a time (tests/one.sh)
alone=''
for t; do
	shift
	if grep -qsx '# alone' "$t"; then alone="$alone $t"; else set -- "$@" "$t"; fi
done
# shellcheck disable=SC2086
exec prove -j "${J:-1}" --timer --failures --comments --exec 'sh tests/one.sh' "$@" $alone
