# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Backend and accountant in dom0.
# limit: 400
. /bed/lib-link.sh
link dom0 dom0
