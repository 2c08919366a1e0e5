// SPDX-License-Identifier: Apache-2.0
#include "broker/request.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/http.h"
#include "policy/identity.h"

#define IMDS_VERSION_MIN "2018-02-01"
#define APP_VERSION_MIN	 "2019-08-01"

/* Query members that choose an identity. A shape that does not have one ignores it. */
static const struct {
	const char *name;
	enum broker_selector selector;
	bool imds, app;
} selectors[] = {
	{ "client_id", BROKER_SELECT_CLIENT, true, true },
	{ "object_id", BROKER_SELECT_OBJECT, true, true },
	{ "principal_id", BROKER_SELECT_OBJECT, false, true },
	{ "msi_res_id", BROKER_SELECT_RESOURCE, true, false },
	{ "mi_res_id", BROKER_SELECT_RESOURCE, true, true },
};

static bool refuse(struct broker_request *q, uint16_t status, const char *reason, const char *error,
		   const char *text)
{
	q->what = BROKER_REFUSED;
	q->refusal = (struct broker_refusal){ status, reason, error, text };
	return false;
}

static bool bad(struct broker_request *q, const char *error, const char *text)
{
	return refuse(q, 400, "bad-request", error, text);
}

/* The one value of a query member: NULL when absent, or when there are several (*ret_many). */
static const char *only(const struct http_head *h, const char *name, bool *ret_many)
{
	const char *value = NULL;

	for (size_t i = 0; i < h->n_queries; i++) {
		if (strcmp(h->queries[i].name, name))
			continue;
		if (value) {
			*ret_many = true;
			return NULL;
		}
		value = h->queries[i].value;
	}
	return value;
}

static bool read_path(const struct http_head *h, struct broker_request *q)
{
	bool metadata = !strncasecmp(h->path, "/metadata", strlen("/metadata"));

	if (!h->plain)
		return bad(q, "invalid_request", "the path is not written plainly");
	if (!strcmp(h->path, BROKER_WHY_PATH)) {
		q->what = BROKER_WHY;
		return true;
	}
	q->what = BROKER_TOKEN;
	if (!strcmp(h->path, BROKER_IMDS_PATH))
		return true;
	if (!strcmp(h->path, BROKER_APP_PATH)) {
		q->shape = BROKER_SHAPE_APP;
		return true;
	}
	if (metadata)
		return refuse(q, 403, "imds-path", "access_denied",
			      "of the instance metadata service only "
			      "GET " BROKER_IMDS_PATH " is here");
	return refuse(q, 404, "imds-path", "not_found", "nothing is here");
}

/* What a page in a browser, or a server that was talked into it, would not send. */
static bool read_fields(const struct http_head *h, struct broker_request *q)
{
	const char *metadata = http_field(h, "Metadata");
	const char *header = http_field(h, "X-IDENTITY-HEADER");

	if (strcmp(h->method, "GET"))
		return refuse(q, 405, "bad-request", "method_not_allowed", "only GET is here");
	if (http_field(h, "X-Forwarded-For"))
		return bad(q, "invalid_request", "X-Forwarded-For is not accepted");
	if (q->what == BROKER_WHY)
		return true;
	if (q->shape == BROKER_SHAPE_APP) {
		if (!header || !*header || http_field_count(h, "X-IDENTITY-HEADER") > 1)
			return bad(q, "invalid_request",
				   "X-IDENTITY-HEADER is missing, empty or not alone");
		return true;
	}
	if (!metadata) /* how SDKs find out whether IMDS is there at all */
		return refuse(q, 400, BROKER_PROBE, "bad_request_102",
			      "Required metadata header not specified");
	if (strcmp(metadata, "true") || http_field_count(h, "Metadata") > 1)
		return bad(q, "bad_request_102", "Required metadata header not specified");
	return true;
}

static bool is_date(const char *s)
{
	static const char form[] = "dddd-dd-dd";

	if (strlen(s) != strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '-' ? s[i] != '-' : s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

static bool read_version(const struct http_head *h, struct broker_request *q)
{
	const char *min = q->shape == BROKER_SHAPE_APP ? APP_VERSION_MIN : IMDS_VERSION_MIN;
	bool many = false;
	const char *version = only(h, "api-version", &many);

	if (many || !version)
		return bad(q, "invalid_request", "api-version is missing or given twice");
	if (!is_date(version) || strcmp(version, min) < 0)
		return bad(q, "invalid_request", "this api-version is not supported");
	return true;
}

static bool read_audience(const struct http_head *h, struct broker_request *q)
{
	bool many = false;
	const char *resource = only(h, "resource", &many);

	if (many || !resource || !*resource)
		return bad(q, "invalid_request", "resource is missing or given twice");
	if (!identity_is_audience(resource))
		return bad(q, "invalid_resource",
			   "resource is not an audience (letters, digits and \"-._~:/\")");
	(void)snprintf(q->audience, sizeof(q->audience), "%s", resource); /* it fits */
	return true;
}

static bool read_selector(const struct http_head *h, struct broker_request *q)
{
	for (size_t i = 0; i < sizeof(selectors) / sizeof(*selectors); i++) {
		bool many = false;
		const char *value;

		if (!(q->shape == BROKER_SHAPE_APP ? selectors[i].app : selectors[i].imds))
			continue;
		value = only(h, selectors[i].name, &many);
		if (!value && !many)
			continue;
		if (many || q->selector != BROKER_SELECT_NONE)
			return bad(q, "invalid_request", "more than one identity is asked for");
		if (!*value || strlen(value) > BROKER_SELECTED_MAX)
			return bad(q, "invalid_request", "the identity is empty or too long");
		q->selector = selectors[i].selector;
		(void)snprintf(q->selected, sizeof(q->selected), "%s", value); /* it fits */
	}
	return true;
}

void broker_request_read(const struct http_head *h, struct broker_request *ret)
{
	*ret = (struct broker_request){ 0 };
	if (!read_path(h, ret) || !read_fields(h, ret) || ret->what == BROKER_WHY)
		return;
	(void)(read_version(h, ret) && read_audience(h, ret) && read_selector(h, ret));
}
