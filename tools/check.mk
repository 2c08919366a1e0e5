# SPDX-License-Identifier: Apache-2.0
# Targets that check the tree. The work is in tools/; here is what depends on what.

PYTHON ?= /usr/bin/python3
FUZZ_SECONDS ?= 60
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_B := $(B)/fuzz
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(FUZZ_B)/%)
FUZZ_LIB := $(patsubst %.c,$(FUZZ_B)/%.o,$(filter-out user/policy/apply.c, \
	$(wildcard user/base/*.c user/crypto/*.c user/inspect/*.c user/policy/*.c user/token/reply*.c) \
	user/net/http.c user/broker/request.c))
FUZZ_CFLAGS := -O1 -g -std=gnu17 -fsanitize=address,undefined -fno-sanitize-recover=all
SUITES := e2e answers bypass field restart

.PHONY: demo check lint fmt test-unit test-bpf test-e2e fuzz valgrind

demo: ## The story in a minute, on real sockets (root)
	@tools/demo

check: ## Install what is missing, build, run every test (root)
	@tools/check

lint: $(SKEL) ## Include order, format, clang-tidy, shellcheck, sizes, man pages
	@tools/deps --check check
	@LINT_USER_FLAGS="$(filter-out -f% -Werror -DZTA_VERSION=%,$(CPPFLAGS) $(CFLAGS)) -DZTA_VERSION=__FILE__ -Itests" \
		LINT_BPF_FLAGS="$(filter-out -Werror,$(BPF_CFLAGS))" tools/lint

fmt: ## Format the C files in place
	clang-format -i $$(find bpf include user tests -name '*.[ch]')

test-unit: $(TEST_BIN) ## Unit tests (SAN=1: under ASan and UBSan)
	@tools/run-cmocka $^

test-bpf: $(BPFTEST_BIN) ## Tests of the kernel programs (root)
	@tools/run-cmocka $^

test-e2e: $(B)/ztad $(B)/ztactl ## Black-box suites: e2e, answers, bypass, field, restart (root)
	@ZTA_BUILD=$(B) $(PYTHON) -m pytest -q -p no:cacheprovider $(SUITES:%=tests/%)

valgrind: $(B)/ztad $(B)/ztactl ## Start, reload and stop the daemon under valgrind (root)
	@tools/check-memory $(B)

# --- small programs that tests and the demo run; they link nothing of ours
$(B)/tests/helpers/%: tests/helpers/%.c | deps-check
	$(call say,HELPER,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) $< $(if $(findstring bpf/bpf.h,$(file <$<)),-lbpf) -o $@

# --- fuzzing: the parsers once more, by clang with coverage
$(FUZZ_B)/user/%.o: user/%.c | deps-check
	$(call say,FUZZ-CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(FUZZ_B)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_LIB)
	$(call say,FUZZ-LD,$@)
	$(Q)$(CLANG) $(CPPFLAGS) -Itests $(FUZZ_CFLAGS) -fsanitize=fuzzer -MMD -MP $(filter %.c %.o,$^) $(LDLIBS) -o $@

fuzz: $(FUZZ_BIN) ## Fuzz the parsers for FUZZ_SECONDS each, from tests/fuzz/corpus
	@tools/run-fuzz $(FUZZ_SECONDS) $^
