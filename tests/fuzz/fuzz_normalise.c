// SPDX-License-Identifier: Apache-2.0
/*
 * Sixteen bytes as an IPv6 address: what zta_normalise() makes of it against a second reading of
 * the RFCs, byte by byte; and the text form of every address reads back as itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/prefix.h"
#include "zta_decide_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
	if (!condition)
		abort();
}

static int starts(const uint8_t *a, const char *bytes, size_t n)
{
	return memcmp(a, bytes, n) == 0;
}

/* 4: is IPv4 itself; 6: carries IPv4; 0: neither. The IPv4 address goes to v4. */
static int reading(const uint8_t *a, uint8_t v4[4])
{
	static const char zero[16];

	memcpy(v4, a + 12, 4);
	if (starts(a, zero, 10) && a[10] == 0xff && a[11] == 0xff)
		return 4;
	if (starts(a, zero, 12)) /* IPv4-compatible, but :: and ::1 */
		return starts(a, zero, 15) && a[15] <= 1 ? 0 : 6;
	if (starts(a, "\x00\x64\xff\x9b\0\0\0\0\0\0\0\0", 12))
		return 6;
	if (starts(a, "\x20\x02", 2)) {
		memcpy(v4, a + 2, 4);
		return 6;
	}
	if (starts(a, "\x20\x01\0\0", 4)) {
		for (int i = 0; i < 4; i++)
			v4[i] = (uint8_t)~a[12 + i];
		return 6;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zta_addr a = { .family = ZTA_V6 }, before, carried, again = { 0 };
	char text[INET6_ADDRSTRLEN];
	uint8_t v4[4];
	int form;

	if (size < 16)
		return 0;
	memcpy(a.w, data, 16);
	before = a;
	form = reading(data, v4);
	zta_normalise(&a, &carried);

	must(a.family == (form == 4 ? ZTA_V4 : ZTA_V6));
	must(carried.family == (form == 6 ? ZTA_V4 : 0));
	must(form != 4 || memcmp(a.w, v4, 4) == 0);
	must(form != 6 || memcmp(carried.w, v4, 4) == 0);
	must(form == 4 || memcmp(a.w, before.w, 16) == 0);
	must(form != 4 || (!a.w[1] && !a.w[2] && !a.w[3]));
	must(!carried.w[1] && !carried.w[2] && !carried.w[3]);

	addr_format(&a, text);
	must(addr_parse(text, &again) == 0);
	must(memcmp(&a, &again, sizeof(a)) == 0);
	return 0;
}
