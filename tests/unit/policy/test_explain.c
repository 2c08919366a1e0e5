// SPDX-License-Identifier: Apache-2.0
/* The explain object: which members there are, what they say, and what to do about it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiled.h"
#include "policy/hint.h"

static const char document[] =
	"'mode':'enforce','services':["
	"{'name':'openai','preset':'azure-openai','private_link':['10.20.0.0/24']},"
	"{'name':'vault','preset':'azure-key-vault','private_link':['10.20.0.0/24','10.21.0.0/24'],"
	"'mode':'audit'},"
	"{'name':'own','names':['api.own.example'],'private_link':['10.22.0.0/24']}],"
	"'profiles':[{'name':'rag','services':['openai','own'],'imds':'broker','egress':{'rules':["
	"{'action':'deny','cidr':'20.0.0.0/8'}]}},{'name':'soft','mode':'audit'}]";

static const char *text(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static void assert_object(json_t *o, const char *want)
{
	char *copy = strdup(want);
	json_t *other;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	other = json_loads(copy, 0, NULL);
	assert_non_null(other);
	json_object_del(o, "hint");
	if (!json_equal(o, other)) {
		char *got = json_dumps(o, JSON_COMPACT);

		print_error("%s\nis not\n%s\n", got, copy);
		free(got);
		fail();
	}
	free(copy);
	json_decref(other);
	json_decref(o);
}

static void members_that_do_not_apply_are_absent(void **state)
{
	struct compiled c;

	compiled_open(&c, document);
	assert_object(compiled_explain(&c, "rag", "tcp 8.8.8.8 443", "", 0),
		      "{'verdict':'deny','reason':'public-egress','row':16,'profile':'rag',"
		      "'mode':'enforce','enforced':true,'address':'8.8.8.8','port':443,"
		      "'protocol':'tcp'}");
	assert_object(compiled_explain(&c, "rag", "udp 20.1.1.1 53", "", 0),
		      "{'verdict':'deny','reason':'untrusted-resolver','row':8,'profile':'rag',"
		      "'mode':'enforce','enforced':true,'address':'20.1.1.1','port':53,"
		      "'protocol':'udp','rule':'profiles[0].egress.rules[0]'}");
	assert_object(compiled_explain(&c, "rag", "icmp 10.22.0.9", "", 0),
		      "{'verdict':'deny','reason':'not-resolved','row':11,'profile':'rag',"
		      "'mode':'enforce','enforced':true,'address':'10.22.0.9',"
		      "'protocol':'icmp','service':'own'}");
	assert_object(compiled_explain(&c, "closed", "132 2600::1 7", "", ZTA_ASK_MALFORMED),
		      "{'verdict':'deny','reason':'malformed','profile':'closed',"
		      "'mode':'enforce','enforced':true,'address':'2600::1','port':7,"
		      "'protocol':'132'}");
	assert_object(compiled_explain(&c, "rag", "tcp 169.254.169.254 80", "", ZTA_ASK_BROKER),
		      "{'verdict':'redirect','reason':'imds-broker','row':5,'profile':'rag',"
		      "'mode':'enforce','enforced':true,'address':'169.254.169.254','port':80,"
		      "'protocol':'tcp'}");
	compiled_close(&c);
}

static void audit_says_that_nothing_is_enforced(void **state)
{
	struct compiled c;

	compiled_open(&c, document);
	assert_object(compiled_explain(&c, "soft", "tcp 8.8.8.8 443", "", 0),
		      "{'verdict':'audit','reason':'public-egress','row':16,'profile':'soft',"
		      "'mode':'audit','enforced':false,'address':'8.8.8.8','port':443,"
		      "'protocol':'tcp'}");
	assert_object(compiled_explain(&c, "rag", "tcp 10.21.0.1 443", "", 0),
		      "{'verdict':'audit','reason':'service-not-allowed','row':9,'profile':'rag',"
		      "'mode':'audit','enforced':false,'address':'10.21.0.1','port':443,"
		      "'protocol':'tcp','service':'vault'}");
	assert_object(compiled_explain(&c, "soft", "tcp 127.0.0.1 443", "", 0),
		      "{'verdict':'allow','reason':'loopback','row':3,'profile':'soft',"
		      "'mode':'audit','enforced':false,'address':'127.0.0.1','port':443,"
		      "'protocol':'tcp'}");
	assert_object(compiled_explain(&c, "soft", "tcp 8.8.8.8 443", "", ZTA_ASK_QUARANTINED),
		      "{'verdict':'deny','reason':'quarantined','row':1,'profile':'soft',"
		      "'mode':'enforce','enforced':true,'address':'8.8.8.8','port':443,"
		      "'protocol':'tcp'}");
	compiled_close(&c);
}

static void addresses_are_told_as_called_with_what_they_carry(void **state)
{
	struct compiled c;
	json_t *o;

	compiled_open(&c, document);
	o = compiled_explain(&c, "rag", "tcp ::ffff:8.8.8.8 443", "", 0);
	assert_string_equal(text(o, "address"), "8.8.8.8");
	assert_null(json_object_get(o, "carried"));
	json_decref(o);
	o = compiled_explain(&c, "rag", "tcp 64:ff9b::a14:5 443", "", 0);
	assert_string_equal(text(o, "address"), "64:ff9b::a14:5");
	assert_string_equal(text(o, "carried"), "10.20.0.5");
	assert_string_equal(text(o, "reason"), "not-resolved");
	assert_string_equal(text(o, "service"), "openai");
	json_decref(o);
	/* the answer for the address inside counts for it */
	o = compiled_explain(&c, "rag", "tcp 64:ff9b::a14:5 443", "m.openai.azure.com=10.20.0.5",
			     0);
	assert_string_equal(text(o, "reason"), "public-egress");
	assert_int_equal(json_integer_value(json_object_get(o, "row")), 16);
	json_decref(o);
	compiled_close(&c);
}

static void assert_hint(const struct compiled *c, const char *to, const char *answers,
			const char *want)
{
	json_t *o = compiled_explain(c, "rag", to, answers, 0);

	if (!want)
		assert_null(json_object_get(o, "hint"));
	else if (!text(o, "hint") || !strstr(text(o, "hint"), want))
		fail_msg("%s: %s", to, text(o, "hint"));
	json_decref(o);
}

static void hints_say_what_to_do(void **state)
{
	struct compiled c;

	compiled_open(&c, document);
	assert_hint(&c, "tcp 20.1.2.3 443", "m.openai.azure.com=20.1.2.3",
		    "link the private DNS zone privatelink.openai.azure.com to this network");
	assert_hint(&c, "tcp 20.1.2.3 443", "m.openai.azure.us=20.1.2.3",
		    "link the private DNS zone privatelink.openai.azure.us to this network");
	assert_hint(&c, "tcp 20.1.2.3 443", "api.own.example=20.1.2.3",
		    "let api.own.example resolve to its private end point");
	assert_hint(&c, "tcp 10.21.0.1 443", "",
		    "list service \"vault\" in profile \"rag\" if the workload needs it");
	assert_hint(&c, "tcp 10.22.0.1 22", "", "add 22 to \"ports\" of service \"own\"");
	assert_hint(&c, "tcp 10.22.0.1 443", "", "connect by name");
	assert_hint(&c, "tcp 8.8.8.8 443", "", "add an egress rule to profile \"rag\"");
	assert_hint(&c, "tcp 10.22.0.1 443", "api.own.example=10.22.0.1", NULL);
	compiled_close(&c);
}

static void every_denial_has_a_hint_however_little_is_known(void **state)
{
	static const char *const natural[] = {
#define NATURAL(sym, name, verdict) #verdict,
		ZTA_REASONS(NATURAL)
	};
	struct hint_in in = {};

	for (in.reason = 0; in.reason < ZTA_REASON_COUNT; in.reason++) {
		char *hint = hint_text(&in);

		if (!hint != !!strcmp(natural[in.reason], "DENY"))
			fail_msg("reason %u: %s", in.reason, hint ? hint : "no hint");
		assert_null(hint ? strpbrk(hint, "{}") : NULL);
		free(hint);
	}
}

static void a_name_is_as_bad_as_its_worst_address(void **state)
{
	static const char *const chain[] = { "x.privatelink.openai.azure.com" };
	struct explain_answer v[] = {
		{ "M.openai.azure.com.", {} },
		{ "m.openai.azure.com", {} },
		{ "other.example", {} },
		{ "m.openai.azure.com", {} },
	};
	struct explain_in in = { .name = "m.openai.azure.com",
				 .port = 443,
				 .proto = IPPROTO_TCP,
				 .answers = v,
				 .n_answers = 4,
				 .chain = chain,
				 .n_chain = 1 };
	json_t *o, *addresses;
	struct compiled c;

	compiled_open(&c, document);
	in.policy = c.policy;
	in.image = c.image;
	in.profile = (size_t)policy_find_profile(c.policy, "rag");
	assert_int_equal(addr_parse("10.20.0.7", &v[0].addr), 0);
	assert_int_equal(addr_parse("9.1.2.3", &v[1].addr), 0);
	assert_int_equal(addr_parse("10.20.0.8", &v[2].addr), 0);
	assert_int_equal(addr_parse("10.20.0.7", &v[3].addr), 0); /* told once */
	assert_int_equal(explain_name(&in, &o), 0);
	assert_string_equal(text(o, "name"), "m.openai.azure.com");
	assert_string_equal(text(o, "verdict"), "deny");
	assert_string_equal(json_string_value(json_array_get(json_object_get(o, "chain"), 0)),
			    chain[0]);
	addresses = json_object_get(o, "addresses");
	assert_int_equal(json_array_size(addresses), 2);
	assert_string_equal(text(json_array_get(addresses, 0), "verdict"), "allow");
	assert_string_equal(text(json_array_get(addresses, 0), "name"), "m.openai.azure.com");
	assert_string_equal(text(json_array_get(addresses, 1), "reason"), "resolves-public");
	json_decref(o);

	in.name = "nobody.example";
	assert_int_equal(explain_name(&in, &o), -ENODATA);
	compiled_close(&c);
}

static void answers_are_learnt_by_address(void **state)
{
	struct explain_answer v[] = { { "m.openai.azure.com", {} }, { "cdn.example", {} } };
	struct explain_in in = { .answers = v, .n_answers = 2 };
	struct zta_answers a;
	struct compiled c;

	compiled_open(&c, document);
	in.policy = c.policy;
	in.image = c.image;
	assert_int_equal(addr_parse("10.20.0.7", &v[0].addr), 0);
	assert_int_equal(addr_parse("9.9.9.9", &v[1].addr), 0);
	answers_for(&in, &v[0].addr, &a);
	assert_int_equal(a.named, 1ULL << c.image->service_bit[0]);
	assert_int_equal(a.outside | a.flags | a.groups[0], 0);
	answers_for(&in, &v[1].addr, &a);
	assert_int_equal(a.flags, ZTA_ANSWER_OTHER);
	assert_int_equal(a.named | a.outside, 0);
	v[0].addr = v[1].addr;
	answers_for(&in, &v[1].addr, &a);
	assert_int_equal(a.outside, 1ULL << c.image->service_bit[0]);
	assert_int_equal(a.flags, ZTA_ANSWER_OTHER);
	compiled_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_that_do_not_apply_are_absent),
		cmocka_unit_test(audit_says_that_nothing_is_enforced),
		cmocka_unit_test(addresses_are_told_as_called_with_what_they_carry),
		cmocka_unit_test(hints_say_what_to_do),
		cmocka_unit_test(every_denial_has_a_hint_however_little_is_known),
		cmocka_unit_test(a_name_is_as_bad_as_its_worst_address),
		cmocka_unit_test(answers_are_learnt_by_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
