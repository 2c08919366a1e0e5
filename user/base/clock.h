/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks in nanoseconds. */
#pragma once

#include <stdint.h>

#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000ULL

uint64_t clock_boot_ns(void); /* CLOCK_BOOTTIME: what bpf_ktime_get_boot_ns() says */
uint64_t clock_mono_ns(void); /* CLOCK_MONOTONIC: what bpf_ktime_get_ns() says */
uint64_t clock_real_ns(void);

/* The wall-clock time of a CLOCK_BOOTTIME instant, by the two clocks as they stand now. */
uint64_t boot_to_real_ns(uint64_t boot_ns);
