// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <time.h>

static uint64_t now(clockid_t id)
{
	struct timespec ts = {};

	(void)clock_gettime(id, &ts); /* fails only for clocks that do not exist */
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t clock_boot_ns(void)
{
	return now(CLOCK_BOOTTIME);
}

uint64_t clock_mono_ns(void)
{
	return now(CLOCK_MONOTONIC);
}

uint64_t clock_real_ns(void)
{
	return now(CLOCK_REALTIME);
}

uint64_t boot_to_real_ns(uint64_t boot_ns)
{
	return clock_real_ns() - clock_boot_ns() + boot_ns;
}
