# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Backend and accountant in one PV driver domain; in dom0; the one here, the
# other there, both ways.  The same guests, one link after another.
# on: xen sandbox
# limit: 300
. "$bed/lib-link.sh"
link drv drv pv xvda
link dom0 dom0 pv xvdb
link drv dom0 pv xvdc
link dom0 drv pv xvdd
clean_log drv
