// SPDX-License-Identifier: Apache-2.0
/*
 * Any octets as the first of a connection: flags, then where they are cut (each octet of the second
 * part: so many in one piece), then what is sent. However it is cut, the same is judged, in the
 * same order; of a shorter piece nothing else is. It never reads what the piece does not have.
 */
#include <stdlib.h>

#include "unit/inspect/stream_reading.h"

#define CUTS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct reading whole, parts;

static void must(int condition)
{
	if (!condition)
		abort();
}

/* A copy of just that size: what reads behind its end is seen by ASan. */
static void take(struct reading *r, const uint8_t *octets, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	must(copy != NULL);
	memcpy(copy, octets, n);
	reading_take(r, copy, n);
	free(copy);
	must(!r->wild);
	must(r->s.name_len <= ZTA_DNS_NAME_MAX && r->s.state < ZTA_STREAM_DENIED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cuts = data + 1, *octets = data + 1 + CUTS;
	size_t n, at = 0;
	uint32_t flags;

	if (size < 1 + CUTS)
		return 0;
	n = size - 1 - CUTS;
	flags = data[0] & ZTA_STREAM_PROXY;
	reading_begin(&whole, flags);
	take(&whole, octets, n);
	must(whole.told_len < sizeof(whole.told) - 1 || flags);

	reading_begin(&parts, flags);
	for (size_t i = 0; at < n; i = (i + 1) % CUTS) {
		size_t piece = cuts[i] + 1U < n - at ? cuts[i] + 1U : n - at;

		take(&parts, octets + at, piece);
		at += piece;
		must(!strncmp(whole.told, parts.told, parts.told_len));
	}
	must(!strcmp(whole.told, parts.told));
	must(whole.s.state == parts.s.state && whole.s.flags == parts.s.flags);
	return 0;
}
