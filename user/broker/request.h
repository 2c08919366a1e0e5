/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client of the broker asks for. Two shapes of the same question, as Azure's SDKs speak
 * them: that of the instance metadata service (GET /metadata/identity/oauth2/token) and that of
 * App Service (GET /msi/token with X-IDENTITY-HEADER). Pure.
 */
#pragma once

#include <stdint.h>

#include "zta_limits.h"

struct http_head;

#define BROKER_IMDS_PATH    "/metadata/identity/oauth2/token"
#define BROKER_APP_PATH	    "/msi/token"
#define BROKER_WHY_PATH	    "/why"
#define BROKER_SELECTED_MAX 255 /* octets of an identity that was asked for */

#define BROKER_PROBE "probe" /* reason of a request without Metadata, as SDKs make one first */

enum broker_what { BROKER_TOKEN, BROKER_WHY, BROKER_REFUSED };
enum broker_shape { BROKER_SHAPE_IMDS, BROKER_SHAPE_APP };
enum broker_selector {
	BROKER_SELECT_NONE,
	BROKER_SELECT_CLIENT,
	BROKER_SELECT_OBJECT,
	BROKER_SELECT_RESOURCE,
	BROKER_SELECTOR_COUNT
};

/* Why a request is refused, whoever asks. Strings are static. */
struct broker_refusal {
	uint16_t status;
	const char *reason; /* of the event */
	const char *error;  /* Azure's word, in the reply */
	const char *text;
};

struct broker_request {
	enum broker_what what;
	enum broker_shape shape; /* of the reply; also of a refusal */
	char audience[ZTA_AUDIENCE_MAX + 1];
	enum broker_selector selector;
	char selected[BROKER_SELECTED_MAX + 1];
	struct broker_refusal refusal; /* of BROKER_REFUSED */
};

/*
 * Paths count as they stand in the request, byte by byte: IMDS takes "/METADATA/" and, behind some
 * proxies, "//", "%2f" and ";" too, which is how filters in front of it were passed. Here nothing
 * is behind: whatever is not exactly one of the paths above is refused.
 */
void broker_request_read(const struct http_head *h, struct broker_request *ret);
