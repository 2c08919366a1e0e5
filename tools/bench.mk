# SPDX-License-Identifier: Apache-2.0
# The long ones: measurements, and other kernels. Not part of `make check`.

KERNELS_DIR := build/kernels
KERNELS_BIN := $(addprefix $(B)/tests/helpers/,talk run_in uring rewrite weigh)
BENCH_BIN := $(addprefix $(B)/tests/bench/,flow lookup)

.PHONY: bench kernels soak
SOAK_SECONDS ?= 3600

bench: $(B)/ztad $(B)/ztactl $(BENCH_BIN) $(B)/bench/empty.bpf.o ## Cost against no programs, empty programs, nftables (root)
	@tools/deps bench
	@ZTA_BUILD=$(B) $(PYTHON) tests/bench/bench.py
	@ZTA_BUILD=$(B) $(PYTHON) tests/bench/tokens.py

soak: $(B)/ztad $(B)/ztactl ## Names looked up for SOAK_SECONDS: memory flat, no first connection lost (root)
	@ZTA_BUILD=$(B) ZTA_SOAK_S=$(SOAK_SECONDS) ZTA_ROUNDS=131000 \
		$(PYTHON) -m pytest -q -s -p no:cacheprovider tests/answers/test_rounds.py

kernels: all $(BPFTEST_BIN) $(KERNELS_BIN) ## Test on 5.10, 6.1, 6.12 and the newest Debian kernel, in QEMU
	@tools/deps kernels
	@tests/kernels/run $(KERNELS_DIR) $(B) $(BPFTEST_BIN)

BENCH_PARTS := lane message

$(BENCH_BIN): $(B)/tests/bench/%: tests/bench/%.c $(BENCH_PARTS:%=tests/bench/%.c) \
		$(BENCH_PARTS:%=tests/bench/%.h) | deps-check
	$(call say,BENCH,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(filter %.c,$^) -o $@

$(B)/bench/%.bpf.o: tests/bench/%.bpf.c | deps-check
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@
