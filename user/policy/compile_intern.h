/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of equal-sized records in one array, equal runs stored once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intern_slot {
	uint64_t hash;
	uint32_t first, count; /* count 0 = free */
};

/* All zero but @size is an empty one. */
struct intern {
	size_t size; /* of a record; records have no padding */
	uint8_t *v;
	size_t n, room; /* records */
	struct intern_slot *slots;
	size_t n_slots, used;
};

/**
 * intern_run() - Where a run of records stands
 * @v:	 @n > 0 records
 * @ret_new: it was not there before; NULL is allowed
 *
 * Return: 0 or -ENOMEM.
 */
int intern_run(struct intern *t, const void *v, uint32_t n, uint32_t *ret_first, bool *ret_new);
void intern_free(struct intern *t);
