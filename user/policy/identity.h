/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a profile's workloads are for Azure, and for what they may have tokens.
 *
 * An audience is compared byte by byte; one '/' at its end does not count, since SDKs differ in it.
 * There are no patterns: what is not listed is denied, management and Graph included.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENTITY_GUID_LEN 36

struct policy_identity {
	char client_id[IDENTITY_GUID_LEN + 1]; /* lower case; "" = the system-assigned one */
	char **audiences;		       /* as written */
	size_t n_audiences;		       /* 0 = the profile has no identity */
	uint32_t rate_per_minute;
	char *path; /* where it is written: "profiles[0].identity" */
};

/* 8-4-4-4-12 hexadecimal digits. */
bool identity_is_guid(const char *s);
/* 1 to ZTA_AUDIENCE_MAX letters, digits and "-._~:/". */
bool identity_is_audience(const char *s);
bool identity_same_audience(const char *a, const char *b);
bool identity_allows(const struct policy_identity *id, const char *audience);
