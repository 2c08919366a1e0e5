// SPDX-License-Identifier: Apache-2.0
/* The bodies that SDKs read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "broker/reply.h"

#define AUDIENCE "https://vault.azure.net/"

static const struct broker_token token = { .token = "eyJ0.eyJh.c2ln-_",
					   .type = "Bearer",
					   .client_id = "0a000000-0000-0000-0000-00000000000f",
					   .source = "imds",
					   .expires = 2000,
					   .not_before = 900 };

static void assert_body(const struct buf *b, const char *want)
{
	json_t *v = json_loads(b->data, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(v);
	json_decref(v);
	assert_string_equal(b->data, want);
}

static void tokens_are_all_strings(void **state)
{
	struct broker_token late = token;
	struct buf b = {};

	assert_int_equal(broker_reply_token(&b, BROKER_SHAPE_IMDS, AUDIENCE, &token, 1000), 0);
	assert_body(&b,
		    "{\"access_token\":\"eyJ0.eyJh.c2ln-_\","
		    "\"client_id\":\"0a000000-0000-0000-0000-00000000000f\","
		    "\"expires_in\":\"1000\",\"expires_on\":\"2000\",\"ext_expires_in\":\"1000\","
		    "\"not_before\":\"900\",\"refresh_token\":\"\","
		    "\"resource\":\"" AUDIENCE "\",\"token_type\":\"Bearer\"}");
	buf_free(&b);
	assert_int_equal(broker_reply_token(&b, BROKER_SHAPE_APP, AUDIENCE, &token, 1000), 0);
	assert_body(&b, "{\"access_token\":\"eyJ0.eyJh.c2ln-_\","
			"\"client_id\":\"0a000000-0000-0000-0000-00000000000f\","
			"\"expires_on\":\"2000\","
			"\"resource\":\"" AUDIENCE "\",\"token_type\":\"Bearer\"}");
	buf_free(&b);
	late.expires = 999;
	late.not_before = 0;
	assert_int_equal(broker_reply_token(&b, BROKER_SHAPE_IMDS, AUDIENCE, &late, 1000), 0);
	assert_non_null(strstr(b.data, "\"expires_in\":\"0\",\"expires_on\":\"999\""));
	assert_non_null(strstr(b.data, "\"not_before\":\"1000\""));
	buf_free(&b);
}

static void errors_have_the_shape_of_the_question(void **state)
{
	struct buf b = {};

	assert_int_equal(broker_reply_error(&b, BROKER_SHAPE_IMDS, 403, "access_denied", "a \"b\""),
			 0);
	assert_body(&b, "{\"error\":\"access_denied\",\"error_description\":\"a \\\"b\\\"\"}");
	buf_free(&b);
	assert_int_equal(broker_reply_error(&b, BROKER_SHAPE_APP, 403, "access_denied", "\xff"), 0);
	assert_body(&b, "{\"statusCode\":403,\"message\":\"\xef\xbf\xbd\"}");
	buf_free(&b);
}

static void what_could_break_out_of_a_string_is_no_token(void **state)
{
	static const char *const bad[] = { "", "a\"b", "a\\b", "a\nb", "a b", "\xc3\xa4" };

	assert_true(broker_token_is_clean(&token));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct broker_token t = token, type = token, client = token;

		t.token = type.type = client.client_id = bad[i];
		assert_false(broker_token_is_clean(&t));
		assert_false(broker_token_is_clean(&type));
		if (*bad[i])
			assert_false(broker_token_is_clean(&client));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_all_strings),
		cmocka_unit_test(errors_have_the_shape_of_the_question),
		cmocka_unit_test(what_could_break_out_of_a_string_is_no_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
