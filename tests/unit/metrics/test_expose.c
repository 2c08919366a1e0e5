// SPDX-License-Identifier: Apache-2.0
/* /metrics, /healthz and /readyz over TCP. */
#include <stdlib.h>

#include "base/diag.h"
#include "base/str.h"
#include "metrics/expose.h"
#include "unit/net/on_loop.h"

#define REQUEST(method, path) method " " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

struct server {
	struct on_loop o;
	struct expose *e;
	uint16_t port;
	volatile bool ready, broken;
};

static int on_metrics(void *ctx, struct buf *out)
{
	struct server *s = ctx;

	return s->broken ? -ENOMEM : buf_puts(out, "zta_test 1\n");
}

static bool on_ready(void *ctx, struct buf *why)
{
	struct server *s = ctx;

	if (!s->ready)
		(void)buf_puts(why, "hook connect4 is not attached"); /* checked below */
	return s->ready;
}

static int setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));
	struct expose_ops ops = { on_metrics, on_ready, s };

	on_loop_new(&s->o);
	assert_int_equal(expose_new(s->o.l, "127.0.0.1:0", &ops, &s->e, NULL), 0);
	assert_true(str_starts(expose_address(s->e), "127.0.0.1:"));
	s->port = (uint16_t)atoi(expose_address(s->e) + strlen("127.0.0.1:"));
	on_loop_start(&s->o);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct server *s = *state;

	on_loop_stop(&s->o);
	expose_free(s->e);
	on_loop_free(&s->o);
	free(s);
	return 0;
}

static void expect(struct server *s, const char *request, const char *status, const char *part)
{
	struct buf b = {};

	ask(dial_tcp(s->port), request, &b);
	if (!str_starts(b.data + 8, status) || !strstr(b.data, part))
		fail_msg("%s -> %s", request, b.data);
	buf_free(&b);
}

static void metrics_have_the_type_of_their_format(void **state)
{
	struct server *s = *state;

	expect(s, REQUEST("GET", "/metrics"), " 200 ",
	       "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	expect(s, REQUEST("GET", "/metrics"), " 200 ", "\r\n\r\nzta_test 1\n");
	expect(s, REQUEST("GET", "/metrics?name=x"), " 200 ", "zta_test 1\n");
	s->broken = true;
	expect(s, REQUEST("GET", "/metrics"), " 500 ", "");
}

static void readiness_says_why_not_and_health_is_apart_from_it(void **state)
{
	struct server *s = *state;

	expect(s, REQUEST("GET", "/readyz"), " 503 ", "\r\n\r\nhook connect4 is not attached\n");
	expect(s, REQUEST("GET", "/healthz"), " 200 ", "\r\n\r\nok\n");
	s->ready = true;
	expect(s, REQUEST("GET", "/readyz"), " 200 ", "\r\n\r\nok\n");
}

static void only_get_and_head_and_only_these_paths(void **state)
{
	static const char *const paths[] = { "/metrics", "/healthz", "/readyz" };
	struct server *s = *state;
	struct buf b = {};

	s->ready = true;
	for (size_t i = 0; i < 3; i++) {
		char text[128];

		sprintf(text, REQUEST("HEAD", "%s"), paths[i]);
		ask(dial_tcp(s->port), text, &b);
		assert_true(str_starts(b.data, "HTTP/1.1 200 "));
		assert_true(str_ends(b.data, "\r\n\r\n"));
		buf_free(&b);
		sprintf(text, REQUEST("POST", "%s"), paths[i]);
		expect(s, text, " 405 ", "\r\nAllow: GET, HEAD\r\n");
		sprintf(text, REQUEST("DELETE", "%s"), paths[i]);
		expect(s, text, " 405 ", "");
	}
	expect(s, REQUEST("GET", "/"), " 404 ", "");
	expect(s, REQUEST("GET", "/metrics/"), " 404 ", "");
	expect(s, REQUEST("POST", "/v1/policy"), " 404 ", "");
	expect(s, "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", " 413 ", "");
}

static void a_taken_port_and_a_wrong_address_are_refused(void **state)
{
	struct server *s = *state;
	struct expose_ops ops = { on_metrics, on_ready, s };
	struct diag d = {};
	struct expose *e;
	struct loop *l;

	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(expose_new(l, expose_address(s->e), &ops, &e, &d), -EADDRINUSE);
	assert_non_null(strstr(d.text, expose_address(s->e)));
	assert_int_equal(expose_new(l, "localhost", &ops, &e, &d), -EINVAL);
	loop_free(l);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(metrics_have_the_type_of_their_format),
		TEST(readiness_says_why_not_and_health_is_apart_from_it),
		TEST(only_get_and_head_and_only_these_paths),
		TEST(a_taken_port_and_a_wrong_address_are_refused),
	};

	return cmocka_run_group_tests_name("expose", tests, NULL, NULL);
}
