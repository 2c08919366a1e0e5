// SPDX-License-Identifier: Apache-2.0
#include "policy/identity.h"

#include <string.h>

#include "zta_limits.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

bool identity_is_guid(const char *s)
{
	static const char form[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";

	if (strlen(s) != IDENTITY_GUID_LEN)
		return false;
	for (size_t i = 0; i < IDENTITY_GUID_LEN; i++) {
		bool hex = strchr("0123456789abcdefABCDEF", s[i]);

		if (form[i] == '-' ? s[i] != '-' : !hex)
			return false;
	}
	return true;
}

bool identity_is_audience(const char *s)
{
	size_t n = strspn(s, LETTERS "0123456789-._~:/");

	return n >= 1 && n <= ZTA_AUDIENCE_MAX && !s[n];
}

/* Length without one '/' at the end. */
static size_t significant(const char *s)
{
	size_t n = strlen(s);

	return n && s[n - 1] == '/' ? n - 1 : n;
}

bool identity_same_audience(const char *a, const char *b)
{
	size_t n = significant(a);

	return n == significant(b) && !memcmp(a, b, n);
}

bool identity_allows(const struct policy_identity *id, const char *audience)
{
	for (size_t i = 0; i < id->n_audiences; i++)
		if (identity_same_audience(id->audiences[i], audience))
			return true;
	return false;
}
