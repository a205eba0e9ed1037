# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Backend in dom0, accountant in another domain.
# limit: 400
. /bed/lib-link.sh
link dom0 drv
