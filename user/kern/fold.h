/* SPDX-License-Identifier: Apache-2.0 */
/* Telling what the kernel has folded and holds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct kern;

/**
 * kern_fold_flush() - Have the kernel tell what is held, and forget rows that ended
 * @all:	everything that is held (POST /v1/flush, end of the daemon); else only rows that
 *		have been quiet for ten minutes
 * @now:	CLOCK_BOOTTIME ns
 *
 * The records come through the ring. Call it about once a minute.
 * Return: number of rows told, or -errno.
 */
int kern_fold_flush(struct kern *k, bool all, uint64_t now);
