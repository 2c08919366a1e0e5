/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about a denial, in plain words. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zta_addr;

struct hint_in {
	uint8_t reason;		     /* enum zta_reason */
	const char *service;	     /* name, NULL = none */
	const char *preset;	     /* of that service, NULL = none */
	const char *profile;	     /* name, NULL = unknown */
	const char *name;	     /* name that was asked for, NULL = unknown */
	uint16_t port;		     /* 0 = none */
	const struct zta_addr *addr; /* denied, normalised; NULL = unknown */
	bool answered;		     /* the answer for name is at hand: its chain is known */
	const char *const *chain;    /* lower case, no trailing dot; without name itself */
	size_t n_chain;
};

/**
 * hint_text() - The hint for a denial
 *
 * Return: new text, or NULL when there is nothing to do (allowed) or no memory.
 */
char *hint_text(const struct hint_in *in);
