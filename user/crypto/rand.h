/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers, by the kernel. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define RAND_UUID_LEN 37 /* with the NUL */

/* Cannot fail once the machine has booted; blocks before. */
void rand_bytes(void *data, size_t len);
uint64_t rand_below(uint64_t n);	 /* 0 .. n - 1, near enough to even; 0 for 0 */
void rand_uuid(char ret[RAND_UUID_LEN]); /* version 4 */
