# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A PVH driver domain with backend and accountant, serving another guest.  Its
# administrator lets it make hypercalls (docs/xen-lab.md, XSA-482).
# limit: 400
. /bed/lib-link.sh
extra=xen_privcmd.unrestricted=1 driver_domain drv pvh
link drv drv
