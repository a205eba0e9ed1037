# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# kills-dom0 with a thousand kills: seven minutes, so only when it is asked for.
# limit: 1200
[ -n "$select" ] || skip "seven minutes: make check-xen CASE=kills-thousand"
# shellcheck disable=SC2034 # read there
KILLS=1000
# shellcheck disable=SC1091
. "$bed/cases/kills-dom0.sh"
