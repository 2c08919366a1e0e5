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

#include "net/http.h"

#define HOST "Host: zta\r\n"

static const struct {
	const char *text;
	int r;
} requests[] = {
	{ "GET / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ "GET / HTTP/1.0\r\n\r\n", 0 },
	{ "GET http://zta/v1/status HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", 0 },
	{ "GET / HTTP/1.1\r\n" HOST "X-Y: \t a b \t\r\n\r\n", 0 },
	{ "GET / HTTP/1.1\r\n" HOST "X:\xff\r\n\r\n", 0 },
	{ "GET / HTTP/1.1\r\n\r\n", -EBADMSG },		     /* no host */
	{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", -EBADMSG }, /* two */
	{ "GET / HTTP/1.1\n" HOST "\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\nHost: zta\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\nHo\rst: zta\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/2.0\r\n" HOST "\r\n", -EPROTONOSUPPORT },
	{ "GET / HTTP/1.1 \r\n" HOST "\r\n", -EBADMSG },
	{ "GET  / HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET /\r\n\r\n", -EBADMSG },
	{ " GET / HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "G(T / HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET * HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "CONNECT zta:80 HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET http://zta HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET /\x01 HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET /%0 HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET /%zz HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET /%00 HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET /?a=%0 HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET /#a HTTP/1.1\r\n" HOST "\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", -EBADMSG }, /* folded */
	{ "GET / HTTP/1.1\r\n" HOST "nothing\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "A: b\x7f\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 9999999999999999999\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	  -EBADMSG },
	{ "GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", -EOPNOTSUPP },
	{ "GET / HTTP/1.1\r\n" HOST
	  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	  -EBADMSG },
	{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -EBADMSG },
};

static void heads_with_one_meaning_are_taken_all_others_refused(void **state)
{
	static struct http_head h;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		int r = http_parse_request(requests[i].text, strlen(requests[i].text), &h);

		if (r != requests[i].r)
			fail_msg("%d instead of %d for: %s", r, requests[i].r, requests[i].text);
	}
	assert_int_equal(http_parse_request("GET /\0 HTTP/1.1\r\n" HOST "\r\n", 30, &h), -EBADMSG);
}

static void a_request_is_taken_apart(void **state)
{
	static const char text[] = "POST /v1/a%2Fb?n=5&w=%2fx+y&w=z&flag&=&e= HTTP/1.1\r\n" HOST
				   "content-LENGTH: 42\r\nExpect: 100-Continue\r\n"
				   "Connection: foo, Close\r\n\r\n";
	static struct http_head h;

	assert_int_equal(http_parse_request(text, sizeof(text) - 1, &h), 0);
	assert_string_equal(h.method, "POST");
	assert_string_equal(h.path, "/v1/a/b");
	assert_int_equal(h.n_queries, 6);
	assert_string_equal(h.queries[0].name, "n");
	assert_string_equal(h.queries[0].value, "5");
	assert_string_equal(h.queries[1].value, "/x y");
	assert_string_equal(h.queries[2].value, "z");
	assert_string_equal(h.queries[3].name, "flag");
	assert_string_equal(h.queries[3].value, "");
	assert_string_equal(h.queries[5].name, "e");
	assert_true(h.has_length);
	assert_int_equal(h.length, 42);
	assert_true(h.expect_continue);
	assert_false(h.keep_alive);
	assert_string_equal(http_field(&h, "HOST"), "zta");
	assert_null(http_field(&h, "Accept"));
}

static void a_target_is_plain_when_its_path_is_what_it_says(void **state)
{
	static const struct {
		const char *target;
		bool plain;
	} v[] = {
		{ "/a", true },	     { "/a/../b;c//d?e=%41", true }, { "/%61", false },
		{ "/a%2fb", false }, { "http://zta/a", false },	     { "HTTP://zta/a?b", false },
	};
	struct http_head h;
	char text[256];

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		int n = snprintf(text, sizeof(text),
				 "GET %s HTTP/1.1\r\n" HOST "A: 1\r\na: 2\r\n\r\n", v[i].target);

		assert_int_equal(http_parse_request(text, (size_t)n, &h), 0);
		assert_int_equal(h.plain, v[i].plain);
		assert_int_equal(http_field_count(&h, "A"), 2);
		assert_int_equal(http_field_count(&h, "Host"), 1);
		assert_int_equal(http_field_count(&h, "B"), 0);
	}
}

static void limits_hold_at_n_and_not_at_n_plus_1(void **state)
{
	static char text[HTTP_HEAD_MAX + 64];
	static struct http_head h;
	size_t n;

	for (int over = 0; over <= 1; over++) {
		n = (size_t)sprintf(text, "GET /");
		for (int i = 0; i < HTTP_QUERIES_MAX + over; i++)
			n += (size_t)sprintf(text + n, "%ca=", i ? '&' : '?');
		n += (size_t)sprintf(text + n, " HTTP/1.1\r\n" HOST "\r\n");
		assert_int_equal(http_parse_request(text, n, &h), over ? -E2BIG : 0);

		n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" HOST);
		for (int i = 1; i < HTTP_FIELDS_MAX + over; i++)
			n += (size_t)sprintf(text + n, "A: b\r\n");
		n += (size_t)sprintf(text + n, "\r\n");
		assert_int_equal(http_parse_request(text, n, &h), over ? -E2BIG : 0);

		n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n" HOST "A: ");
		memset(text + n, 'x', sizeof(text) - n);
		n = HTTP_HEAD_MAX + (size_t)over;
		memcpy(text + n - 4, "\r\n\r\n", 4);
		assert_int_equal(http_parse_request(text, n, &h), over ? -E2BIG : 0);
	}
}

static void a_head_ends_at_its_empty_line(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\n" HOST "\r\nbody";

	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(http_head_end(text, n),
				 n < sizeof(text) - 5 ? 0 : sizeof(text) - 5);
	assert_int_equal(http_head_end("a\n\nb", 4), 3);
	assert_int_equal(http_head_end("a\r\n\nb", 5), 4);
}

static void a_reply_is_taken_apart(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char *const bad[] = { "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n",
					   "HTTP/1.1_200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
					   "SSH-2.0-OpenSSH\r\n\r\n" };
	static struct http_head h;

	assert_int_equal(http_parse_reply(text, sizeof(text) - 1, &h), 0);
	assert_int_equal(h.status, 200);
	assert_true(h.chunked);
	assert_int_equal(http_parse_reply("HTTP/1.0 404\r\n\r\n", 16, &h), 0);
	assert_int_equal(h.status, 404);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(http_parse_reply(bad[i], strlen(bad[i]), &h), -EBADMSG);
}

static void a_chunked_body_is_the_same_wherever_it_is_split(void **state)
{
	static const char text[] = "5\r\nhello\r\n00B;x=\"y\"\r\n, wide\r\nwor\r\n2 \r\nld\r\n0\r\n"
				   "Trailer: 1\r\n\r\nnext";
	static const char want[] = "hello, wide\r\nworld";
	size_t len = sizeof(text) - 1;

	for (size_t cut = 0; cut <= len; cut++) {
		char copy[sizeof(text)], body[sizeof(text)];
		struct http_chunks c = {};
		size_t used, out, n = 0, total = 0;
		int r;

		memcpy(copy, text, sizeof(text));
		r = http_chunks_feed(&c, copy, cut, &used, &out);
		assert_true(r >= 0);
		memcpy(body, copy, out);
		n = out;
		total = used;
		if (r == 0) {
			assert_int_equal(used, cut);
			memcpy(copy, text, sizeof(text));
			r = http_chunks_feed(&c, copy + cut, len - cut, &used, &out);
			memcpy(body + n, copy + cut, out);
			n += out;
			total += used;
		}
		assert_int_equal(r, 1);
		assert_int_equal(total, len - 4);
		assert_int_equal(n, sizeof(want) - 1);
		assert_memory_equal(body, want, n);
	}
}

static void malformed_chunks_are_refused(void **state)
{
	static const char *const bad[] = {
		"\r\n",		  "x\r\n",	    "-1\r\n",
		"5\nhello",	  "5\r\rhello",	    "5\r\nhello5\r\n",
		"5\r\nhello\n",	  "5\r\nhello\r\r", "1000000000000000\r\n",
		"0\r\nTrailer\n", "0\r\n\rx",	    "1;a\nb"
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_chunks c = {};
		size_t used, out;
		char copy[32];

		strcpy(copy, bad[i]);
		if (http_chunks_feed(&c, copy, strlen(copy), &used, &out) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	}
}

static void an_endless_size_line_or_trailer_is_refused(void **state)
{
	static const char *const starts[] = { "1;", "0\r\n" };

	for (int i = 0; i < 2; i++) {
		struct http_chunks c = {};
		size_t used, out, n = 0;
		char text[16];
		int r;

		strcpy(text, starts[i]);
		r = http_chunks_feed(&c, text, strlen(text), &used, &out);
		while (r == 0 && n++ < 2 * HTTP_HEAD_MAX) {
			*text = 'x';
			r = http_chunks_feed(&c, text, 1, &used, &out);
		}
		assert_int_equal(r, -EBADMSG);
	}
}

static void encoding_survives_the_way_through_a_request(void **state)
{
	static const char value[] = "/a b&c=d+e%f/\"\xc3\xa9";
	char target[128] = "/v1/x?w=", text[256];
	static struct http_head h;
	char small[12] = "abc";

	assert_int_equal(http_encode(target, sizeof(target), value), 0);
	sprintf(text, "GET %s HTTP/1.1\r\n" HOST "\r\n", target);
	assert_int_equal(http_parse_request(text, strlen(text), &h), 0);
	assert_string_equal(h.queries[0].value, value);
	assert_int_equal(http_encode(small, sizeof(small), "12345678"), 0);
	assert_int_equal(http_encode(small, sizeof(small), "9"), -E2BIG);
	assert_string_equal(small, "abc12345678");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_with_one_meaning_are_taken_all_others_refused),
		cmocka_unit_test(a_request_is_taken_apart),
		cmocka_unit_test(a_target_is_plain_when_its_path_is_what_it_says),
		cmocka_unit_test(limits_hold_at_n_and_not_at_n_plus_1),
		cmocka_unit_test(a_head_ends_at_its_empty_line),
		cmocka_unit_test(a_reply_is_taken_apart),
		cmocka_unit_test(a_chunked_body_is_the_same_wherever_it_is_split),
		cmocka_unit_test(malformed_chunks_are_refused),
		cmocka_unit_test(an_endless_size_line_or_trailer_is_refused),
		cmocka_unit_test(encoding_survives_the_way_through_a_request),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
