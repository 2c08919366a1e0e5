// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a request to the broker. What is taken for a question about a token stood on exactly
 * one of two paths, with the header that browsers and proxies do not send, and asks for an audience
 * that can stand in a reply as it is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/request.h"
#include "net/http.h"
#include "policy/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_head h;

static void must(int condition)
{
	if (!condition)
		abort();
}

static int starts(const uint8_t *data, size_t size, const char *text)
{
	size_t n = strlen(text);

	return size >= n && !memcmp(data, text, n);
}

static void check_token(const uint8_t *data, size_t size, const struct broker_request *q)
{
	const char *header = q->shape == BROKER_SHAPE_APP ? "X-IDENTITY-HEADER" : "Metadata";

	must(starts(data, size,
		    q->shape == BROKER_SHAPE_APP ? "GET " BROKER_APP_PATH "?"
						 : "GET " BROKER_IMDS_PATH "?"));
	must(http_field_count(&h, header) == 1);
	must(q->shape == BROKER_SHAPE_APP || !strcmp(http_field(&h, header), "true"));
	must(!http_field(&h, "X-Forwarded-For"));
	must(identity_is_audience(q->audience));
	must(q->selector < BROKER_SELECTOR_COUNT);
	must((q->selector == BROKER_SELECT_NONE) == !q->selected[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = http_head_end((const char *)data, size);
	struct broker_request q;

	if (!len || http_parse_request((const char *)data, len, &h) < 0)
		return 0;
	broker_request_read(&h, &q);
	switch (q.what) {
	case BROKER_TOKEN:
		check_token(data, size, &q);
		break;
	case BROKER_WHY:
		must(starts(data, size, "GET /why"));
		break;
	case BROKER_REFUSED:
		must(q.refusal.status >= 400 && q.refusal.status < 500);
		must(q.refusal.reason && q.refusal.error && q.refusal.text);
		break;
	}
	return 0;
}
