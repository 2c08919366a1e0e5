/* SPDX-License-Identifier: Apache-2.0 */
/* One message, read; for the tests of the reader. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns_message.h"
#include "inspect/dns.h"

#define N(v) (sizeof(v) / sizeof((v)[0]))

static struct message m;
static struct dns_answer a;
static const char *why;

static inline int got(void)
{
	/* a copy of just that size: what reads behind its end is seen by ASan */
	uint8_t *copy = malloc(m.len ? m.len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, m.bytes, m.len);
	r = dns_answer_read(copy, m.len, &a, &why);
	free(copy);
	return r;
}

static inline void expect_name(const struct dns_name *n, const char *text)
{
	char buf[DNS_TEXT_LEN];

	dns_name_text(n, buf);
	assert_string_equal(buf, text);
}
