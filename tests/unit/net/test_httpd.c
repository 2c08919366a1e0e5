// SPDX-License-Identifier: Apache-2.0
/* Requests, limits and clients that misbehave, over real sockets. */
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/diag.h"
#include "base/str.h"
#include "net/httpd.h"
#include "unit/net/on_loop.h"

#define HOST	     "Host: zta\r\n"
#define CLOSE	     "Connection: close\r\n\r\n"
#define GET(target)  "GET " target " HTTP/1.1\r\n" HOST CLOSE
#define BODY_MAX     100000
#define CLIENTS	     8
#define REQUEST_MS   300
#define PATIENT_MS   8000
#define GROUP_NUMBER 4242

struct server {
	struct on_loop o;
	struct httpd *h;
	char dir[32], path[64];
	struct httpd_req *kept; /* of /later */
	volatile int requests;
};

/* Says back what it was asked. */
static void on_request(struct httpd_req *req, void *ctx)
{
	const struct httpd_peer *p = httpd_peer(req);
	struct server *s = ctx;
	struct buf b = {};
	const char *name;
	size_t len;

	s->requests++;
	if (!strcmp(httpd_path(req), "/later")) {
		s->kept = req;
		return;
	}
	(void)httpd_body(req, &len);
	buf_printf(&b, "%s %s body=%zu uid=%d pid=%d", httpd_method(req), httpd_path(req), len,
		   p->known ? (int)p->uid : -1, p->known ? (int)p->pid : -1);
	for (size_t i = 0; i < p->n_groups; i++)
		buf_printf(&b, " group=%u", p->groups[i]);
	for (size_t i = 0; (name = httpd_query_name(req, i)); i++)
		buf_printf(&b, " %s=%s", name, httpd_query(req, name));
	if (httpd_query_nth(req, "w", 1))
		buf_printf(&b, " second=%s", httpd_query_nth(req, "w", 1));
	if (!strcmp(httpd_path(req), "/big"))
		for (int i = 0; i < 100000; i++)
			buf_puts(&b, "0123456789");
	httpd_add_field(req, "X-Test", "yes");
	httpd_reply(req, 200, "text/plain", b.data, b.len);
	buf_free(&b);
}

static bool on_admit(struct httpd_req *req, void *ctx)
{
	if (strcmp(httpd_path(req), "/refused"))
		return true;
	httpd_reply(req, 403, "text/plain", "no", 2);
	return false;
}

static int up(void **state, unsigned int request_ms)
{
	struct httpd_opts o = { .request = on_request,
				.admit = on_admit,
				.max_body = BODY_MAX,
				.max_clients = CLIENTS,
				.request_ms = request_ms };
	struct server *s = calloc(1, sizeof(*s));

	o.ctx = s;
	strcpy(s->dir, "/tmp/zta-httpd-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	chmod(s->dir, 0755);
	sprintf(s->path, "%s/sock", s->dir);
	on_loop_new(&s->o);
	assert_int_equal(httpd_new(s->o.l, &o, &s->h), 0);
	assert_int_equal(httpd_listen_unix(s->h, s->path, 0666, (gid_t)-1, NULL), 0);
	on_loop_start(&s->o);
	*state = s;
	return 0;
}

static int setup(void **state)
{
	return up(state, REQUEST_MS);
}

static int setup_patient(void **state)
{
	return up(state, PATIENT_MS);
}

static int teardown(void **state)
{
	struct server *s = *state;

	on_loop_stop(&s->o);
	httpd_free(s->h);
	on_loop_free(&s->o);
	assert_int_equal(access(s->path, F_OK), -1);
	assert_int_equal(rmdir(s->dir), 0);
	free(s);
	return 0;
}

/* Fails the test unless a well-behaved client is served. */
static void still_serves(struct server *s)
{
	struct buf b = {};

	ask(dial_unix(s->path), GET("/alive"), &b);
	assert_non_null(strstr(b.data, "GET /alive body=0"));
	buf_free(&b);
}

static void a_request_reaches_the_handler_with_its_query_and_peer(void **state)
{
	struct server *s = *state;
	struct buf b = {};
	char want[64];

	ask(dial_unix(s->path), GET("/a%20b?n=5&w=x&w=y+z"), &b);
	assert_true(str_starts(b.data, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(b.data, "\r\nX-Test: yes\r\n"));
	assert_non_null(strstr(b.data, "\r\nContent-Type: text/plain\r\n"));
	sprintf(want, "GET /a b body=0 uid=%d pid=%d", (int)getuid(), (int)getpid());
	assert_non_null(strstr(b.data, want));
	assert_non_null(strstr(b.data, " n=5 w=x w=x second=y z"));
	buf_free(&b);
}

static void supplementary_groups_of_the_peer_are_known(void **state)
{
	struct server *s = *state;
	gid_t groups[] = { GROUP_NUMBER, GROUP_NUMBER + 1 };
	int status;
	pid_t pid;

	if (getuid() != 0) {
		print_message("Skipped: needs root to change groups\n");
		skip();
	}
	pid = fork();
	if (pid == 0) {
		struct buf b = {};

		if (setgroups(2, groups) || setgid(65534) || setuid(65534))
			_exit(2);
		ask(dial_unix(s->path), GET("/"), &b);
		_exit(!strstr(b.data, "uid=65534") || !strstr(b.data, " group=4242 group=4243"));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_connection_serves_several_requests_pipelined_too(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);
	struct buf b = {};

	say(fd, "\r\nGET /1 HTTP/1.1\r\n" HOST "\r\n");
	assert_true(hear(fd, &b, "GET /1 body=0"));
	assert_null(strstr(b.data, "Connection: close"));
	say(fd, "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\n" HOST
		"\r\n" GET("/4"));
	hear_all(fd, &b);
	assert_non_null(strstr(b.data, "POST /2 body=3"));
	assert_non_null(strstr(strstr(b.data, "POST /2"), "GET /3 body=0"));
	assert_non_null(strstr(strstr(b.data, "GET /3"), "GET /4 body=0"));
	buf_free(&b);
	close(fd);
}

static void http_1_0_gets_an_end_unless_it_asks_to_go_on(void **state)
{
	struct server *s = *state;
	struct buf b = {};
	int fd;

	ask(dial_unix(s->path), "GET /old HTTP/1.0\r\n\r\n", &b);
	assert_non_null(strstr(b.data, "GET /old"));
	buf_free(&b);
	fd = dial_unix(s->path);
	say(fd, "GET /5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_true(hear(fd, &b, "GET /5"));
	assert_non_null(strstr(b.data, "Connection: keep-alive"));
	say(fd, "GET /6 HTTP/1.0\r\n\r\n");
	assert_true(hear(fd, &b, "GET /6"));
	close(fd);
	buf_free(&b);
}

static void head_gets_the_length_and_no_body(void **state)
{
	struct server *s = *state;
	struct buf b = {};
	const char *end;

	ask(dial_unix(s->path), "HEAD /h HTTP/1.1\r\n" HOST CLOSE, &b);
	assert_non_null(strstr(b.data, "\r\nContent-Length: "));
	assert_null(strstr(b.data, "\r\nContent-Length: 0"));
	end = strstr(b.data, "\r\n\r\n");
	assert_non_null(end);
	assert_string_equal(end + 4, "");
	buf_free(&b);
}

static void who_closes_its_side_after_asking_is_answered(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);
	struct buf b = {};

	say(fd, "GET /half HTTP/1.1\r\n" HOST "\r\n");
	shutdown(fd, SHUT_WR);
	hear_all(fd, &b);
	assert_non_null(strstr(b.data, "GET /half body=0"));
	buf_free(&b);
	close(fd);
}

static void garbage_is_told_what_it_is(void **state)
{
	static const struct {
		const char *text, *status;
	} cases[] = {
		{ "hello\r\n\r\n", " 400 " },
		{ "GET / HTTP/1.1\n\n", " 400 " },
		{ "\x16\x03\x01\x02\x01\x01\r\n\r\n", " 400 " },
		{ "GET / HTTP/3.0\r\n" HOST "\r\n", " 505 " },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", " 501 " },
		{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", " 400 " },
	};
	struct server *s = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = {};

		ask(dial_unix(s->path), cases[i].text, &b);
		assert_non_null(b.data);
		if (!strstr(b.data, cases[i].status))
			fail_msg("%s -> %s", cases[i].text, b.data);
		buf_free(&b);
	}
	assert_int_equal(s->requests, 0);
	still_serves(s);
}

static void a_head_without_end_is_cut_at_its_limit(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);
	struct buf b = {};

	say(fd, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 2000; i++)
		say(fd, "X-Header: abcdefghijklmnop\r\n");
	hear_all(fd, &b);
	assert_non_null(strstr(b.data, " 431 "));
	buf_free(&b);
	close(fd);
}

static void bodies_hold_at_n_and_are_refused_at_n_plus_1(void **state)
{
	struct server *s = *state;
	char head[256], *body = calloc(1, BODY_MAX + 1);

	for (int over = 0; over <= 1; over++) {
		struct buf b = {};
		int fd = dial_unix(s->path);

		sprintf(head, "POST / HTTP/1.1\r\n" HOST "Content-Length: %d\r\n" CLOSE,
			BODY_MAX + over);
		say(fd, head);
		say_bytes(fd, body, (size_t)(BODY_MAX + over));
		hear_all(fd, &b);
		assert_non_null(strstr(b.data, over ? " 413 " : "POST / body=100000"));
		close(fd);
		buf_free(&b);
		fd = dial_unix(s->path);
		sprintf(head,
			"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n" CLOSE "%x\r\n",
			BODY_MAX + over);
		say(fd, head);
		say_bytes(fd, body, (size_t)(BODY_MAX + over));
		say(fd, "\r\n0\r\n\r\n");
		hear_all(fd, &b);
		assert_non_null(strstr(b.data, over ? " 413 " : "POST / body=100000"));
		close(fd);
		buf_free(&b);
	}
	free(body);
}

static void a_refusal_reaches_a_client_that_goes_on_sending(void **state)
{
	static const char *const heads[] = {
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 8000000\r\n\r\n",
		"POST /refused HTTP/1.1\r\n" HOST "Content-Length: 8000000\r\n\r\n",
	};
	struct server *s = *state;
	char *body = calloc(1, 8000000);

	for (int i = 0; i < 2; i++) {
		int fd = dial_unix(s->path);
		struct buf b = {};

		say(fd, heads[i]);
		say_bytes(fd, body, 8000000);
		hear_all(fd, &b);
		assert_non_null(strstr(b.data, i ? " 403 " : " 413 "));
		assert_null(strstr(strstr(b.data, "HTTP/1.1") + 1, "HTTP/1.1")); /* one reply */
		buf_free(&b);
		close(fd);
	}
	free(body);
	assert_int_equal(s->requests, 0);
}

static void who_waits_for_100_continue_gets_it(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);
	struct buf b = {};

	say(fd, "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n" CLOSE);
	assert_true(hear(fd, &b, "HTTP/1.1 100 Continue\r\n\r\n"));
	say(fd, "ab");
	hear_all(fd, &b);
	assert_non_null(strstr(b.data, "POST / body=2"));
	buf_free(&b);
	close(fd);
}

static void a_drip_of_bytes_does_not_move_the_deadline(void **state)
{
	struct server *s = *state;
	uint64_t begin = clock_mono_ns();
	int fd = dial_unix(s->path);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct buf b = {};

	say(fd, "GET / HTTP/1.1\r\nX: ");
	while (poll(&p, 1, 20) == 0) {
		assert_true(clock_mono_ns() - begin < ON_LOOP_DEADLINE_MS * NS_PER_MS);
		say(fd, "x");
	}
	/* timers run by a clock that ticks every few milliseconds */
	assert_true(clock_mono_ns() - begin >= (REQUEST_MS - 20) * NS_PER_MS);
	hear_all(fd, &b);
	assert_non_null(strstr(b.data, " 408 "));
	buf_free(&b);
	close(fd);
}

static void a_silent_client_is_let_go(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);
	struct buf b = {};

	hear_all(fd, &b);
	assert_int_equal(b.len, 0);
	buf_free(&b);
	close(fd);
}

static void silent_clients_do_not_keep_others_out(void **state)
{
	struct server *s = *state;
	uint64_t begin = clock_mono_ns();
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		fds[i] = dial_unix(s->path);
	still_serves(s);
	/* they made room: nobody had to wait for their deadline */
	assert_true(clock_mono_ns() - begin < PATIENT_MS * NS_PER_MS);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
}

static void a_flood_of_connections_does_not_drive_out_a_client(void **state)
{
	struct server *s = *state;
	int fds[120];

	for (int i = 0; i < 120; i++) {
		fds[i] = dial_unix(s->path);
		if (i % 2)
			say(fds[i], "GET /");
		if (i % 30 == 29)
			still_serves(s);
	}
	for (int i = 0; i < 120; i++)
		close(fds[i]);
}

static void who_does_not_take_its_reply_makes_room_too(void **state)
{
	struct server *s = *state;
	int fds[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = dial_unix(s->path);
		say(fds[i], GET("/big"));
	}
	await(s->requests == CLIENTS);
	still_serves(s);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
}

static void reply_later(void *ctx)
{
	struct server *s = ctx;

	httpd_reply(s->kept, 200, "text/plain", "at last", 7);
	s->kept = NULL;
}

static void a_reply_can_come_later_also_when_the_client_has_gone(void **state)
{
	struct server *s = *state;
	struct buf b = {};

	for (int gone = 0; gone <= 1; gone++) {
		int fd = dial_unix(s->path);

		say(fd, GET("/later"));
		await(s->requests == 1 + gone * 2);
		if (gone)
			close(fd);
		still_serves(s);
		on_loop_call(&s->o, reply_later, s);
		if (!gone) {
			hear_all(fd, &b);
			assert_non_null(strstr(b.data, "\r\n\r\nat last"));
			close(fd);
		}
	}
	still_serves(s);
	buf_free(&b);
}

static void requests_that_were_never_answered_end_with_the_server(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);

	say(fd, GET("/later"));
	await(s->requests == 1);
	close(fd); /* the rest is for the sanitizer */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_request_reaches_the_handler_with_its_query_and_peer),
		TEST(supplementary_groups_of_the_peer_are_known),
		TEST(a_connection_serves_several_requests_pipelined_too),
		TEST(http_1_0_gets_an_end_unless_it_asks_to_go_on),
		TEST(head_gets_the_length_and_no_body),
		TEST(who_closes_its_side_after_asking_is_answered),
		TEST(garbage_is_told_what_it_is),
		TEST(a_head_without_end_is_cut_at_its_limit),
		TEST(bodies_hold_at_n_and_are_refused_at_n_plus_1),
		TEST(a_refusal_reaches_a_client_that_goes_on_sending),
		TEST(who_waits_for_100_continue_gets_it),
		TEST(a_drip_of_bytes_does_not_move_the_deadline),
		TEST(a_silent_client_is_let_go),
		cmocka_unit_test_setup_teardown(silent_clients_do_not_keep_others_out,
						setup_patient, teardown),
		TEST(a_flood_of_connections_does_not_drive_out_a_client),
		TEST(who_does_not_take_its_reply_makes_room_too),
		TEST(a_reply_can_come_later_also_when_the_client_has_gone),
		TEST(requests_that_were_never_answered_end_with_the_server),
	};

	return cmocka_run_group_tests_name("httpd", tests, NULL, NULL);
}
