# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Backend in a driver domain, accountant in dom0.
# limit: 400
. /bed/lib-link.sh
link drv dom0
