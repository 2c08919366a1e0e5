// SPDX-License-Identifier: Apache-2.0
/* Which requests the broker understands, and that every trick with them is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker/request.h"
#include "net/http.h"

#define IMDS	 "/metadata/identity/oauth2/token"
#define VERSION	 "api-version=2018-02-01"
#define RESOURCE "resource=https%3A%2F%2Fvault.azure.net"
#define QUERY	 "?" VERSION "&" RESOURCE
#define METADATA "Metadata: true\r\n"
#define HEADER	 "X-IDENTITY-HEADER: any\r\n"
#define APP	 "/msi/token?api-version=2019-08-01&" RESOURCE
#define GUID	 "0a000000-0000-0000-0000-00000000000f"

static struct broker_request read_it(const char *method, const char *target, const char *fields)
{
	struct broker_request q;
	struct http_head h;
	char text[4096];
	int n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: 169.254.169.254\r\n%s\r\n",
			 method, target, fields);

	assert_true(n > 0 && (size_t)n < sizeof(text));
	assert_int_equal(http_parse_request(text, (size_t)n, &h), 0);
	broker_request_read(&h, &q);
	return q;
}

static struct broker_request taken(const char *target, const char *fields)
{
	struct broker_request q = read_it("GET", target, fields);

	if (q.what == BROKER_REFUSED)
		fail_msg("%s: %s", target, q.refusal.text);
	return q;
}

static void refused(const char *target, const char *fields, int status, const char *error)
{
	struct broker_request q = read_it("GET", target, fields);

	if (q.what != BROKER_REFUSED || q.refusal.status != status ||
	    strcmp(q.refusal.error, error) != 0)
		fail_msg("%s [%s]: %d %u %s", target, fields, q.what, q.refusal.status,
			 q.refusal.error ? q.refusal.error : "");
	assert_true(*q.refusal.reason && *q.refusal.text);
}

static void the_shape_of_imds(void **state)
{
	struct broker_request q = taken(IMDS QUERY, METADATA);

	assert_int_equal(q.what, BROKER_TOKEN);
	assert_int_equal(q.shape, BROKER_SHAPE_IMDS);
	assert_string_equal(q.audience, "https://vault.azure.net");
	assert_int_equal(q.selector, BROKER_SELECT_NONE);
	q = taken(IMDS QUERY "&client_id=" GUID "&bypass_cache=true", "metadata:true\r\n");
	assert_int_equal(q.selector, BROKER_SELECT_CLIENT);
	assert_string_equal(q.selected, GUID);
	assert_int_equal(taken(IMDS QUERY "&object_id=" GUID, METADATA).selector,
			 BROKER_SELECT_OBJECT);
	q = taken(IMDS QUERY "&msi_res_id=%2Fsubscriptions%2Fs%2FresourceGroups%2Fr", METADATA);
	assert_int_equal(q.selector, BROKER_SELECT_RESOURCE);
	assert_string_equal(q.selected, "/subscriptions/s/resourceGroups/r");
	/* a parameter of the other shape is none of this one's */
	assert_int_equal(taken(IMDS QUERY "&principal_id=" GUID, METADATA).selector,
			 BROKER_SELECT_NONE);
	assert_string_equal(
		taken(IMDS "?" VERSION "&resource=https://a.example/", METADATA).audience,
		"https://a.example/");
}

static void the_shape_of_app_service(void **state)
{
	struct broker_request q = taken(APP "&mi_res_id=/a", HEADER);

	assert_int_equal(q.what, BROKER_TOKEN);
	assert_int_equal(q.shape, BROKER_SHAPE_APP);
	assert_int_equal(q.selector, BROKER_SELECT_RESOURCE);
	assert_int_equal(taken(APP "&principal_id=a", HEADER METADATA).selector,
			 BROKER_SELECT_OBJECT);
	assert_int_equal(taken("/why", "").what, BROKER_WHY);
}

static void tricks_with_the_path(void **state)
{
	static const char *const metadata[] = {
		"/METADATA/identity/oauth2/token" QUERY,
		"/metadata//identity/oauth2/token" QUERY,
		"/metadata/identity/oauth2/token/" QUERY,
		"/metadata/Identity/oauth2/token" QUERY,
		"/metadata/identity;x/oauth2/token" QUERY,
		"/metadata/identity/oauth2/token;x" QUERY,
		"/metadata/./identity/oauth2/token" QUERY,
		"/metadata/x/../identity/oauth2/token" QUERY,
		"/metadata/instance" QUERY,
		"/metadata/attested/document" QUERY,
		"/metadata" QUERY,
		"/metadata/identity/info" QUERY,
		"/metadata\\identity/oauth2/token" QUERY,
	};
	static const char *const encoded[] = {
		"/metadata/identity%2foauth2/token" QUERY,
		"/%6detadata/identity/oauth2/token" QUERY,
		"/metadata/identity/oauth2%2Ftoken" QUERY,
		"/wh%79",
		"http://169.254.169.254" IMDS QUERY,
		"HTTP://evil" IMDS QUERY,
	};
	static const char *const nothing[] = { "/",
					       "//metadata/identity/oauth2/token" QUERY,
					       "/msi/token/",
					       "/MSI/token",
					       "/why/",
					       "/WHY",
					       "/x" IMDS QUERY };

	for (size_t i = 0; i < sizeof(metadata) / sizeof(*metadata); i++)
		refused(metadata[i], METADATA, 403, "access_denied");
	for (size_t i = 0; i < sizeof(encoded) / sizeof(*encoded); i++)
		refused(encoded[i], METADATA, 400, "invalid_request");
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
		refused(nothing[i], METADATA HEADER, 404, "not_found");
}

static void fields_that_browsers_and_proxies_do_not_send(void **state)
{
	refused(IMDS QUERY, "", 400, "bad_request_102");
	refused(IMDS QUERY, "Metadata: True\r\n", 400, "bad_request_102");
	refused(IMDS QUERY, "Metadata: false\r\n", 400, "bad_request_102");
	refused(IMDS QUERY, "Metadata:\r\n", 400, "bad_request_102");
	refused(IMDS QUERY, "Metadata: true, true\r\n", 400, "bad_request_102");
	refused(IMDS QUERY, METADATA METADATA, 400, "bad_request_102");
	refused(IMDS QUERY, METADATA "Metadata: false\r\n", 400, "bad_request_102");
	refused(IMDS QUERY, HEADER, 400, "bad_request_102");
	refused(IMDS QUERY, METADATA "X-Forwarded-For: 1.2.3.4\r\n", 400, "invalid_request");
	refused(IMDS QUERY, METADATA "x-forwarded-for:\r\n", 400, "invalid_request");
	refused(APP, METADATA, 400, "invalid_request");
	refused(APP, "X-IDENTITY-HEADER:\r\n", 400, "invalid_request");
	refused(APP, HEADER HEADER, 400, "invalid_request");
	refused("/why", "X-Forwarded-For: 1.2.3.4\r\n", 400, "invalid_request");
}

static void a_probe_is_told_apart(void **state)
{
	assert_string_equal(read_it("GET", IMDS QUERY, "").refusal.reason, "probe");
	assert_string_equal(read_it("GET", IMDS QUERY, "Metadata: 1\r\n").refusal.reason,
			    "bad-request");
}

static void verbs_other_than_get(void **state)
{
	static const char *const verbs[] = { "POST", "HEAD", "PUT", "OPTIONS", "get", "DELETE" };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		struct broker_request q = read_it(verbs[i], IMDS QUERY, METADATA);

		assert_int_equal(q.what, BROKER_REFUSED);
		assert_int_equal(q.refusal.status, 405);
	}
}

static void queries(void **state)
{
	refused(IMDS "?" RESOURCE, METADATA, 400, "invalid_request");
	refused(IMDS "?api-version=2018-01-31&" RESOURCE, METADATA, 400, "invalid_request");
	refused(IMDS "?api-version=latest&" RESOURCE, METADATA, 400, "invalid_request");
	refused(IMDS "?api-version=2018-02-01x&" RESOURCE, METADATA, 400, "invalid_request");
	refused(IMDS QUERY "&" VERSION, METADATA, 400, "invalid_request");
	refused("/msi/token?api-version=2017-09-01&" RESOURCE, HEADER, 400, "invalid_request");
	refused(IMDS "?" VERSION, METADATA, 400, "invalid_request");
	refused(IMDS "?" VERSION "&resource=", METADATA, 400, "invalid_request");
	refused(IMDS QUERY "&" RESOURCE, METADATA, 400, "invalid_request");
	refused(IMDS QUERY "&resource=api://other", METADATA, 400, "invalid_request");
	refused(IMDS "?" VERSION "&resource=a+b", METADATA, 400, "invalid_resource");
	refused(IMDS "?" VERSION "&resource=a%22b", METADATA, 400, "invalid_resource");
	refused(IMDS "?" VERSION "&resource=%C3%A4", METADATA, 400, "invalid_resource");
	refused(IMDS "?" VERSION "&Resource=api://a", METADATA, 400, "invalid_request");
	refused(IMDS QUERY "&client_id=a&client_id=a", METADATA, 400, "invalid_request");
	refused(IMDS QUERY "&client_id=a&object_id=a", METADATA, 400, "invalid_request");
	refused(IMDS QUERY "&client_id=", METADATA, 400, "invalid_request");
}

static void lengths_hold_at_n_and_not_at_n_plus_1(void **state)
{
	char value[ZTA_AUDIENCE_MAX + 2], target[1024];

	for (size_t more = 0; more < 2; more++) {
		memset(value, 'a', sizeof(value));
		value[ZTA_AUDIENCE_MAX + more] = '\0';
		(void)snprintf(target, sizeof(target), IMDS "?" VERSION "&resource=%s", value);
		if (more)
			refused(target, METADATA, 400, "invalid_resource");
		else
			assert_string_equal(taken(target, METADATA).audience, value);
		value[BROKER_SELECTED_MAX + more] = '\0';
		(void)snprintf(target, sizeof(target), "%s&object_id=%s", IMDS QUERY, value);
		if (more)
			refused(target, METADATA, 400, "invalid_request");
		else
			assert_string_equal(taken(target, METADATA).selected, value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shape_of_imds),
		cmocka_unit_test(the_shape_of_app_service),
		cmocka_unit_test(tricks_with_the_path),
		cmocka_unit_test(fields_that_browsers_and_proxies_do_not_send),
		cmocka_unit_test(a_probe_is_told_apart),
		cmocka_unit_test(verbs_other_than_get),
		cmocka_unit_test(queries),
		cmocka_unit_test(lengths_hold_at_n_and_not_at_n_plus_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
