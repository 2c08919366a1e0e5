// SPDX-License-Identifier: Apache-2.0
/* The broker over real sockets, with a monitor and a source that the test plays. */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/diag.h"
#include "base/str.h"
#include "broker/broker.h"
#include "net/http.h"
#include "unit/net/on_loop.h"

#define IMDS	  "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
#define HEAD	  " HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\n"
#define CLOSE	  "Connection: close\r\n\r\n"
#define ASK(what) "GET " IMDS "api://" what HEAD CLOSE
#define MANY	  1000

struct asked {
	uint32_t id;
	struct broker_conn conn;
	struct broker_request q;
};

struct site {
	struct on_loop o;
	struct broker *b;
	uint16_t port;
	struct asked queue[MANY];
	size_t n_queue;
	struct loop_event *turn;
	volatile unsigned int asks, tolds, gones, granted, failed;
	volatile uint64_t last_conn;
	volatile bool vouched, holding;
	broker_fetched held; /* of audience api://later */
	void *held_arg;
};

static const struct broker_token token = {
	.token = "secret.of.nobody",
	.type = "Bearer",
	.client_id = "0a000000-0000-0000-0000-00000000000f",
	.object_id = "0b000000-0000-0000-0000-00000000000f",
	.source = "fake",
	.expires = 4102444800,
};

static bool is(const struct broker_request *q, const char *audience)
{
	return !strcmp(q->audience, audience);
}

/* What the monitor would say, by the audience. */
static void answer(struct site *s, const struct asked *a)
{
	if (a->q.what == BROKER_WHY)
		broker_why(s->b, a->id, "{\"denials\":[]}", 14);
	else if (a->q.what == BROKER_REFUSED)
		broker_verdict(s->b, a->id, BROKER_REQUEST, 0, NULL);
	else if (is(&a->q, "api://shut"))
		broker_verdict(s->b, a->id, BROKER_AUDIENCE, 0, NULL);
	else if (is(&a->q, "api://often"))
		broker_verdict(s->b, a->id, BROKER_RATE, 17, NULL);
	else
		broker_verdict(s->b, a->id, BROKER_GRANTED, 0, "grant");
	broker_verdict(s->b, a->id, BROKER_GRANTED, 0, "twice"); /* passed over */
}

static void on_turn(void *ctx)
{
	struct site *s = ctx;
	size_t n = s->n_queue;

	s->n_queue = 0;
	for (size_t i = 0; i < n; i++)
		answer(s, &s->queue[i]);
}

static int on_ask(void *ctx, uint32_t id, const struct broker_conn *c,
		  const struct broker_request *q)
{
	struct site *s = ctx;

	s->asks++;
	s->last_conn = c->id;
	s->vouched = c->vouched;
	if (is(q, "api://deaf"))
		return -ENOBUFS;
	s->queue[s->n_queue++] = (struct asked){ id, *c, *q };
	return loop_timer_set(s->turn, 1);
}

static void on_fetch(void *ctx, const struct broker_request *q, const void *grant,
		     broker_fetched done, void *arg)
{
	static const struct broker_failure down = { 503, 30, "the source does not answer" };
	struct broker_token dirty = token;
	struct site *s = ctx;

	if (strcmp(grant, "grant") != 0)
		abort();
	if (is(q, "api://later")) {
		s->held = done;
		s->held_arg = arg;
		s->holding = true;
	} else if (is(q, "api://down")) {
		done(arg, NULL, &down);
	} else if (is(q, "api://dirty")) {
		dirty.token = "a\",\"b\":\"c";
		done(arg, &dirty, NULL);
	} else {
		done(arg, &token, NULL);
	}
}

static void on_told(void *ctx, uint32_t id, enum broker_reason reason, const struct broker_token *t,
		    const char *text)
{
	struct site *s = ctx;

	s->tolds++;
	if (reason == BROKER_GRANTED && t && !*text)
		s->granted++;
	else if (reason != BROKER_GRANTED && *text)
		s->failed++;
}

static void on_gone(void *ctx, const struct broker_conn *c)
{
	((struct site *)ctx)->gones++;
}

static int setup(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct site *s = calloc(1, sizeof(*s));
	struct broker_ops ops = { on_ask, on_fetch, on_told, on_gone, s };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(a);

	assert_int_equal(broker_save_syn(fd), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	on_loop_new(&s->o);
	s->turn = loop_add_timer(s->o.l, 1, false, on_turn, s);
	assert_int_equal(broker_new(s->o.l, fd, &ops, &s->b), 0);
	on_loop_start(&s->o);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct site *s = *state;

	on_loop_stop(&s->o);
	broker_free(s->b);
	loop_event_free(s->turn);
	on_loop_free(&s->o);
	free(s);
	return 0;
}

static void assert_reply(struct site *s, const char *text, const char *status, const char *part)
{
	struct buf b = {};

	ask(dial_tcp(s->port), text, &b);
	if (!str_starts(b.data, status) || !strstr(b.data, part))
		fail_msg("%s: %s", text, b.data);
	buf_free(&b);
}

static void each_verdict_has_its_reply(void **state)
{
	struct site *s = *state;

	assert_reply(s, ASK("ok"), "HTTP/1.1 200 ", "\"access_token\":\"secret.of.nobody\"");
	assert_reply(s, ASK("ok"), "HTTP/1.1 200 ", "\"expires_on\":\"4102444800\"");
	assert_reply(s, ASK("ok"), "HTTP/1.1 200 ", "Content-Type: application/json");
	assert_reply(s, ASK("ok"), "HTTP/1.1 200 ", "Cache-Control: no-store");
	assert_reply(s, ASK("shut"), "HTTP/1.1 403 ", "\"error\":\"access_denied\"");
	assert_reply(s, ASK("often"), "HTTP/1.1 429 ", "Retry-After: 17\r\n");
	assert_reply(s, ASK("down"), "HTTP/1.1 503 ", "Retry-After: 30\r\n");
	assert_reply(s, ASK("down"), "HTTP/1.1 503 ", "the source does not answer");
	assert_reply(s, ASK("dirty"), "HTTP/1.1 503 ", "\"error\":");
	assert_reply(s, ASK("deaf"), "HTTP/1.1 503 ", "Retry-After: 1\r\n");
	assert_reply(s, "GET /why" HEAD CLOSE, "HTTP/1.1 200 ", "{\"denials\":[]}");
	assert_reply(s, "POST /why" HEAD CLOSE, "HTTP/1.1 405 ", "Allow: GET\r\n");
	assert_reply(s, "GET /metadata/instance" HEAD CLOSE, "HTTP/1.1 403 ", "access_denied");
	assert_int_equal(s->granted, 4);
	assert_int_equal(s->failed, 3); /* down, down, dirty */
	assert_false(s->vouched);	/* no kernel program put a nonce into these SYNs */
}

static void an_object_id_is_compared_with_the_token(void **state)
{
	struct site *s = *state;

	assert_reply(
		s, "GET " IMDS "api://ok&object_id=0B000000-0000-0000-0000-00000000000f" HEAD CLOSE,
		"HTTP/1.1 200 ", "access_token");
	assert_reply(
		s, "GET " IMDS "api://ok&object_id=0c000000-0000-0000-0000-00000000000f" HEAD CLOSE,
		"HTTP/1.1 403 ", "access_denied");
	/* the token does not tell: then it is not known to be that one's */
	assert_reply(s, "GET " IMDS "api://ok&mi_res_id=/subscriptions/s" HEAD CLOSE,
		     "HTTP/1.1 403 ", "access_denied");
}

static void bodies_and_smuggled_requests_are_refused(void **state)
{
	struct site *s = *state;

	assert_reply(s,
		     "GET " IMDS "api://ok" HEAD
		     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" ASK("ok"),
		     "HTTP/1.1 413 ", "Connection: close");
	assert_reply(s, "GET " IMDS "api://ok" HEAD "Content-Length: 5\r\n\r\nhello" ASK("ok"),
		     "HTTP/1.1 413 ", "Connection: close");
	assert_reply(s, "GET " IMDS "api://ok" HEAD "Host: two\r\n\r\n", "HTTP/1.1 400 ", "");
	assert_reply(s,
		     "GET " IMDS "api://ok" HEAD
		     "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
		     "HTTP/1.1 400 ", "");
	assert_reply(s, "GET " IMDS "api://ok HTTP/1.1\r\nHost: a\r\nMetadata : true\r\n\r\n",
		     "HTTP/1.1 400 ", "");
	assert_int_equal(s->asks, 0);
}

static void a_connection_is_the_same_for_all_its_requests(void **state)
{
	struct site *s = *state;
	struct buf b = {};
	int fd = dial_tcp(s->port);
	uint64_t first;

	say(fd, "GET " IMDS "api://ok" HEAD "\r\n");
	assert_true(hear(fd, &b, "Bearer\"}"));
	first = s->last_conn;
	buf_free(&b);
	say(fd, ASK("ok"));
	hear_all(fd, &b);
	assert_true(s->last_conn == first);
	close(fd);
	await(s->gones == 1);
	assert_reply(s, ASK("ok"), "HTTP/1.1 200 ", "");
	assert_true(s->last_conn == first + 1);
	await(s->gones == 2);
	buf_free(&b);
}

static void answer_held(void *ctx)
{
	struct site *s = ctx;

	s->held(s->held_arg, &token, NULL);
}

static void who_hangs_up_is_recorded_before_it_is_gone(void **state)
{
	struct site *s = *state;
	int fd = dial_tcp(s->port);
	struct linger now = { 1, 0 };

	say(fd, "GET " IMDS "api://later" HEAD "\r\n");
	await(s->holding);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	assert_reply(s, ASK("ok"), "HTTP/1.1 200 ", ""); /* the loop has seen the end of it */
	await(s->gones == 1);				 /* of the second one */
	assert_int_equal(s->tolds, 1);
	on_loop_call(&s->o, answer_held, s);
	assert_int_equal(s->tolds, 2);
	assert_int_equal(s->gones, 2);
}

static void a_thousand_clients_at_once(void **state)
{
	struct site *s = *state;
	static int fds[MANY];
	struct rlimit files;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max; /* both ends of each are ours */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	for (size_t i = 0; i < MANY; i++) {
		fds[i] = dial_tcp(s->port);
		assert_true(fds[i] >= 0);
	}
	for (size_t i = 0; i < MANY; i++)
		say(fds[i], ASK("ok"));
	for (size_t i = 0; i < MANY; i++) {
		struct buf b = {};

		hear_all(fds[i], &b);
		assert_true(str_starts(b.data, "HTTP/1.1 200 "));
		close(fds[i]);
		buf_free(&b);
	}
	assert_int_equal(s->granted, MANY);
	await(s->gones == MANY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_verdict_has_its_reply),
		TEST(an_object_id_is_compared_with_the_token),
		TEST(bodies_and_smuggled_requests_are_refused),
		TEST(a_connection_is_the_same_for_all_its_requests),
		TEST(who_hangs_up_is_recorded_before_it_is_gone),
		TEST(a_thousand_clients_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
