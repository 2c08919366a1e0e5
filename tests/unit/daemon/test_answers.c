// SPDX-License-Identifier: Apache-2.0
/* Which answer a record speaks of: by namespace, name and family; the latest, for as long as fits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "daemon/answers.h"
#include "daemon/daemon.h"
#include "unit/inspect/dns_message.h"
#include "zta_event.h"
#include "zta_reason.h"

static struct message m;
static struct zta_answer_note note;

static struct zta_addr address(const char *text)
{
	struct zta_addr a = { .family = strchr(text, ':') ? ZTA_V6 : ZTA_V4 };

	assert_int_equal(inet_pton(a.family == ZTA_V6 ? AF_INET6 : AF_INET, text, a.w), 1);
	return a;
}

static int up(void **state)
{
	struct daemon *d = calloc(1, sizeof(*d));
	struct diag diag;

	*state = d;
	return d ? answers_up(d, &diag) : -1;
}

static int down(void **state)
{
	answers_down(*state);
	free(*state);
	return 0;
}

/* Hands over what stands in @m. */
static void told(struct daemon *d, uint64_t netns, uint64_t name)
{
	note = (struct zta_answer_note){
		.event = { .type = ZTA_EVENT_ANSWER, .netns = netns, .name = name },
		.len = m.len,
	};
	note.event.addr = address("10.0.0.53");
	assert_true(m.len <= sizeof(note.message));
	memcpy(note.message, m.bytes, m.len);
	answers_note(d, &note);
}

static void answer_a(struct daemon *d, uint64_t netns, uint64_t name, uint32_t addr)
{
	put_response(&m, "my.openai.azure.com", 1, 2);
	put_cname(&m, "my.openai.azure.com", "my.privatelink.openai.azure.com");
	put_a(&m, "my.privatelink.openai.azure.com", 60, addr);
	told(d, netns, name);
}

static void expect(struct daemon *d, const struct zta_event *e, const char *name, const char *want)
{
	json_t *o = answers_json(d, e, name);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (want)
		assert_string_equal(text, want);
	else
		assert_null(o);
	free(text);
	json_decref(o);
}

static struct zta_event denial(uint64_t netns, uint64_t name, const char *addr)
{
	return (struct zta_event){ .type = ZTA_EVENT_DNS,
				   .reason = ZTA_REASON_RESOLVES_PUBLIC,
				   .netns = netns,
				   .name = name,
				   .addr = address(addr) };
}

#define HEAD                                                               \
	"{\"resolver\":\"10.0.0.53\",\"question\":\"my.openai.azure.com\"" \
	",\"chain\":[\"my.privatelink.openai.azure.com\"],\"addresses\":"

static void the_latest_of_a_name_counts(void **state)
{
	struct zta_event e = denial(1, 7, "20.1.2.3");

	answer_a(*state, 1, 7, 0x14010202);
	answer_a(*state, 2, 7, 0x14010204); /* another namespace */
	answer_a(*state, 1, 8, 0x14010205); /* another name */
	answer_a(*state, 1, 7, 0x14010203);
	expect(*state, &e, NULL, HEAD "[\"20.1.2.3\"]}");
	e.netns = 2;
	expect(*state, &e, NULL, HEAD "[\"20.1.2.4\"]}");
}

static void each_family_has_its_own(void **state)
{
	static const uint8_t six[16] = { 0x20, 1, 13, 0xb8, [15] = 1 };
	struct zta_event e4 = denial(1, 7, "20.1.2.3"), e6 = denial(1, 7, "2001:db8::1");

	answer_a(*state, 1, 7, 0x14010203);
	put_response(&m, "my.openai.azure.com", 28, 1);
	put_aaaa(&m, "my.openai.azure.com", 60, six);
	told(*state, 1, 7);
	expect(*state, &e4, NULL, HEAD "[\"20.1.2.3\"]}");
	expect(*state, &e6, NULL,
	       "{\"resolver\":\"10.0.0.53\",\"question\":\"my.openai.azure.com\",\"chain\":[],"
	       "\"addresses\":[\"2001:db8::1\"]}");
}

static void without_an_answer_what_is_known_is_told(void **state)
{
	struct zta_event e = denial(1, 7, "20.1.2.3");

	expect(*state, &e, "a.example", "{\"question\":\"a.example\"}");
	expect(*state, &e, NULL, NULL);
	e.name = 0;
	expect(*state, &e, NULL, NULL);
	answer_a(*state, 1, 7, 0x14010203);
	e = denial(1, 7, "10.0.0.53");
	e.reason = ZTA_REASON_NAME_NOT_ALLOWED; /* nobody answered that */
	expect(*state, &e, "a.\xff.example",
	       "{\"resolver\":\"10.0.0.53\",\"question\":\"a.\xef\xbf\xbd.example\"}");
	e.reason = ZTA_REASON_CAPTURED_DNS;
	expect(*state, &e, NULL, "{\"resolver\":\"10.0.0.53\"}");
}

static void what_cannot_be_read_replaces_nothing(void **state)
{
	struct zta_event e = denial(1, 7, "20.1.2.3");

	answer_a(*state, 1, 7, 0x14010203);
	m.len = 20;
	told(*state, 1, 7);
	m.len = 0;
	told(*state, 1, 7);
	expect(*state, &e, NULL, HEAD "[\"20.1.2.3\"]}");
}

static void a_message_that_was_cut_tells_its_beginning(void **state)
{
	struct zta_event e = denial(1, 7, "20.1.2.3");

	answer_a(*state, 1, 7, 0x14010203);
	m.len -= 2;
	told(*state, 1, 7);
	expect(*state, &e, NULL, HEAD "[]}");

	/* longer than a note holds: its length is told as it was */
	put_response(&m, "my.openai.azure.com", 1, 400);
	for (uint32_t i = 0; m.len < ZTA_ANSWER_BYTES + 40; i++)
		put_a(&m, i == 0 ? "my.openai.azure.com" : "other.example", 60, 0x14010203);
	note.len = m.len;
	memcpy(note.message, m.bytes, sizeof(note.message));
	answers_note(*state, &note);
	expect(*state, &e, NULL,
	       "{\"resolver\":\"10.0.0.53\",\"question\":\"my.openai.azure.com\",\"chain\":[],"
	       "\"addresses\":[\"20.1.2.3\"]}");
}

static void the_one_not_asked_for_longest_makes_room(void **state)
{
	struct zta_event first = denial(1, 1, "20.0.0.1"), second = denial(1, 2, "20.0.0.2");

	for (uint64_t i = 1; i <= 64; i++)
		answer_a(*state, 1, i, 0x14000000 + i);
	expect(*state, &first, NULL, HEAD "[\"20.0.0.1\"]}");
	for (uint64_t i = 65; i <= 127; i++)
		answer_a(*state, 1, i, 0x14000000 + i);
	expect(*state, &first, NULL, HEAD "[\"20.0.0.1\"]}");
	expect(*state, &second, NULL, NULL);
}

static void captured_answers_are_told_once_a_workload(void **state)
{
	assert_true(answers_first_captured(*state, 5));
	assert_false(answers_first_captured(*state, 5));
	assert_true(answers_first_captured(*state, 0));
	assert_false(answers_first_captured(*state, 0));
	for (uint64_t i = 0; i < 1023; i++)
		assert_true(answers_first_captured(*state, 100 + i));
	assert_false(answers_first_captured(*state, 0));
	assert_true(answers_first_captured(*state, 5)); /* forgotten */
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
	const struct CMUnitTest tests[] = {
		TEST(the_latest_of_a_name_counts),
		TEST(each_family_has_its_own),
		TEST(without_an_answer_what_is_known_is_told),
		TEST(what_cannot_be_read_replaces_nothing),
		TEST(a_message_that_was_cut_tells_its_beginning),
		TEST(the_one_not_asked_for_longest_makes_room),
		TEST(captured_answers_are_told_once_a_workload),
	};

	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
