// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/b64.h"
#include "crypto/secret.h"
#include "token/reply.h"

#define NOW 1781900000 /* 2026-06-19 20:13:20 */

static int read_text(const char *text, struct token_reply *ret)
{
	const char *why = "unset";
	int r;

	*ret = (struct token_reply){ 0 };
	r = token_reply_read(text, strlen(text), NOW, ret, &why);
	if (r == -EBADMSG)
		assert_string_not_equal(why, "unset");
	return r;
}

static int64_t expiry_of(const char *members)
{
	struct token_reply t;
	char text[512];
	int64_t expires;

	(void)snprintf(text, sizeof(text),
		       "{\"access_token\":\"a.b.c\",\"token_type\":\"Bearer\"%s}", members);
	if (read_text(text, &t) < 0)
		return -1;
	expires = t.expires;
	secret_free(t.token);
	return expires;
}

static void test_every_form_of_a_time(void **state)
{
	assert_int_equal(expiry_of(",\"expires_in\":\"3599\""), NOW + 3599);
	assert_int_equal(expiry_of(",\"expires_in\":3599"), NOW + 3599);
	assert_int_equal(expiry_of(",\"expires_in\":3599.0"), NOW + 3599);
	assert_int_equal(expiry_of(",\"expires_on\":\"1781924278\""), 1781924278);
	assert_int_equal(expiry_of(",\"expires_on\":1781924278"), 1781924278);
	assert_int_equal(expiry_of(",\"expires_on\":\"06/20/2026 02:57:58\""), 1781924278);
	assert_int_equal(expiry_of(",\"expires_on\":\"6/20/2026 2:57:58 AM +00:00\""), 1781924278);
	assert_int_equal(expiry_of(",\"expires_on\":\"06/20/2026 02:57:58 +00:00\""), 1781924278);
	assert_int_equal(expiry_of(",\"expires_on\":\"2026-06-20 02:57:58\""), 1781924278);
	assert_int_equal(expiry_of(",\"expires_on\":\"2026-06-20T02:57:58Z\""), 1781924278);
	assert_int_equal(expiry_of(",\"expires_on\":\"2026-06-20T04:57:58+02:00\""), 1781924278);
	/* both: the point in time */
	assert_int_equal(expiry_of(",\"expires_in\":\"1\",\"expires_on\":\"1781924278\""),
			 1781924278);
	assert_int_equal(expiry_of(",\"expires_in\":\"3599\",\"expires_on\":\"\""), NOW + 3599);
}

static void test_no_time_or_a_wrong_one(void **state)
{
	static const char *const members[] = {
		"",
		",\"expires_in\":\"\"",
		",\"expires_in\":null",
		",\"expires_in\":-5",
		",\"expires_in\":0",
		",\"expires_in\":\"3599s\"",
		",\"expires_in\":1e300",
		",\"expires_in\":99999999999999999999",
		",\"expires_in\":\"99999999999999999999\"",
		",\"expires_in\":true",
		",\"expires_on\":1506484173", /* long ago */
		",\"expires_on\":\"13/40/2026 02:57:58\"",
		",\"expires_on\":\"02/30/2027 02:57:58\"",
		",\"expires_on\":\"06/20/2026 13:57:58 PM\"",
		",\"expires_on\":\"06/20/2026 02:57:58 CET\"",
		",\"expires_on\":\"tomorrow\",\"expires_in\":3599",
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		assert_int_equal(expiry_of(members[i]), -1);
}

static void test_a_whole_reply(void **state)
{
	struct token_reply t;

	assert_int_equal(
		read_text("{\"access_token\":\"ey.J.x\",\"refresh_token\":\"\",\"refresh_in\":"
			  "\"1800\","
			  "\"expires_in\":\"3599\",\"not_before\":\"1781899000\",\"client_id\":"
			  "\"11111111-2222-3333-4444-555555555555\",\"resource\":\"https://a\","
			  "\"token_type\":\"mtls_pop\",\"msi_res_id\":\"/subscriptions/s\"}",
			  &t),
		0);
	assert_string_equal(secret_text(t.token), "ey.J.x");
	assert_string_equal(t.type, "mtls_pop");
	assert_string_equal(t.client_id, "11111111-2222-3333-4444-555555555555");
	assert_string_equal(t.resource_id, "/subscriptions/s");
	assert_int_equal(t.not_before, 1781899000);
	assert_int_equal(t.refresh, NOW + 1800);
	secret_free(t.token);
}

static void test_what_is_no_reply(void **state)
{
	static const char *const texts[] = {
		"",
		"null",
		"[]",
		"<html>",
		"{",
		"{}",
		"{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":9}x",
		"{\"access_token\":\"a\",\"access_token\":\"b\",\"token_type\":\"B\"}",
		"{\"access_token\":\"\",\"token_type\":\"Bearer\",\"expires_in\":9}",
		"{\"access_token\":7,\"token_type\":\"Bearer\",\"expires_in\":9}",
		"{\"access_token\":\"a\\\"b\",\"token_type\":\"Bearer\",\"expires_in\":9}",
		"{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"Bearer\",\"expires_in\":9}",
		"{\"access_token\":\"a\",\"expires_in\":9}",
		"{\"access_token\":\"a\",\"token_type\":\"Bea rer\",\"expires_in\":9}",
		"{\"access_token\":\"a\",\"token_type\":\"BearerBearerBea\",\"expires_in\":\"\"}",
	};
	struct token_reply t;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(read_text(texts[i], &t), -EBADMSG);
}

static void refusal_is(const char *text, const char *error, const char *says, long aadsts)
{
	struct token_refusal f;

	token_refusal_read(text, strlen(text), &f);
	assert_string_equal(f.error, error);
	assert_string_equal(f.text, says);
	assert_int_equal(f.aadsts, aadsts);
}

static void test_refusals(void **state)
{
	refusal_is("{\"error\":\"invalid_client\",\"error_description\":\"AADSTS700024: Client "
		   "assertion\\r\\nTrace ID: x\",\"error_codes\":[700024]}",
		   "invalid_client", "AADSTS700024: Client assertion", 700024);
	refusal_is("{\"error\":\"invalid_client\",\"error_description\":\"AADSTS70021: No\"}",
		   "invalid_client", "AADSTS70021: No", 70021);
	refusal_is("{\"statusCode\":500,\"message\":\"An unexpected\\u0007 error\"}", "",
		   "An unexpected? error", 0);
	refusal_is("{\"error\":{\"code\":\"SecretHeaderNotFound\",\"message\":\"m\"}}",
		   "SecretHeaderNotFound", "m", 0);
	refusal_is("{\"error\":\"a b\\\"c\"}", "", "", 0);
	refusal_is("<html>", "", "", 0);
	refusal_is("", "", "", 0);
}

static int claims_of(const char *payload, const char *tail, struct token_claims *ret)
{
	char token[2048] = "e30.";

	b64_encode(payload, strlen(payload), token + 4);
	strcat(token, tail);
	return token_claims_read(token, strlen(token), ret);
}

static void test_claims(void **state)
{
	struct token_claims c;

	assert_int_equal(
		claims_of("{\"appid\":\"a\",\"azp\":\"z\",\"oid\":\"o\",\"exp\":1781924278,"
			  "\"xms_mirid\":\"/subscriptions/x\"}",
			  ".sig", &c),
		0);
	assert_string_equal(c.client_id, "a");
	assert_string_equal(c.object_id, "o");
	assert_string_equal(c.resource_id, "/subscriptions/x");
	assert_int_equal(c.expires, 1781924278);
	assert_int_equal(claims_of("{\"azp\":\"z\"}", ".", &c), 0);
	assert_string_equal(c.client_id, "z");
	assert_string_equal(c.object_id, "");
	assert_int_equal(claims_of("{\"azp\":\"z\"}", "", &c), -EBADMSG);
	assert_int_equal(claims_of("{\"azp\":\"z\"}", ".a.b.c", &c), -EBADMSG);
	assert_int_equal(claims_of("[1]", ".s", &c), -EBADMSG);
	assert_int_equal(claims_of("{", ".s", &c), -EBADMSG);
	assert_int_equal(token_claims_read("opaque", 6, &c), -EBADMSG);
	assert_int_equal(token_claims_read("a.*.c", 5, &c), -EBADMSG);
}

static void test_challenges(void **state)
{
	char path[32];

	assert_int_equal(token_challenge_read("Basic realm=/v/a.key", path, sizeof(path)), 0);
	assert_string_equal(path, "/v/a.key");
	assert_int_equal(token_challenge_read("basic Realm=\"/v/a.key\"", path, sizeof(path)), 0);
	assert_string_equal(path, "/v/a.key");
	assert_int_equal(token_challenge_read("Basic realm=", path, sizeof(path)), -EBADMSG);
	assert_int_equal(token_challenge_read("Basic realm=\"", path, sizeof(path)), -EBADMSG);
	assert_int_equal(token_challenge_read("Basic realm=\"/a", path, sizeof(path)), -EBADMSG);
	assert_int_equal(token_challenge_read("Basic realm=/a, x=y", path, sizeof(path)), -EBADMSG);
	assert_int_equal(token_challenge_read("Bearer realm=/a", path, sizeof(path)), -EBADMSG);
	assert_int_equal(token_challenge_read("", path, sizeof(path)), -EBADMSG);
	assert_int_equal(token_challenge_read("Basic realm=/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", path,
					      sizeof(path)),
			 -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_form_of_a_time),
		cmocka_unit_test(test_no_time_or_a_wrong_one),
		cmocka_unit_test(test_a_whole_reply),
		cmocka_unit_test(test_what_is_no_reply),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_challenges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
