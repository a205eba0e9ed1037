#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Posters killed at random moments; KSIM_SEED and KSIM_KILLS to replay.
echo 1..1
out=$(timeout 55 "$BUILD/tests/prog/ring_ksim" --kills "${KSIM_KILLS:-4000}" --seconds 25 \
	${KSIM_SEED:+--seed "$KSIM_SEED"} 2>&1)
ret=$?
printf '%s\n' "$out" | sed 's/^#* */# /'
kills=$(printf '%s\n' "$out" | sed -n 's/^kills=\([0-9]*\) .*/\1/p')
if [ $ret -eq 0 ] && [ "${kills:-0}" -ge "${KSIM_LEAST:-1000}" ]; then
	echo "ok 1 - $kills kills: the ledger is exact after each"
else
	echo "not ok 1 - exit $ret after ${kills:-no} kills"
fi
