# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A backend in one driver domain, its accountant in another one.
# on: xen sandbox
# limit: 200
. "$bed/lib-link.sh"
link drv1 drv2
