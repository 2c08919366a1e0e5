/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about a denial, in plain words. */
#pragma once

#include <stdint.h>

struct hint_in {
	uint8_t reason;	     /* enum zta_reason */
	const char *service; /* name, NULL = none */
	const char *preset;  /* of that service, NULL = none */
	const char *profile; /* name, NULL = unknown */
	const char *name;    /* name that was asked for, NULL = unknown */
	uint16_t port;	     /* 0 = none */
};

/**
 * hint_text() - The hint for a denial
 *
 * Return: new text, or NULL when there is nothing to do (allowed) or no memory.
 */
char *hint_text(const struct hint_in *in);
