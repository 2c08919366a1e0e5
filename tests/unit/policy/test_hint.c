// SPDX-License-Identifier: Apache-2.0
/* Hints about names: what they say follows from the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/hint.h"
#include "policy/prefix.h"
#include "zta_reason.h"

#define PRESET(p) .service = "s", .preset = p, .profile = "rag"

static struct zta_addr public_addr, private_addr;

static int addresses(void **state)
{
	return addr_parse("20.1.2.3", &public_addr) || addr_parse("10.99.0.4", &private_addr);
}

static void assert_hint(const struct hint_in *in, const char *want)
{
	char *text = hint_text(in);

	if (!text || !strstr(text, want))
		fail_msg("\"%s\" lacks \"%s\"", text ? text : "(none)", want);
	if (strchr(text, '{'))
		fail_msg("\"%s\" has a word that was not filled in", text);
	free(text);
}

static const char *const through[] = { "my.privatelink.openai.azure.com", "edge.example.net" };
static const char *const past[] = { "edge.example.net" };

static void a_zone_that_is_passed_is_to_be_linked(void **state)
{
	struct hint_in in = { PRESET("azure-openai"),
			      .reason = ZTA_REASON_RESOLVES_PUBLIC,
			      .name = "my.openai.azure.com",
			      .addr = &public_addr,
			      .answered = true,
			      .chain = through,
			      .n_chain = 2 };

	assert_hint(&in, "link the private DNS zone privatelink.openai.azure.com to this network");
	assert_hint(&in,
		    "it lacks the record of my.openai.azure.com and falls back to the Internet");
	in.name = NULL; /* forgotten: the zone is the likelier cause */
	assert_hint(&in, "link the private DNS zone privatelink.openai.azure.com to this network");
}

static void the_zone_is_the_one_of_the_chain(void **state)
{
	static const char *const chain[] = { "x.privatelink.cognitiveservices.azure.com" };
	const struct hint_in in = { PRESET("azure-ai-foundry"),
				    .reason = ZTA_REASON_RESOLVES_PUBLIC,
				    .name = "x.services.ai.azure.com",
				    .addr = &public_addr,
				    .answered = true,
				    .chain = chain,
				    .n_chain = 1 };

	assert_hint(&in, "zone privatelink.cognitiveservices.azure.com to");
}

static void without_a_zone_there_is_no_private_end_point(void **state)
{
	struct hint_in in = { PRESET("azure-openai"),
			      .reason = ZTA_REASON_RESOLVES_PUBLIC,
			      .name = "my.openai.azure.com",
			      .addr = &public_addr,
			      .answered = true,
			      .chain = past,
			      .n_chain = 1 };

	assert_hint(&in, "make a private end point for my.openai.azure.com");
	in.n_chain = 0;
	assert_hint(&in, "make a private end point for my.openai.azure.com");
	in.answered = false; /* nothing is known of a chain */
	assert_hint(&in, "link the private DNS zone privatelink.openai.azure.com");
	in.preset = NULL;
	in.answered = true; /* a service of one's own has no zone that is known */
	assert_hint(&in, "let my.openai.azure.com resolve to its private end point");
}

static void a_private_address_elsewhere_is_another_end_point(void **state)
{
	static const char *const addrs[] = { "10.99.0.4",  "172.31.0.1",  "192.168.7.7",
					     "100.64.0.1", "169.254.1.1", "fd00::1",
					     "fe80::1" };
	struct zta_addr addr;
	struct hint_in in = { PRESET("azure-openai"),
			      .reason = ZTA_REASON_RESOLVES_PUBLIC,
			      .name = "my.openai.azure.com",
			      .addr = &addr,
			      .answered = true,
			      .chain = through,
			      .n_chain = 1 };

	for (size_t i = 0; i < sizeof(addrs) / sizeof(*addrs); i++) {
		assert_int_equal(addr_parse(addrs[i], &addr), 0);
		assert_hint(&in, addrs[i]);
		assert_hint(&in,
			    "is private, but not within \"private_link\" of service \"s\": the "
			    "end point of another region");
	}
	assert_int_equal(addr_parse("172.32.0.1", &addr), 0);
	assert_hint(&in, "link the private DNS zone");
	assert_int_equal(addr_parse("2603:1006:2000::1", &addr), 0);
	assert_hint(&in, "link the private DNS zone");
}

static void a_proxy_in_between_is_to_be_passed_by(void **state)
{
	struct hint_in in = { PRESET("azure-openai"), .reason = ZTA_REASON_PROXY_AI,
			      .name = "my.openai.azure.us" };

	assert_hint(&in, "add .openai.azure.us to NO_PROXY: service \"s\"");
	in.preset = NULL;
	in.name = "embed.corp.example";
	assert_hint(&in, "add .corp.example to NO_PROXY");
	in.name = "corp.example";
	assert_hint(&in, "add corp.example to NO_PROXY");
	in.service = NULL; /* of ai_public: there is no private end point */
	in.name = "api.openai.com";
	assert_hint(&in, "list it in \"ai_public_allow\" of profile \"rag\"");
	in.name = NULL;
	assert_hint(&in, "no proxy leads to public AI");
}

static void the_hosts_file_is_no_answer(void **state)
{
	struct hint_in in = { PRESET("azure-openai"), .reason = ZTA_REASON_NOT_RESOLVED };

	assert_hint(&in, "for service \"s\"; a line of the hosts file is no answer");
	in.service = NULL;
	assert_hint(&in, "gave this address; a line of the hosts file is no answer");
}

static void names_that_are_refused_are_told(void **state)
{
	struct hint_in in = { .profile = "rag",
			      .reason = ZTA_REASON_NAME_NOT_ALLOWED,
			      .name = "a.example" };

	assert_hint(&in, "needs a.example, list it in \"dns\".\"allow\"");
	assert_hint(&in, "profile \"rag\"");
	in.name = NULL;
	assert_hint(&in, "its profile");
	in = (struct hint_in){ .reason = ZTA_REASON_PROXY_NAME,
			       .name = "a.example",
			       .profile = "rag" };
	assert_hint(&in, "\"proxy\" and this name to profile \"rag\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zone_that_is_passed_is_to_be_linked),
		cmocka_unit_test(the_zone_is_the_one_of_the_chain),
		cmocka_unit_test(without_a_zone_there_is_no_private_end_point),
		cmocka_unit_test(a_private_address_elsewhere_is_another_end_point),
		cmocka_unit_test(a_proxy_in_between_is_to_be_passed_by),
		cmocka_unit_test(the_hosts_file_is_no_answer),
		cmocka_unit_test(names_that_are_refused_are_told),
	};

	return cmocka_run_group_tests(tests, addresses, NULL);
}
