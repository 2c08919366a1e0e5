// SPDX-License-Identifier: Apache-2.0
/* Ring records as JSON: the whole text is compared, so that no member is there by accident. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "audit/record.h"
#include "audit/word.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "zta_event.h"
#include "zta_reason.h"

static const char *profile(void *ctx, uint16_t id)
{
	return id == 3 ? "rag" : NULL;
}

static const char *service(void *ctx, uint64_t mask)
{
	return mask & 4 ? "openai" : NULL;
}

static const char *rule(void *ctx, uint32_t id, uint32_t generation)
{
	return id == 7 && generation == 12 ? "profiles[1].egress.rules[0]" : NULL;
}

static const char *cgroup(void *ctx, uint64_t id)
{
	return id == 4711 ? "/ai/chat" : NULL;
}

static const char *owner(void *ctx, uint64_t id)
{
	return id == 4711 ? "team-rag" : NULL;
}

static const char *hint(void *ctx, const struct zta_event *e)
{
	return e->reason == ZTA_REASON_RESOLVES_PUBLIC ? "link the zone" : NULL;
}

static const char *name_text(void *ctx, uint64_t hash)
{
	return hash == 77 ? "my.openai.azure.com" : hash == 78 ? "x\xff.example" : NULL;
}

static json_t *answer(void *ctx, const struct zta_event *e)
{
	return e->name == 77 ? json_pack("{s:s}", "resolver", "10.0.0.53") : NULL;
}

static const struct record_names names = {
	profile, service, rule, cgroup, owner, hint, name_text, answer,
};
static const struct record_names no_names;

/* 2026-11-23T20:25:01.123456789Z when the event's clock says 1 s. */
static const struct record_ctx ctx = {
	.names = &names, .policy = "prod", .generation = 12, .boot_offset_ns = 1795465500123456789
};

static struct zta_addr address(const char *text)
{
	struct zta_addr a = { .family = strchr(text, ':') ? ZTA_V6 : ZTA_V4 };

	assert_int_equal(inet_pton(a.family == ZTA_V6 ? AF_INET6 : AF_INET, text, a.w), 1);
	return a;
}

static struct zta_event denial(void)
{
	return (struct zta_event){
		.time = NS_PER_S,
		.workload = 4711,
		.services = 4,
		.addr = address("20.1.2.3"),
		.rule = 7,
		.count = 1,
		.generation = 12,
		.pid = 1234,
		.uid = 1000,
		.flags = ZTA_EVENT_PROCESS,
		.port = 443,
		.profile = 3,
		.type = ZTA_EVENT_EGRESS,
		.verdict = ZTA_VERDICT_DENY,
		.reason = ZTA_REASON_RESOLVES_PUBLIC,
		.row = 13,
		.hook = ZTA_HOOK_CONNECT4,
		.proto = IPPROTO_TCP,
		.comm = "python3",
	};
}

/* The record's text; its time is cut off the front unless @want has one. */
static void expect(const struct zta_event *e, const struct record_ctx *c, const char *want)
{
	json_t *record = NULL;
	char *text;

	assert_int_equal(record_from_event(e, c, &record), 0);
	text = json_dumps(record, JSON_COMPACT);
	assert_non_null(text);
	assert_string_equal(strstr(want, "\"time\"") ? text : strstr(text, "\"type\""), want);
	free(text);
	json_decref(record);
}

static void a_denial_has_every_member_of_the_contract(void **state)
{
	struct zta_event e = denial();

	expect(&e, &ctx,
	       "{\"time\":\"2026-11-23T20:25:01.123456789Z\",\"type\":\"egress\","
	       "\"verdict\":\"deny\",\"reason\":\"resolves-public\",\"row\":13,"
	       "\"hook\":\"connect4\",\"workload\":{\"cgroup\":\"/ai/chat\",\"id\":4711,"
	       "\"profile\":\"rag\",\"owner\":\"team-rag\"},"
	       "\"process\":{\"pid\":1234,\"uid\":1000,\"comm\":\"python3\"},"
	       "\"destination\":{\"address\":\"20.1.2.3\",\"port\":443,\"protocol\":\"tcp\"},"
	       "\"service\":\"openai\",\"rule\":\"profiles[1].egress.rules[0]\","
	       "\"policy\":{\"name\":\"prod\",\"generation\":12},\"count\":1,"
	       "\"hint\":\"link the zone\"}");
}

static void what_is_not_known_is_not_there(void **state)
{
	const struct record_ctx bare = { .names = &no_names };
	struct zta_event e = denial();

	e.flags = 0;
	e.row = 0;
	e.generation = 0;
	e.rule = ZTA_RULE_NONE;
	e.workload = 0;
	expect(&e, &bare,
	       "\"type\":\"egress\",\"verdict\":\"deny\",\"reason\":\"resolves-public\","
	       "\"hook\":\"connect4\","
	       "\"destination\":{\"address\":\"20.1.2.3\",\"port\":443,\"protocol\":\"tcp\"},"
	       "\"count\":1}");
	e = denial();
	e.profile = 9;
	e.services = 1;
	e.generation = 11; /* rule 7 was another one then */
	e.reason = ZTA_REASON_EGRESS_RULE;
	e.flags = 0;
	expect(&e, &ctx,
	       "\"type\":\"egress\",\"verdict\":\"deny\",\"reason\":\"egress-rule\",\"row\":13,"
	       "\"hook\":\"connect4\",\"workload\":{\"cgroup\":\"/ai/chat\",\"id\":4711,"
	       "\"owner\":\"team-rag\"},"
	       "\"destination\":{\"address\":\"20.1.2.3\",\"port\":443,\"protocol\":\"tcp\"},"
	       "\"policy\":{\"name\":\"prod\",\"generation\":11},\"count\":1}");
}

static void destinations_say_what_was_called_and_what_is_inside(void **state)
{
	const struct record_ctx bare = { .names = &no_names };
	struct zta_event e = {
		.type = ZTA_EVENT_EGRESS,
		.verdict = ZTA_VERDICT_AUDIT,
		.reason = ZTA_REASON_PUBLIC_EGRESS,
		.row = 16,
		.hook = ZTA_HOOK_EGRESS,
		.proto = IPPROTO_UDP,
		.port = 53,
		.rule = ZTA_RULE_NONE,
		.addr = address("64:ff9b::1401:203"),
		.carried = address("20.1.2.3"),
		.called = address("fd00::1"),
		.count = 12,
		.flags = ZTA_EVENT_PROBE | ZTA_EVENT_PAUSED,
	};

	expect(&e, &bare,
	       "\"type\":\"egress\",\"verdict\":\"audit\",\"reason\":\"public-egress\",\"row\":16,"
	       "\"hook\":\"egress\",\"destination\":{\"address\":\"64:ff9b::1401:203\","
	       "\"carried\":\"20.1.2.3\",\"port\":53,\"protocol\":\"udp\"},"
	       "\"called\":{\"address\":\"fd00::1\"},\"count\":12,\"probe\":true,\"paused\":true}");
	e.flags = ZTA_EVENT_FOLDED;
	expect(&e, &bare,
	       "\"type\":\"egress\",\"verdict\":\"audit\",\"reason\":\"public-egress\",\"row\":16,"
	       "\"hook\":\"egress\",\"count\":12,\"folded\":true}");
	e.flags = 0;
	e.proto = IPPROTO_ICMPV6;
	e.carried.family = e.called.family = 0;
	expect(&e, &bare,
	       "\"type\":\"egress\",\"verdict\":\"audit\",\"reason\":\"public-egress\",\"row\":16,"
	       "\"hook\":\"egress\",\"destination\":{\"address\":\"64:ff9b::1401:203\","
	       "\"protocol\":\"icmp\"},\"count\":12}");
}

static void a_refused_socket_names_its_protocol(void **state)
{
	static const struct {
		uint8_t family, proto, socktype;
		const char *word;
	} cases[] = { { ZTA_V4, IPPROTO_ICMP, SOCK_RAW, "raw" },
		      { ZTA_V6, 0, SOCK_RAW, "raw" },
		      { ZTA_V4, IPPROTO_RAW, SOCK_RAW, "raw" },
		      { ZTA_V4, IPPROTO_SCTP, SOCK_STREAM, "sctp" },
		      { ZTA_V4, IPPROTO_DCCP, 6, "dccp" },
		      { ZTA_V4, IPPROTO_UDPLITE, SOCK_DGRAM, "udplite" },
		      { ZTA_V4, 47, SOCK_DGRAM, "47" },
		      { AF_PACKET, 0, 0, "packet" },
		      { AF_RDS, 0, 0, "rds" },
		      { AF_TIPC, 0, 0, "tipc" } };
	const struct record_ctx bare = { .names = &no_names };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zta_event e = { .type = ZTA_EVENT_SOCKET,
				       .verdict = ZTA_VERDICT_DENY,
				       .reason = ZTA_REASON_PROTOCOL,
				       .row = 4,
				       .hook = ZTA_HOOK_SOCK_CREATE,
				       .rule = ZTA_RULE_NONE,
				       .count = 1,
				       .proto = cases[i].proto,
				       .socktype = cases[i].socktype,
				       .addr.family = cases[i].family };
		char want[256];

		sprintf(want,
			"\"type\":\"socket\",\"verdict\":\"deny\",\"reason\":\"protocol\",\"row\":"
			"4,"
			"\"hook\":\"sock_create\",\"destination\":{\"protocol\":\"%s\"},\"count\":"
			"1}",
			cases[i].word);
		expect(&e, &bare, want);
	}
}

static void names_and_answers_are_told_where_they_belong(void **state)
{
	const struct record_ctx bare = { .names = &no_names };
	static const char head[] = "\"verdict\":\"deny\",\"reason\":\"%s\",\"hook\":"
				   "\"ingress\",\"destination\":{\"address\":\"20.1.2.3\","
				   "\"port\":443,\"protocol\":\"tcp\"%s},%s\"count\":1}";
	const struct record_ctx only_names = { .names = &(const struct record_names){
						       .name = name_text, .answer = answer } };
	static const struct {
		uint8_t type, reason;
		uint64_t name;
		const char *type_word, *reason_word, *in_destination, *after;
	} cases[] = {
		{ ZTA_EVENT_EGRESS, ZTA_REASON_AI_PUBLIC, 77, "egress", "ai-public",
		  ",\"name\":\"my.openai.azure.com\"", "" },
		{ ZTA_EVENT_EGRESS, ZTA_REASON_AI_PUBLIC, 99, "egress", "ai-public", "", "" },
		{ ZTA_EVENT_DNS, ZTA_REASON_RESOLVES_PUBLIC, 77, "dns", "resolves-public",
		  ",\"name\":\"my.openai.azure.com\"", "\"answer\":{\"resolver\":\"10.0.0.53\"}," },
		{ ZTA_EVENT_DNS, ZTA_REASON_NAME_NOT_ALLOWED, 78, "dns", "name-not-allowed",
		  ",\"name\":\"x\xef\xbf\xbd.example\"", "" },
		{ ZTA_EVENT_TLS, ZTA_REASON_SNI_PUBLIC, 77, "tls", "sni-public", "",
		  "\"server_name\":\"my.openai.azure.com\"," },
		{ ZTA_EVENT_TLS, ZTA_REASON_ECH, 0, "tls", "ech", "", "" },
		{ ZTA_EVENT_TLS, ZTA_REASON_PROXY_AI, 77, "tls", "proxy-ai", "",
		  "\"server_name\":\"my.openai.azure.com\"," },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zta_event e = denial();
		char rest[512], want[600];

		e = (struct zta_event){ .type = cases[i].type,
					.verdict = ZTA_VERDICT_DENY,
					.reason = cases[i].reason,
					.hook = ZTA_HOOK_INGRESS,
					.proto = IPPROTO_TCP,
					.port = 443,
					.rule = ZTA_RULE_NONE,
					.addr = e.addr,
					.count = 1,
					.name = cases[i].name };
		sprintf(rest, head, cases[i].reason_word, cases[i].in_destination, cases[i].after);
		sprintf(want, "\"type\":\"%s\",%s", cases[i].type_word, rest);
		expect(&e, &only_names, want);
		sprintf(rest, head, cases[i].reason_word, "", "");
		sprintf(want, "\"type\":\"%s\",%s", cases[i].type_word, rest);
		expect(&e, &bare, want);
		if (cases[i].reason == ZTA_REASON_RESOLVES_PUBLIC) {
			e.port = 0;
			expect(&e, &bare,
			       "\"type\":\"dns\",\"verdict\":\"deny\",\"reason\":"
			       "\"resolves-public\",\"hook\":\"ingress\",\"destination\":"
			       "{\"address\":\"20.1.2.3\"},\"count\":1}");
		}
		e.flags = ZTA_EVENT_FOLDED; /* many destinations: no one of them */
		sprintf(want,
			"\"type\":\"%s\",\"verdict\":\"deny\",\"reason\":\"%s\",\"hook\":"
			"\"ingress\",\"count\":1,\"folded\":true}",
			cases[i].type_word, cases[i].reason_word);
		expect(&e, &bare, want);
	}
}

static void a_workload_cannot_silence_its_record_by_its_name(void **state)
{
	struct zta_event e = denial();
	json_t *record;
	char *text;

	memset(e.comm, 0xff, sizeof(e.comm)); /* no NUL either */
	assert_int_equal(record_from_event(&e, &ctx, &record), 0);
	text = json_dumps(json_object_get(record, "process"), JSON_COMPACT);
	assert_non_null(strstr(text, "\xef\xbf\xbd\xef\xbf\xbd"));
	free(text);
	json_decref(record);
	memcpy(e.comm, "\"\\\n\x01\xe2\x82", 7); /* cut in the middle of a character */
	assert_int_equal(record_from_event(&e, &ctx, &record), 0);
	text = json_dumps(json_object_get(record, "process"), JSON_COMPACT);
	assert_non_null(strstr(text, "\"\\\"\\\\\\n\\u0001\xef\xbf\xbd\xef\xbf\xbd\""));
	free(text);
	json_decref(record);
}

static void text_that_is_not_utf8_is_repaired_and_no_other(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },		    /* overlong */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "a\x80z", "a\xef\xbf\xbdz" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *v = utf8_json(cases[i].in, strlen(cases[i].in));

		assert_string_equal(json_string_value(v), cases[i].out);
		json_decref(v);
	}
}

static void notes_and_records_of_no_use_are_told_apart(void **state)
{
	struct zta_event e = denial();
	json_t *record = NULL;

	e.flags |= ZTA_EVENT_SELFTEST;
	assert_int_equal(record_from_event(&e, &ctx, &record), -ENODATA);
	e = denial();
	e.type = ZTA_EVENT_CGROUP;
	assert_int_equal(record_from_event(&e, &ctx, &record), -ENODATA);
	e.type = ZTA_EVENT_ANSWER;
	assert_int_equal(record_from_event(&e, &ctx, &record), -ENODATA);
	e.type = ZTA_EVENT_CAPTURED; /* not as it is */
	assert_int_equal(record_from_event(&e, &ctx, &record), -EINVAL);
	e.type = 0;
	assert_int_equal(record_from_event(&e, &ctx, &record), -EINVAL);
	e.type = 99;
	assert_int_equal(record_from_event(&e, &ctx, &record), -EINVAL);
	e = denial();
	e.reason = ZTA_REASON_COUNT;
	assert_int_equal(record_from_event(&e, &ctx, &record), -EINVAL);
	e = denial();
	e.count = 0;
	assert_int_equal(record_from_event(&e, &ctx, &record), -EINVAL);
	assert_null(record);
	e = (struct zta_event){ .type = ZTA_EVENT_ORPHAN, .time = NS_PER_S, .generation = 12 };
	expect(&e, &ctx,
	       "{\"time\":\"2026-11-23T20:25:01.123456789Z\",\"type\":\"lifecycle\","
	       "\"reason\":\"orphan\",\"detail\":\"no daemon gave a sign of life for too long: "
	       "weakened to audit\",\"policy\":{\"name\":\"prod\",\"generation\":12}}");
}

static void every_word_of_the_lists_is_reachable(void **state)
{
	char text[WORD_PROTOCOL_LEN];

	assert_string_equal(word_verdict(ZTA_VERDICT_REDIRECT), "redirect");
	assert_string_equal(word_reason(ZTA_REASON_NOT_RESOLVED), "not-resolved");
	assert_string_equal(word_hook(ZTA_HOOK_SENDMSG6), "sendmsg6");
	assert_null(word_verdict(ZTA_VERDICT_COUNT));
	assert_null(word_reason(ZTA_REASON_COUNT));
	assert_null(word_hook(ZTA_HOOK_COUNT));
	for (unsigned int i = 0; i < ZTA_REASON_COUNT; i++)
		assert_non_null(word_reason(i));
	assert_string_equal(word_protocol(255, text), "raw");
	assert_string_equal(word_protocol(254, text), "254");
}

static void a_note_carries_its_members_and_the_policy_in_force(void **state)
{
	static const char *const types[RECORD_TYPE_COUNT] = { "policy", "admin", "lifecycle", "dns",
							      "token" };
	uint64_t before = clock_real_ns(), time;
	json_t *record;
	char *text;

	for (int type = 0; type < RECORD_TYPE_COUNT; type++) {
		char want[256];

		assert_int_equal(record_note((enum record_type)type, "pause", &ctx,
					     json_pack("{s:s}", "until", "x"), &record),
				 0);
		assert_int_equal(
			rfc3339_parse(json_string_value(json_object_get(record, "time")), &time),
			0);
		assert_true(time >= before && time <= clock_real_ns());
		text = json_dumps(record, JSON_COMPACT);
		sprintf(want,
			"\"type\":\"%s\",\"reason\":\"pause\","
			"\"policy\":{\"name\":\"prod\",\"generation\":12},\"until\":\"x\"}",
			types[type]);
		assert_string_equal(strstr(text, "\"type\""), want);
		free(text);
		json_decref(record);
	}
	assert_int_equal(record_note(RECORD_ADMIN, "x", NULL, NULL, &record), 0);
	assert_int_equal(json_object_size(record), 3);
	json_decref(record);
	assert_int_equal(record_note(RECORD_ADMIN, "x", NULL, json_array(), &record), -EINVAL);
}

static void the_clock_of_records_is_the_wall_clock(void **state)
{
	struct record_ctx c = { .names = &no_names };
	uint64_t real;

	record_clock(&c);
	real = clock_boot_ns() + (uint64_t)c.boot_offset_ns;
	assert_true(real + NS_PER_S > clock_real_ns() && real < clock_real_ns() + NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_denial_has_every_member_of_the_contract),
		cmocka_unit_test(what_is_not_known_is_not_there),
		cmocka_unit_test(destinations_say_what_was_called_and_what_is_inside),
		cmocka_unit_test(a_refused_socket_names_its_protocol),
		cmocka_unit_test(names_and_answers_are_told_where_they_belong),
		cmocka_unit_test(a_workload_cannot_silence_its_record_by_its_name),
		cmocka_unit_test(text_that_is_not_utf8_is_repaired_and_no_other),
		cmocka_unit_test(notes_and_records_of_no_use_are_told_apart),
		cmocka_unit_test(every_word_of_the_lists_is_reachable),
		cmocka_unit_test(a_note_carries_its_members_and_the_policy_in_force),
		cmocka_unit_test(the_clock_of_records_is_the_wall_clock),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
