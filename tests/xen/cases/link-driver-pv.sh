# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A PV driver domain with backend and accountant, serving another guest.
# limit: 400
. /bed/lib-link.sh
link drv drv pv
