# SPDX-License-Identifier: LGPL-2.1-or-later
#
# One non-recursive Makefile.  Everything is built under build/ (build-<san>/
# with SANITIZE).  `make help` lists the targets.

VERSION   := 0.1.0
SONAME    := libacctring.so.1

PREFIX    ?= /usr/local
BINDIR    ?= $(PREFIX)/bin
SBINDIR   ?= $(PREFIX)/sbin
LIBDIR    ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR    ?= $(PREFIX)/share/man
DOCDIR    ?= $(PREFIX)/share/doc/acctring
UNITDIR   ?= $(PREFIX)/lib/systemd/system
COMPDIR   ?= $(PREFIX)/share/bash-completion/completions
DESTDIR   ?=

comma     := ,
SANITIZE  ?=
ifneq ($(filter clang%,$(notdir $(CC))),)
CCTAG     := -clang
endif
BUILD     ?= build$(CCTAG)$(addprefix -,$(subst $(comma),-,$(SANITIZE)))
B         := $(BUILD)

WARN      := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Werror
OPT       ?= -O2 -g
SAN       := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPPFLAGS  += -D_GNU_SOURCE -D__XEN_TOOLS__ -DACCTRING_VERSION='"$(VERSION)"' -Iinclude -I.
CFLAGS    ?=
C_FLAGS    = -std=c11 $(OPT) $(WARN) $(SAN) $(CPPFLAGS) $(CFLAGS) -MMD -MP
PICFLAGS  := -fPIC -fvisibility=hidden
LD_FLAGS   = $(SAN) $(LDFLAGS)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n' $(1) $(patsubst $(B)/%,%,$@)
MAKEFLAGS += --no-print-directory
endif

# ---------------------------------------------------------------- sources

src = $(filter-out %.bpf.c,$(sort $(wildcard $(addsuffix /*.c,$(1)))))
obj = $(patsubst %.c,$(B)/obj/%.o,$(call src,$(1)))
pic = $(patsubst %.c,$(B)/pic/%.o,$(1))

XEN_LIBS   := -lxengnttab -lxenevtchn -lxenstore
RING_LIBS  := $(XEN_LIBS) -lpthread
ACCT_LIBS  := -lxencall -lsqlite3 -ljansson -levent -lurcu-memb -lurcu-cds -lurcu-common -lm
COLL_LIBS  := -lxenctrl -levent
TOOL_LIBS  := -ljansson -lxenctrl
CONF_LIBS  := -lconfig
BLK_LIBS   := -luring
BPF_LIBS   := -lbpf -lm

PROGRAMS   := $(B)/bin/acctringd $(B)/bin/acctring-collector $(B)/bin/acctctl \
	      $(B)/bin/acctring-blkback $(B)/bin/acctring-netback $(B)/bin/acctring-kernback \
	      $(B)/bin/acctring-blkfront $(B)/bin/acctring-netfront
LIBRARY    := $(B)/$(SONAME) $(B)/libacctring.a $(B)/acctring.pc
SHIMS      := $(B)/sandbox/libxengnttab.so.1 $(B)/sandbox/libxenevtchn.so.1 \
	      $(B)/sandbox/libxenctrl.so.4.17 $(B)/sandbox/libxencall.so.1 \
	      $(B)/sandbox/xsd-preload.so
SANDBOX    := $(B)/bin/xsandbox $(SHIMS)
UNIT       := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c))
TESTPROG   := $(patsubst tests/prog/%.c,$(B)/tests/prog/%,$(wildcard tests/prog/*.c))
SIM        := $(B)/tests/sim/acctsim
BENCH      := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c))

.PHONY: all lib demo check unit bench figures eval-bill eval-guard lint lint-format lint-tidy lint-cppcheck \
	lint-headers install uninstall clean deps help sandbox tests
.DELETE_ON_ERROR:
.SECONDARY:

all: lib $(PROGRAMS) sandbox
lib: $(LIBRARY)
sandbox: $(SANDBOX)
tests: all $(UNIT) $(TESTPROG) $(SIM)

help:
	@echo 'make [all]      library, programs, sandbox        make demo     the main job, in the sandbox'
	@echo 'make check      all tests                         make unit     unit tests only'
	@echo 'make bench      what posting costs                make lint     format, clang-tidy, cppcheck'
	@echo 'make install    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)   make uninstall, make clean'
	@echo 'make figures    simulations of debt and guard: numbers, docs/figures/*.svg'
	@echo 'make deps       install, or name, the Debian packages that are missing'
	@echo 'make check-xen  tests on real Xen under QEMU       make check-xen-facts  what of Xen we lean on'
	@echo 'make bench-xen  our backends beside the others, on real Xen (docs/performance.md)'
	@echo 'make eval-bill  bills against known work, in the sandbox (docs/method.md)'
	@echo 'make eval-guard a limit, its neighbours, and shares, in the sandbox (docs/method.md)'
	@echo 'make eval-xen   debt against a truth that is not our ledger, on real Xen (docs/method.md)'
	@echo 'make xen-shell  a dom0 to try it by hand          make xen-up, xen-again, xen-down: one that stays'
	@echo 'variables: V=1  CC=clang  SANITIZE=address,undefined|thread  T="tests/x.t ..." J=1 (for check)'
	@echo '           CASE=name SCHED=credit2|credit STORE=oxenstored|xenstored (for check-xen, docs/xen-lab.md)'

# ---------------------------------------------------------------- packages

# Debian 12 packages: to build, and to run the demo and the tests.
DEPS := gcc make pkg-config libc6-dev libxen-dev liburcu-dev libevent-dev libconfig-dev \
	libjansson-dev libsqlite3-dev liburing-dev libcmocka-dev libseccomp-dev libbpf-dev clang \
	xen-utils-4.17 xenstore-utils sqlite3 perl patch

deps:
	@sh tools/deps.sh $(DEPS)

# Stops a build early, with the one line to run, where packages are missing.
$(B)/.deps:
	@sh tools/deps.sh $(DEPS)
	@mkdir -p $(@D) && touch $@

# ---------------------------------------------------------------- rules

$(B)/obj/%.o: %.c | $(B)/.deps
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(C_FLAGS) -c -o $@ $<

$(B)/pic/%.o: %.c | $(B)/.deps
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(C_FLAGS) $(PICFLAGS) -c -o $@ $<

define archive
	$(call say,AR)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)
endef
define link
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LD_FLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(1)
endef

$(B)/$(SONAME): $(call pic,$(call src,ring)) ring/libacctring.map
	$(call say,LD)
	$(Q)$(CC) $(LD_FLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=ring/libacctring.map \
		$(if $(SAN),,-Wl,-z,defs) -o $@ $(filter %.o,$^) $(RING_LIBS)
	$(Q)ln -sf $(SONAME) $(B)/libacctring.so

$(B)/libacctring.a: $(call pic,$(call src,ring))
	$(archive)
$(B)/acctring.pc: ring/acctring.pc.in Makefile
	$(call say,GEN)
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
		-e 's|@VERSION@|$(VERSION)|' $< > $@

nomain = $(filter-out %/main.o,$(1))
$(B)/libcommon.a: $(call obj,common)
	$(archive)
$(B)/libaccountant.a: $(call nomain,$(call obj,accountant))
	$(archive)
$(B)/libcollector.a: $(call nomain,$(call obj,collector))
	$(archive)
$(B)/libtools.a: $(call nomain,$(call obj,tools))
	$(archive)
$(B)/libbackend.a: $(call nomain,$(call obj,backend backend/block backend/net backend/kernel backend/kernel/bpf backend/process))
	$(archive)
$(B)/libfrontend.a: $(call nomain,$(call obj,frontend frontend/block frontend/net))
	$(archive)

# Programs for the kernel, which object.c has in it.  No compiler but clang makes them.
BPF_O := $(B)/bpf/prog.o
$(BPF_O): $(addprefix backend/kernel/bpf/,prog.bpf.c $(addsuffix .h,block frames linux net shared tasks works)) | $(B)/.deps
	$(call say,BPF)
	@mkdir -p $(@D)
	$(Q)clang -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -I. -c -o $@ \
		backend/kernel/bpf/prog.bpf.c
$(B)/obj/backend/kernel/bpf/object.o: $(BPF_O)
$(B)/obj/backend/kernel/bpf/object.o: CPPFLAGS += -DBPF_OBJECT='"$(BPF_O)"'

BASE := $(B)/libacctring.a $(B)/libcommon.a

$(B)/bin/acctringd: $(B)/obj/accountant/main.o $(B)/libaccountant.a $(BASE)
	$(call link,$(ACCT_LIBS) $(CONF_LIBS) $(RING_LIBS))
$(B)/bin/acctring-collector: $(B)/obj/collector/main.o $(B)/libcollector.a $(BASE)
	$(call link,$(COLL_LIBS) $(CONF_LIBS) $(RING_LIBS))
$(B)/bin/acctctl: $(B)/obj/tools/main.o $(B)/libtools.a $(B)/libcollector.a $(BASE)
	$(call link,$(TOOL_LIBS) $(CONF_LIBS) $(RING_LIBS))
$(B)/bin/acctring-blkback: $(B)/obj/backend/block/main.o $(B)/libbackend.a $(BASE)
	$(call link,$(BLK_LIBS) -levent $(CONF_LIBS) $(RING_LIBS))
$(B)/bin/acctring-netback: $(B)/obj/backend/net/main.o $(B)/libbackend.a $(BASE)
	$(call link,-levent $(CONF_LIBS) $(RING_LIBS))
$(B)/bin/acctring-kernback: $(B)/obj/backend/kernel/main.o $(B)/libbackend.a $(BASE)
	$(call link,$(BPF_LIBS) $(RING_LIBS))
$(B)/bin/acctring-blkfront: $(B)/obj/frontend/block/main.o $(B)/libfrontend.a $(BASE)
	$(call link,-levent $(CONF_LIBS) $(RING_LIBS))
$(B)/bin/acctring-netfront: $(B)/obj/frontend/net/main.o $(B)/libfrontend.a $(BASE)
	$(call link,-levent $(CONF_LIBS) $(RING_LIBS))

# The sandbox: broker, and stand-ins for Xen's libraries with their sonames
# and symbol versions.  Never sanitised: the shims load into any program.
$(B)/obj/sandbox/%.o $(B)/pic/sandbox/%.o: SAN :=
$(B)/bin/xsandbox: $(call obj,sandbox/broker sandbox/lib) | $(B)/.deps
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -levent -lxenstore -lpthread

shim = $(call pic,$(sort $(wildcard sandbox/shim/$(1)*.c)) $(call src,sandbox/lib))
define shimlib
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,$(@F) $(addprefix -Wl$(comma)--version-script=,$(filter %.map,$^)) \
		-Wl,-z,defs -o $@ $(filter %.o,$^) -lpthread -ldl
endef
$(B)/sandbox/libxengnttab.so.1: $(call shim,gnttab) sandbox/shim/libxengnttab.map
	$(shimlib)
$(B)/sandbox/libxenevtchn.so.1: $(call shim,evtchn) sandbox/shim/libxenevtchn.map
	$(shimlib)
$(B)/sandbox/libxenctrl.so.4.17: $(call shim,ctrl) sandbox/shim/libxenctrl.map
	$(shimlib)
$(B)/sandbox/libxencall.so.1: $(call shim,call) sandbox/shim/libxencall.map
	$(shimlib)
$(B)/sandbox/xsd-preload.so: $(call shim,xsd)
	$(shimlib)

# ---------------------------------------------------------------- tests

ALL_LIBS := $(BLK_LIBS) $(BPF_LIBS) $(ACCT_LIBS) $(COLL_LIBS) $(TOOL_LIBS) $(CONF_LIBS) $(RING_LIBS)
ARCHIVES := $(B)/libaccountant.a $(B)/libcollector.a $(B)/libtools.a $(B)/libbackend.a \
	    $(B)/libfrontend.a $(BASE)
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(ARCHIVES)
	$(call link,-lcmocka $(ALL_LIBS))
$(B)/tests/prog/%: $(B)/obj/tests/prog/%.o $(ARCHIVES)
	$(call link,-lseccomp $(ALL_LIBS))
$(B)/tests/sim/acctsim: $(call obj,tests/sim) $(B)/libaccountant.a $(B)/libcollector.a $(B)/libcommon.a
	$(call link,-lm)
$(B)/bench/%: $(B)/obj/bench/%.o $(BASE)
	$(call link,$(RING_LIBS))

# T chooses; by default the unit tests and all shell tests.  Sanitised: not
# the sandbox's own, which is never sanitised, and not the mutants, which
# build themselves; nor those that say so, and with threads none that judges how time
# is divided: their programs run in the others, too.  J tests run at a time.
SHELL_TESTS := $(sort $(wildcard tests/*.t))
ifneq ($(SANITIZE),)
SHELL_TESTS := $(filter-out tests/sandbox-%.t tests/%mutants.t,$(SHELL_TESTS))
SHELL_TESTS := $(filter-out $(shell grep -lx '\# not sanitised' $(SHELL_TESTS)),$(SHELL_TESTS))
endif
ifeq ($(SANITIZE),thread)
SHELL_TESTS := $(filter-out $(shell grep -lx '\# alone' $(SHELL_TESTS)),$(SHELL_TESTS))
endif
T ?= $(UNIT) $(SHELL_TESTS)
J ?= 2
check: tests
	@BUILD=$(abspath $(B)) SANITIZE=$(SANITIZE) J=$(J) sh tests/run.sh $(T)
unit: $(UNIT)
	@BUILD=$(abspath $(B)) SANITIZE=$(SANITIZE) sh tests/run.sh $(UNIT)

demo: all
	@BUILD=$(abspath $(B)) bash tests/demo.sh

# What VMs are charged against what was burned for them: docs/method.md, 6.
eval-bill: all tests
	@BUILD=$(abspath $(B)) bash tests/eval/bill.sh
# What a limited VM spends, and what its neighbours have of that.
eval-guard: all
	@BUILD=$(abspath $(B)) bash tests/eval/guard.sh

# The block backend without posting (1), and without measuring (2): bench/bare.h.
bare = $(patsubst %.c,$(B)/bench/bare$(1)/%.o,$(call src,backend/block))
define bare_rules
$(B)/bench/bare$(1)/%.o: %.c bench/bare.h | $(B)/.deps
	$$(call say,CC)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(C_FLAGS) -DBARE=$(1) -include bench/bare.h -c -o $$@ $$<
$(B)/bench/blkback-bare$(1): $(call bare,$(1)) $(B)/libbackend.a $(BASE)
	$$(call link,$(BLK_LIBS) -levent $(CONF_LIBS) $(RING_LIBS))
endef
$(foreach n,1 2,$(eval $(call bare_rules,$(n))))

bench: all $(BENCH) $(B)/tests/prog/backend_drain $(B)/bench/blkback-bare1 $(B)/bench/blkback-bare2 \
       $(B)/tests/prog/sandbox_cpu $(B)/xen/bin/poster
	@BUILD=$(abspath $(B)) bash bench/post.sh
	@BUILD=$(abspath $(B)) bash bench/block.sh
	@BUILD=$(abspath $(B)) bash bench/vms.sh

# Simulations (docs/debt.md): prints the numbers, writes what is drawn from them.
figures: $(SIM)
	@sh tools/deps.sh gnuplot-nox
	@mkdir -p docs/figures
	@$(SIM) --out docs/figures
	@gnuplot -e "dir='docs/figures'" tests/sim/figures.gp

# ---------------------------------------------------------------- lint

C_FILES  := $(filter-out %.bpf.c,$(shell git ls-files '*.c' 2>/dev/null))
H_FILES  := $(shell git ls-files '*.h' 2>/dev/null)
lint: lint-headers lint-format lint-cppcheck lint-tidy

lint-format:
	$(call say,FORMAT)
	$(Q)clang-format --dry-run --Werror $(C_FILES) $(H_FILES)
lint-tidy:
	$(call say,TIDY)
	$(Q)printf '%s\n' $(C_FILES) | xargs -P 2 -n 1 sh tests/tidy.sh
# cppcheck must be shown the macros of queue.h; it reads no system headers.
QUEUE_H = $(shell $(CC) -E -include sys/queue.h -x c /dev/null | grep -o '/[^"]*sys/queue.h' | head -n 1)
lint-cppcheck:
	$(call say,CPPCHECK)
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
		--enable=warning,performance,portability --suppress=missingIncludeSystem --include=$(QUEUE_H) \
		-D__x86_64__ -D_GNU_SOURCE -DACCTRING_VERSION='"x"' \
		-Iinclude -I. $(C_FILES)
# Each public header alone; abi.h also as C99 and C++.
lint-headers:
	$(call say,HEADERS)
	$(Q)for h in abi acctring accountant; do \
		echo "#include <acctring/$$h.h>" | $(CC) -std=c11 -pedantic $(WARN) -Iinclude -fsyntax-only -x c - && \
		echo "#include <acctring/$$h.h>" | c++ -std=c++17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c++ - || exit 1; done
	$(Q)echo "#include <acctring/abi.h>" | $(CC) -std=c99 -pedantic -Wall -Werror -Iinclude -fsyntax-only -x c -
	$(Q)echo "#include <acctring/abi.h>" | c++ -std=c++98 -pedantic -Wall -Werror -Iinclude -fsyntax-only -x c++ -

# ---------------------------------------------------------------- install

I := $(DESTDIR)
UNITS := $(patsubst packaging/%.in,%,$(wildcard packaging/*.service.in))
install: all
	install -d $(I)$(BINDIR) $(I)$(SBINDIR) $(I)$(LIBDIR)/pkgconfig $(I)$(LIBDIR)/acctring/sandbox \
		$(I)$(UNITDIR) $(I)$(COMPDIR) $(I)$(INCLUDEDIR)/acctring $(I)$(MANDIR)/man1 $(I)$(MANDIR)/man8 $(I)$(DOCDIR)/examples $(I)$(DOCDIR)/figures
	install -m 644 include/acctring/*.h $(I)$(INCLUDEDIR)/acctring
	install -m 644 $(B)/$(SONAME) $(B)/libacctring.a $(I)$(LIBDIR)
	ln -sf $(SONAME) $(I)$(LIBDIR)/libacctring.so
	install -m 644 $(B)/acctring.pc $(I)$(LIBDIR)/pkgconfig
	install $(B)/bin/acctctl $(B)/bin/xsandbox $(B)/bin/acctring-blkfront $(B)/bin/acctring-netfront $(I)$(BINDIR)
	install $(B)/bin/acctringd $(B)/bin/acctring-collector $(B)/bin/acctring-blkback \
		$(B)/bin/acctring-netback $(B)/bin/acctring-kernback $(I)$(SBINDIR)
	install -m 644 $(SHIMS) $(I)$(LIBDIR)/acctring/sandbox
	for u in $(UNITS); do sed 's|@SBINDIR@|$(SBINDIR)|' packaging/$$u.in > $(B)/$$u && \
		install -m 644 $(B)/$$u $(I)$(UNITDIR) || exit 1; done
	$(B)/bin/acctctl completion > $(B)/acctctl.completion
	install -m 644 $(B)/acctctl.completion $(I)$(COMPDIR)/acctctl
	install -m 644 docs/man/*.1 $(I)$(MANDIR)/man1
	install -m 644 docs/man/*.8 $(I)$(MANDIR)/man8
	install -m 644 README.md LICENSE docs/*.md $(I)$(DOCDIR)
	install -m 644 docs/figures/*.svg $(I)$(DOCDIR)/figures
	install -m 644 docs/examples/* $(I)$(DOCDIR)/examples

uninstall:
	cd $(I)$(BINDIR) && rm -f acctctl xsandbox acctring-blkfront acctring-netfront
	cd $(I)$(SBINDIR) && rm -f acctringd acctring-collector acctring-blkback acctring-netback \
		acctring-kernback
	cd $(I)$(LIBDIR) && rm -rf acctring $(SONAME) libacctring.a libacctring.so pkgconfig/acctring.pc
	rm -rf $(I)$(INCLUDEDIR)/acctring $(I)$(DOCDIR) $(I)$(COMPDIR)/acctctl
	rm -f $(addprefix $(I)$(UNITDIR)/,$(UNITS))
	cd $(I)$(MANDIR) && rm -f $(addprefix man1/,$(notdir $(wildcard docs/man/*.1))) \
		$(addprefix man8/,$(notdir $(wildcard docs/man/*.8)))

-include tests/xen/xen.mk

clean:
	rm -rf build build-*

-include $(shell find $(B)/obj $(B)/pic $(B)/bench -name '*.d' -type f 2>/dev/null)
