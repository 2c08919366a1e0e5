// SPDX-License-Identifier: Apache-2.0
/* The client against peers that answer by a script, badly, or not at all. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/diag.h"
#include "control/client.h"
#include "unit/net/on_loop.h"

#define OK "HTTP/1.1 200 OK\r\n"

struct peer {
	char dir[32], path[64];
	int fd;
	const char *script; /* sent after the request was heard; NULL: silence */
	bool bytewise;
	struct buf heard;
	pthread_t thread;
};

static void *play(void *ctx)
{
	struct peer *p = ctx;
	int fd = accept(p->fd, NULL, NULL);

	assert_true(fd >= 0);
	(void)hear(fd, &p->heard, "\r\n\r\n");
	if (!p->script) {
		struct buf rest = {};

		hear_all(fd, &rest); /* until the client gives up */
		buf_free(&rest);
	} else if (p->bytewise) {
		for (const char *s = p->script; *s; s++)
			say_bytes(fd, s, 1);
	} else {
		say(fd, p->script);
	}
	close(fd);
	return NULL;
}

static int setup(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct peer *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/zta-client-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(chmod(p->dir, 0755), 0);
	sprintf(p->path, "%s/sock", p->dir);
	strcpy(sun.sun_path, p->path);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(p->fd, 8), 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct peer *p = *state;

	close(p->fd);
	unlink(p->path);
	rmdir(p->dir);
	buf_free(&p->heard);
	free(p);
	return 0;
}

/* One call against a script. */
static int call(struct peer *p, const char *script, struct control_reply_in *ret, struct diag *d)
{
	struct control_request rq = { .socket = p->path, .method = "GET", .target = "/v1/status" };
	int r;

	p->script = script;
	buf_free(&p->heard);
	rq.timeout_ms = script ? 0 : 100;
	assert_int_equal(pthread_create(&p->thread, NULL, play, p), 0);
	r = control_call(&rq, ret, d);
	assert_int_equal(pthread_join(p->thread, NULL), 0);
	return r;
}

static void bodies_of_each_framing_arrive_whole(void **state)
{
	static const char *const scripts[] = {
		OK "Content-Length: 5\r\n\r\nhello",
		OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		OK "\r\nhello",
		"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 5\r\n\r\nhello",
		OK "Content-Length: 5\r\n\r\nhello and more",
	};
	struct peer *p = *state;

	for (size_t i = 0; i < 2 * sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct control_reply_in reply = {};

		p->bytewise = i % 2;
		assert_int_equal(call(p, scripts[i / 2], &reply, NULL), 0);
		assert_int_equal(reply.status, 200);
		assert_string_equal(reply.body, "hello");
		assert_int_equal(reply.len, 5);
		control_reply_in_free(&reply);
	}
	assert_non_null(strstr(p->heard.data, "GET /v1/status HTTP/1.1\r\nHost: "));
}

static void an_empty_body_is_an_empty_string(void **state)
{
	struct control_reply_in reply = {};

	assert_int_equal(call(*state, OK "Content-Length: 0\r\n\r\n", &reply, NULL), 0);
	assert_string_equal(reply.body, "");
	control_reply_in_free(&reply);
}

static void replies_that_break_off_or_make_no_sense_are_told_apart(void **state)
{
	static const struct {
		const char *script;
		int r;
	} cases[] = {
		{ "", -ECONNRESET },
		{ OK "Content-Length: 5\r\n\r\nhel", -ECONNRESET },
		{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", -ECONNRESET },
		{ OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", -EPROTO },
		{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", -EPROTO },
		{ "HTTP/1.1 200", -EPROTO },
		{ NULL, -ETIMEDOUT },
	};
	struct peer *p = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct control_reply_in reply = { .status = -1 };
		struct diag d = {};

		assert_int_equal(call(p, cases[i].script, &reply, &d), cases[i].r);
		assert_int_equal(reply.status, -1); /* untouched */
		assert_true(*d.text);
		assert_true(control_unreachable(cases[i].r));
	}
}

static void an_endless_head_is_not_read_for_ever(void **state)
{
	struct control_reply_in reply = {};
	char *script = malloc(100001);

	memset(script, 'x', 100000);
	script[100000] = '\0';
	assert_int_equal(call(*state, script, &reply, NULL), -EPROTO);
	free(script);
}

static void without_a_daemon_the_reason_says_so(void **state)
{
	struct peer *p = *state;
	struct control_request rq = { .socket = p->path, .method = "GET", .target = "/" };
	struct control_reply_in reply = {};
	struct diag d = {};
	char longer[200];

	close(p->fd); /* the file stays: nobody listens */
	p->fd = -1;
	assert_int_equal(control_call(&rq, &reply, &d), -ECONNREFUSED);
	assert_non_null(strstr(d.text, p->path));
	assert_true(control_unreachable(-ECONNREFUSED));
	assert_int_equal(unlink(p->path), 0);
	assert_int_equal(control_call(&rq, &reply, &d), -ENOENT);
	assert_true(control_unreachable(-ENOENT));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	rq.socket = longer;
	assert_int_equal(control_call(&rq, &reply, &d), -ENAMETOOLONG);
}

static void a_socket_that_may_not_be_opened_is_a_matter_of_rights(void **state)
{
	struct peer *p = *state;
	int status;
	pid_t pid;

	if (getuid() != 0) {
		print_message("Skipped: needs root to be somebody else\n");
		skip();
	}
	assert_int_equal(chmod(p->path, 0600), 0);
	pid = fork();
	if (pid == 0) {
		struct control_request rq = { .socket = p->path, .method = "GET", .target = "/" };
		struct control_reply_in reply = {};

		_exit(setgid(65534) || setuid(65534) ||
		      control_call(&rq, &reply, NULL) != -EACCES || control_unreachable(-EACCES));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

struct lines {
	char text[64];
};

static int on_line(void *ctx, const char *line, size_t len)
{
	struct lines *l = ctx;

	strcat(strcat(l->text, line), "|");
	return 0;
}

static int stream(struct peer *p, const char *script, struct lines *l)
{
	struct control_request rq = { .socket = p->path, .method = "GET", .target = "/v1/events" };
	struct control_reply_in reply = {};
	int r;

	buf_free(&p->heard);
	p->script = script;
	assert_int_equal(pthread_create(&p->thread, NULL, play, p), 0);
	r = control_stream(&rq, on_line, l, &reply, NULL);
	assert_int_equal(pthread_join(p->thread, NULL), 0);
	return r;
}

static void lines_are_whole_wherever_the_bytes_are_cut(void **state)
{
	static const char script[] = OK
		"Transfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n1\r\nb\r\n4\r\nc\n\nd\r\n0\r\n\r\n";
	struct peer *p = *state;

	for (int i = 0; i < 2; i++) {
		struct lines l = {};

		p->bytewise = i;
		assert_int_equal(stream(p, script, &l), 0);
		assert_string_equal(l.text, "a|bc||d|");
	}
}

static void a_stream_whose_daemon_dies_is_an_error(void **state)
{
	struct lines l = {};

	assert_int_equal(stream(*state, OK "Transfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n", &l),
			 -ECONNRESET);
	assert_string_equal(l.text, "a|");
}

static void targets_are_put_together_encoded(void **state)
{
	char target[64] = "/v1/events", small[16] = "/v1/e";

	assert_int_equal(control_target_add(target, sizeof(target), "n", "5"), 0);
	assert_int_equal(control_target_add(target, sizeof(target), "since", NULL), 0);
	assert_int_equal(control_target_add(target, sizeof(target), "workload", "/a b&c"), 0);
	assert_string_equal(target, "/v1/events?n=5&workload=/a%20b%26c");
	assert_int_equal(control_target_add(small, sizeof(small), "workload", "/a"), -E2BIG);
	strcpy(small, "/v1/events1234");
	assert_int_equal(control_target_add(small, sizeof(small), "w", ""), -E2BIG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(bodies_of_each_framing_arrive_whole),
		TEST(an_empty_body_is_an_empty_string),
		TEST(replies_that_break_off_or_make_no_sense_are_told_apart),
		TEST(an_endless_head_is_not_read_for_ever),
		TEST(without_a_daemon_the_reason_says_so),
		TEST(a_socket_that_may_not_be_opened_is_a_matter_of_rights),
		TEST(lines_are_whole_wherever_the_bytes_are_cut),
		TEST(a_stream_whose_daemon_dies_is_an_error),
		cmocka_unit_test(targets_are_put_together_encoded),
	};

	return cmocka_run_group_tests_name("control_client", tests, NULL, NULL);
}
