# SPDX-License-Identifier: LGPL-2.1-or-later
# The real hypervisor, under QEMU (docs/xen-lab.md).
#   make check-xen [CASE=name] [SCHED=credit2|credit] [STORE=oxenstored|xenstored]
#   make check-xen-facts       what the design leans on; needs no product
#   make bench-xen             our backends beside the others (docs/performance.md)
#   make eval-xen [CASE=eval-debt] [SCHED=credit]   debt against a truth that is not our ledger (docs/method.md)
#   make xen-shell             a console in dom0; ends with `poweroff`
#   make xen-up                a bed that stays;  make xen-again CASE=name: what was
#                              changed is brought there, and runs;  make xen-down

XEN_DEPS := qemu-system-x86 debootstrap cpio xz-utils e2fsprogs kmod binutils tar gnuplot-nox
XEN_BIN  := $(patsubst tests/xen/prog/%.c,$(B)/xen/bin/%,$(wildcard tests/xen/prog/*.c))
XEN_PROG_LIBS := -Wl,--as-needed $(RING_LIBS) -lxencall -lxenctrl -lxenforeignmemory
XEN_ENV   = BUILD=$(abspath $(B)) CASE='$(CASE)' SCHED='$(SCHED)' STORE='$(STORE)' GUEST='$(GUEST)'

.PHONY: check-xen bench-xen eval-xen check-xen-facts xen-shell xen-up xen-again xen-down xen-deps xen-product

xen-deps:
	@sh tools/deps.sh $(XEN_DEPS)

$(B)/xen/bin/%: $(B)/obj/tests/xen/prog/%.o $(B)/libacctring.a
	$(call link,$(XEN_PROG_LIBS))

# As a user would: into a directory of its own, then an image of it.
xen-product: all
	@rm -rf $(B)/xen/product && mkdir -p $(B)/xen
	$(Q)$(MAKE) install DESTDIR=$(abspath $(B))/xen/product PREFIX=/usr/local >$(B)/xen/install.log

# Programs of a later minor of the protocol; not made anew at every change of the product.
XEN_MINOR := $(B)/xen/minor/bin/acctringd
$(XEN_MINOR): tests/upgrade/build.sh tests/upgrade/minor.patch include/acctring/abi.h | $(B)/.deps
	$(call say,MINOR)
	$(Q)sh tests/upgrade/build.sh minor $(abspath $(B))/xen/minor >$(B)/minor.log

XEN_PROG  := $(addprefix $(B)/tests/prog/,kill_run kill_backend kill_check)
XEN_READY := xen-deps xen-product $(XEN_PROG) $(XEN_BIN) $(XEN_MINOR) $(SIM)
check-xen: $(XEN_READY)
	@$(XEN_ENV) tests/xen/check.sh
bench-xen: $(XEN_READY)
	@$(XEN_ENV) XEN_MINUTES=$${XEN_MINUTES:-60} tests/xen/run.sh bench
eval-xen: $(XEN_READY)
	@$(XEN_ENV) XEN_MINUTES=$${XEN_MINUTES:-60} tests/xen/run.sh eval
check-xen-facts: xen-deps $(XEN_BIN)
	@$(XEN_ENV) tests/xen/run.sh facts
xen-shell xen-up xen-again: xen-%: $(XEN_READY)
	@$(XEN_ENV) tests/xen/run.sh $*
xen-down:
	@$(XEN_ENV) tests/xen/run.sh down

# Cases that run in the sandbox too (tests/cases.t) need them.
tests: $(XEN_BIN)
