// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a saved SYN. A nonce that is found stands in the bytes behind our option's head,
 * and the option stands there once; a shorter piece of the same bytes never yields another nonce.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/syn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t head[] = { 0xfd, 12, 0x7a, 0x74 };

static void must(int condition)
{
	if (!condition)
		abort();
}

static int stands_in(const uint8_t *data, size_t size, uint64_t nonce)
{
	uint8_t option[12];

	memcpy(option, head, sizeof(head));
	memcpy(option + sizeof(head), &nonce, sizeof(nonce));
	return memmem(data, size, option, sizeof(option)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t nonce = 0, less = 0;
	int r = syn_nonce(data, size, &nonce);

	if (r < 0) {
		must(nonce == 0);
		return 0;
	}
	must(size >= 20 + 20 + 12);
	must(stands_in(data, size, nonce));
	for (size_t n = 0; n < size; n++)
		if (syn_nonce(data, n, &less) == 0)
			must(less == nonce);
	return 0;
}
