# SPDX-License-Identifier: Apache-2.0
# zta: build, test, install. `make help` lists what there is.

PREFIX ?= /usr/local
DESTDIR ?=
V ?= 0
SAN ?= 0
CC ?= gcc
CLANG ?= clang
BPFTOOL ?= $(shell tools/deps --bpftool)
LLVM_STRIP ?= llvm-strip
PKG_CONFIG ?= pkg-config
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

ifeq ($(SAN),1)
B := build-san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else
B := build
endif
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$(1)' '$(2)')

ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
TRIPLET := $(shell $(CC) -dumpmachine)
LIBS := libbpf jansson libevent libcrypto libcap-ng libseccomp libcurl
CPPFLAGS += -D_GNU_SOURCE -DZTA_VERSION='"$(VERSION)"' -Iinclude -Iuser -I$(B)
CFLAGS ?= -O2 -g
# maybe-uninitialized: compilers differ in what they believe to see
CFLAGS += -std=gnu17 -Wall -Wextra -Werror -Wno-error=maybe-uninitialized -Wno-unused-parameter \
	-Wmissing-prototypes -Wstrict-prototypes -Wshadow -fstack-protector-strong -fPIE $(SANFLAGS)
LDFLAGS += -pie -Wl,-z,relro,-z,now $(SANFLAGS)
LDLIBS = $(shell $(PKG_CONFIG) --libs $(LIBS)) -lelf -lz
BPF_CFLAGS := -target bpf -mcpu=v2 -D__TARGET_ARCH_$(ARCH) -O2 -g -std=gnu17 -Wall -Werror \
	-Wno-unused-function -Iinclude -Ibpf -idirafter /usr/include/$(TRIPLET)

BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_OBJ := $(BPF_SRC:bpf/%.c=$(B)/bpf/%.o)
SKEL := $(B)/zta.skel.h
LIB_SRC := $(filter-out user/daemon/% user/ctl/%,$(wildcard user/*/*.c))
DAEMON_SRC := $(wildcard user/daemon/*.c)
CTL_SRC := $(wildcard user/ctl/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
DAEMON_OBJ := $(DAEMON_SRC:%.c=$(B)/%.o)
CTL_OBJ := $(CTL_SRC:%.c=$(B)/%.o)
LIB := $(B)/libzta.a
DAEMON_LIB := $(B)/libztad.a
TEST_SRC := $(wildcard tests/unit/*/test_*.c)
TEST_BIN := $(TEST_SRC:%.c=$(B)/%)
BPFTEST_SRC := $(wildcard tests/bpf/test_*.c)
BPFTEST_BIN := $(BPFTEST_SRC:%.c=$(B)/%)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all clean help deps-check

all: $(B)/ztad $(B)/ztactl ## Build build/ztad and build/ztactl (no root)

deps-check:
	@tools/deps --check build

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

# --- kernel programs: C -> objects -> one object -> skeleton
$(B)/bpf/%.bpf.o: bpf/%.bpf.c | deps-check
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@

$(B)/zta.bpf.o: $(BPF_OBJ)
	$(call say,LINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKEL): $(B)/zta.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name zta > $@

# --- user space
$(B)/user/%.o: user/%.c | deps-check $(SKEL)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(DAEMON_LIB): $(filter-out %/main.o,$(DAEMON_OBJ))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/ztad: $(B)/user/daemon/main.o $(DAEMON_LIB) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(B)/ztactl: $(CTL_OBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# --- tests: one program a file
$(B)/tests/unit/daemon/%: tests/unit/daemon/%.c $(DAEMON_LIB) $(LIB) | deps-check
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP $(LDFLAGS) $< $(DAEMON_LIB) $(LIB) $(LDLIBS) -lcmocka -o $@

PARITY_SRC := $(wildcard tests/parity/*.c)
PARITY_BIN := $(B)/tests/unit/policy/test_parity $(B)/tests/unit/policy/test_parity_names \
	$(B)/tests/unit/policy/test_globs $(B)/tests/bpf/test_parity $(B)/tests/bpf/test_patterns
$(PARITY_BIN): $(PARITY_SRC)
$(PARITY_BIN): TEST_WITH := $(PARITY_SRC)

$(B)/tests/%: tests/%.c $(LIB) | deps-check
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -MMD -MP $(LDFLAGS) $< $(TEST_WITH) $(LIB) $(LDLIBS) -lcmocka -o $@

include $(wildcard tools/*.mk)

clean: ## Remove build output
	rm -rf build build-san

-include $(shell find $(B) -name '*.d' 2>/dev/null)
