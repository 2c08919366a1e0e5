// SPDX-License-Identifier: Apache-2.0
/* What is asked of proxies, as the kernel reads it: one meaning, or malformed. */
#include <stdlib.h>
#include <string.h>

#include "stream_making.h"

static void requests_to_a_proxy(void **state)
{
	static const char *const rows[][2] = {
		{ "CONNECT a.example:443 HTTP/1.1\r\n\r\n", " connect:a.example:443" },
		{ "\r\nCONNECT a.example HTTP/1.0\r\nHost: a.example\r\n\r\n",
		  " connect:a.example:0" },
		{ "CONNECT a.example:8443 HTTP/1.1\n\n", " connect:a.example:8443" },
		{ "CONNECT A.Example:443 HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		  " connect:a.example:443" },
		{ "CONNECT [fd00::1]:443 HTTP/1.1\r\n\r\n", " connect:\xff"
							    "fd00::1\xff:443" },
		{ "GET http://a.example/x HTTP/1.1\r\n\r\n", " absolute:a.example:0" },
		{ "GET http://a.example:8080/x HTTP/1.1\r\n\r\n", " absolute:a.example:8080" },
		{ "GET http://u:p@a.example/ HTTP/1.1\r\n\r\n", " absolute:a.example:0" },
		{ "GET http://b.example:80@a.example:81/ H", " absolute:a.example:81" },
		{ "OPTIONS http://a.example?b HTTP/1.1\r\n", " absolute:a.example:0" },
		{ "GET / HTTP/1.1\r\n", " malformed" },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " malformed" },
		{ "get http://a.example/", " other" },
		{ "\x05\x01", " other" },
		{ "CONNECTED a.example:443 H", " malformed" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_text(ZTA_STREAM_PROXY, rows[i][0], rows[i][1]);
		expect_text(0, rows[i][0], " other");
	}
}

/* What proxies could read as another name, or as the end of one request and the start of another.
 */
static void connects_with_two_meanings(void **state)
{
	static const char *const rows[] = {
		"CONNECT a.example:443 .evil.example:443 HTTP/1.1\r\n\r\n",
		"CONNECT a.example .evil.example:443 HTTP/1.1\r\n\r\n",
		"CONNECT a.example:443\tHTTP/1.1\r\n\r\n",
		"CONNECT a.example:443/x HTTP/1.1\r\n\r\n",
		"CONNECT a.example:443?x HTTP/1.1\r\n\r\n",
		"CONNECT a.example:443#x HTTP/1.1\r\n\r\n",
		"CONNECT a.example:443 HTTP/2.0\r\n\r\n",
		"CONNECT a.example:443 HTTP/1.1 HTTP/1.1\r\n\r\n",
		"CONNECT a.example:443 HTTP/1.1\rX: y\r\n\r\n",
		"CONNECT a.example:443\r\n\r\n",
		"CONNECT a.example:443 HTTP/1.1\r\n X: y\r\n\r\n",
		"CONNECT a.example:443 HTTP/1.1\r\nX: y\r\n z\r\n\r\n",
		"CONNECT a.example:443 HTTP/1.1\r\nX: y\rContent-Length: 5\r\n\r\n",
		"CONNECT a.example:443 HTTP/1.1\r\nContent-Length: 500\r\n\r\n",
		"CONNECT a.example:443 HTTP/1.1\r\nA: b\r\ncONTENT-lENGTH:007\r\n\r\n",
		"CONNECT a.example:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
	};
	char first[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		told_of(ZTA_STREAM_PROXY, (const uint8_t *)rows[i], strlen(rows[i]));
		assert_non_null(strstr(whole.told, " connect:a.example:"));
		snprintf(first, sizeof(first), "%s", strchr(whole.told + 1, ' ') ?: "");
		assert_string_equal(first, " malformed");
		same_in_pieces(ZTA_STREAM_PROXY, (const uint8_t *)rows[i], strlen(rows[i]));
	}
	expect_text(ZTA_STREAM_PROXY, "CONNECT a.example:443@evil.example:443 HTTP/1.1\r\n",
		    " malformed");
	expect_text(ZTA_STREAM_PROXY, "CONNECT a.example:4294967739 HTTP/1.1\r\n", " malformed");
	expect_text(ZTA_STREAM_PROXY, "CONNECT a.example:65979 HTTP/1.1\r\n", " malformed");
	expect_text(ZTA_STREAM_PROXY, "CONNECT a.example:44x HTTP/1.1\r\n", " malformed");
	expect_text(ZTA_STREAM_PROXY, "CONNECT a.example\v.evil.example:1 HTTP/1.1\r\n",
		    " connect:a.example\xff.evil.example:1");
}

/* Kerberos tickets and cookies: fields far longer than a line. */
static void long_header_fields(void **state)
{
	static char text[12000];
	int n = snprintf(text, sizeof(text),
			 "CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: ");

	memset(text + n, 'Y', 10000);
	strcpy(text + n + 10000, "\r\n\r\n\x16");
	assert_string_equal(told_of(ZTA_STREAM_PROXY, (const uint8_t *)text, strlen(text)),
			    " connect:a.example:443");
	assert_int_equal(whole.s.state, ZTA_STREAM_HANDSHAKE);
}

static void a_hello_in_the_tunnel(void **state)
{
	const char *asked = "CONNECT a.example:8443 HTTP/1.1\r\nHost: a.example\r\n\r\n";

	static struct maker hello;

	start(&hello);
	put_server_name(&hello, "b.example", 9);
	finish(&hello);
	made.f.n = 0;
	put(&made, asked, strlen(asked));
	put(&made, hello.f.octets, hello.f.n);
	expect(ZTA_STREAM_PROXY, made.f.octets, made.f.n,
	       " connect:a.example:8443 inside:b.example:8443");
}

static void asked_again_after_a_refusal(void **state)
{
	expect_text(ZTA_STREAM_PROXY,
		    "CONNECT a.example:8443 HTTP/1.1\r\n\r\n"
		    "CONNECT b.example HTTP/1.1\r\nProxy-Authorization: Basic eA==\r\n\r\nssh",
		    " connect:a.example:8443 connect:b.example:0 other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_to_a_proxy),
		cmocka_unit_test(connects_with_two_meanings),
		cmocka_unit_test(long_header_fields),
		cmocka_unit_test(a_hello_in_the_tunnel),
		cmocka_unit_test(asked_again_after_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
