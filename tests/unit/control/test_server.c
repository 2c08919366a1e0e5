// SPDX-License-Identifier: Apache-2.0
/* The control API: verbs, who may call them, the shape of errors; asked by the real client. */
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/str.h"
#include "control/client.h"
#include "control/server.h"
#include "net/httpd.h"
#include "unit/net/on_loop.h"

#define NOBODY 65534

struct daemon {
	struct on_loop o;
	struct control_server *s;
	char dir[32], path[64];
	int calls;
	size_t body;
	struct httpd_stream *stream;
};

static int on_status(struct control_req *req, void *ctx)
{
	control_reply(req, 200, json_pack("{s:b, s:o}", "healthy", 1, "actor", control_actor(req)));
	return 0;
}

static int on_explain(struct control_req *req, void *ctx)
{
	const char *addr = control_query(req, "addr"),
		   *answer = control_query_nth(req, "answer", 1);

	if (!addr)
		return diag_set(control_diag(req), -EINVAL, "addr is missing");
	control_reply(req, 200, json_pack("{s:s, s:s*}", "addr", addr, "second", answer));
	return 0;
}

static int on_fail(struct control_req *req, void *ctx)
{
	return -atoi(control_query(req, "errno"));
}

static int on_policy(struct control_req *req, void *ctx)
{
	struct daemon *d = ctx;

	d->calls++;
	(void)control_body(req, &d->body);
	control_reply(req, 200, json_pack("{s:b}", "applied", 1));
	return 0;
}

static int on_show(struct control_req *req, void *ctx)
{
	control_reply_text(req, "application/json", "{ \"as\": \"it is\" }\n", 18);
	return 0;
}

static int on_events(struct control_req *req, void *ctx)
{
	struct daemon *d = ctx;

	d->stream = control_stream_start(req, NULL, NULL);
	for (int i = 1; i <= 3; i++) {
		char line[32];

		sprintf(line, "{\"seq\":%d}\n", i);
		assert_int_equal(httpd_stream_write(d->stream, line, strlen(line)), 0);
	}
	httpd_stream_end(d->stream);
	return 0;
}

static int on_null(struct control_req *req, void *ctx)
{
	control_reply(req, 200, NULL);
	return 0;
}

static int on_weird(struct control_req *req, void *ctx)
{
	control_reply_error(req, 409, "not UTF-8: \xff\xfe \"quoted\"");
	return 0;
}

static const struct control_verb verbs[] = {
	{ "GET", "/v1/status", false, NULL, on_status },
	{ "GET", "/v1/explain", false, "addr answer port", on_explain },
	{ "GET", "/v1/fail", false, "errno", on_fail },
	{ "GET", "/v1/policy", false, NULL, on_show },
	{ "POST", "/v1/policy", true, "dry-run", on_policy },
	{ "GET", "/v1/events", false, NULL, on_events },
	{ "GET", "/v1/null", false, NULL, on_null },
	{ "GET", "/v1/weird", false, NULL, on_weird },
};

/* Groups that every Debian machine has, so that nothing must be made for the test. */
#define READ_GROUP   "daemon"
#define CHANGE_GROUP "games"

static int up(void **state, const char *read_group, const char *change_group)
{
	struct control_opts o = { .read_group = read_group,
				  .change_group = change_group,
				  .verbs = verbs,
				  .n_verbs = sizeof(verbs) / sizeof(verbs[0]) };
	struct daemon *d = calloc(1, sizeof(*d));
	struct diag diag = {};

	strcpy(d->dir, "/tmp/zta-control-XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	assert_int_equal(chmod(d->dir, 0755), 0);
	sprintf(d->path, "%s/ztad.sock", d->dir);
	o.path = d->path;
	o.ctx = d;
	on_loop_new(&d->o);
	if (control_server_new(d->o.l, &o, &d->s, &diag) < 0)
		fail_msg("%s", diag.text);
	on_loop_start(&d->o);
	*state = d;
	return 0;
}

static int setup(void **state)
{
	return up(state, READ_GROUP, CHANGE_GROUP);
}

static int setup_without_groups(void **state)
{
	return up(state, "zta-test-none", "zta-test-none");
}

static int teardown(void **state)
{
	struct daemon *d = *state;

	on_loop_stop(&d->o);
	control_server_free(d->s);
	on_loop_free(&d->o);
	assert_int_equal(rmdir(d->dir), 0);
	free(d);
	return 0;
}

/* Calls, checks the status, returns the body as JSON. */
static json_t *call(const char *path, const char *method, const char *target, int want)
{
	struct control_request rq = { .socket = path, .method = method, .target = target };
	struct control_reply_in reply;
	struct diag diag = {};
	json_t *v;

	if (!strcmp(method, "POST")) {
		rq.body = "{}";
		rq.len = 2;
	}
	if (control_call(&rq, &reply, &diag) < 0)
		fail_msg("%s: %s", target, diag.text);
	if (reply.status != want)
		fail_msg("%s %s: %d %s", method, target, reply.status, reply.body);
	v = json_loadb(reply.body, reply.len, 0, NULL);
	assert_non_null(v);
	control_reply_in_free(&reply);
	return v;
}

static void expect_error(struct daemon *d, const char *method, const char *target, int want,
			 const char *word)
{
	json_t *v = call(d->path, method, target, want);

	assert_string_equal(json_string_value(json_object_get(v, "error")), word);
	assert_true(json_string_length(json_object_get(v, "detail")) > 0);
	assert_int_equal(json_object_size(v), 2);
	json_decref(v);
}

static void a_verb_replies_with_its_document(void **state)
{
	struct daemon *d = *state;
	json_t *v = call(d->path, "GET", "/v1/status", 200);

	assert_true(json_is_true(json_object_get(v, "healthy")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(v, "actor"), "pid")),
			 getpid());
	json_decref(v);
	v = call(d->path, "GET", "/v1/explain?addr=8.8.8.8&answer=a&answer=b%3D1", 200);
	assert_string_equal(json_string_value(json_object_get(v, "addr")), "8.8.8.8");
	assert_string_equal(json_string_value(json_object_get(v, "second")), "b=1");
	json_decref(v);
	v = call(d->path, "GET", "/v1/policy", 200);
	assert_string_equal(json_string_value(json_object_get(v, "as")), "it is");
	json_decref(v);
}

static void errors_have_one_shape_and_a_word_for_each_status(void **state)
{
	static const struct {
		const char *target;
		int status;
		const char *word;
	} cases[] = {
		{ "/v1/none", 404, "not-found" },
		{ "/v1/status/", 404, "not-found" },
		{ "/", 404, "not-found" },
		{ "/v1/status?x=1", 400, "bad-request" },
		{ "/v1/explain?adr=1", 400, "bad-request" },
		{ "/v1/explain", 400, "bad-request" },
		{ "/v1/explain?addr=%ff", 400, "bad-request" },
		{ "/v1/explain?addr=a&answer=b&answer=%c3", 400, "bad-request" },
		{ "/v1/fail?errno=22", 400, "bad-request" },
		{ "/v1/fail?errno=13", 403, "forbidden" },
		{ "/v1/fail?errno=2", 404, "not-found" },
		{ "/v1/fail?errno=16", 409, "conflict" },
		{ "/v1/fail?errno=17", 409, "conflict" },
		{ "/v1/fail?errno=27", 413, "too-large" },
		{ "/v1/fail?errno=11", 503, "busy" },
		{ "/v1/fail?errno=5", 500, "failed" },
		{ "/v1/null", 500, "failed" },
		{ "/v1/weird", 409, "conflict" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_error(*state, "GET", cases[i].target, cases[i].status, cases[i].word);
}

static void the_wrong_method_is_405_and_says_the_right_one(void **state)
{
	struct daemon *d = *state;
	struct buf b = {};

	expect_error(d, "POST", "/v1/status", 405, "method-not-allowed");
	expect_error(d, "DELETE", "/v1/policy", 405, "method-not-allowed");
	ask(dial_unix(d->path), "PUT /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	    &b);
	assert_non_null(strstr(b.data, "\r\nAllow: GET\r\n"));
	assert_non_null(strstr(b.data, "\r\nContent-Type: application/json\r\n"));
	buf_free(&b);
	ask(dial_unix(d->path), "PUT /v1/policy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	    &b);
	assert_non_null(strstr(b.data, "\r\nAllow: GET, POST\r\n"));
	buf_free(&b);
}

static void what_http_refuses_has_the_same_shape(void **state)
{
	struct daemon *d = *state;
	struct buf b = {};

	ask(dial_unix(d->path), "garbage\r\n\r\n", &b);
	assert_true(str_starts(b.data, "HTTP/1.1 400 "));
	assert_non_null(strstr(b.data, "\r\n\r\n{\"error\":\"bad-request\",\"detail\":\""));
	buf_free(&b);
}

static void a_document_holds_at_n_and_is_413_at_n_plus_1(void **state)
{
	struct daemon *d = *state;
	char *body = calloc(1, CONTROL_BODY_MAX + 1);

	for (int over = 0; over <= 1; over++) {
		struct control_request rq = { .socket = d->path,
					      .method = "POST",
					      .target = "/v1/policy?dry-run=true",
					      .body = body,
					      .len = CONTROL_BODY_MAX + (size_t)over };
		struct control_reply_in reply;

		assert_int_equal(control_call(&rq, &reply, NULL), 0);
		assert_int_equal(reply.status, over ? 413 : 200);
		if (over)
			assert_non_null(strstr(reply.body, "\"error\":\"too-large\""));
		control_reply_in_free(&reply);
	}
	assert_int_equal(d->calls, 1);
	assert_int_equal(d->body, CONTROL_BODY_MAX);
	free(body);
}

/* As somebody else, with one supplementary group (or -1). Returns the status, or -errno. */
static int call_as(struct daemon *d, const char *method, const char *target, gid_t group)
{
	int result = 0, fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct control_request rq = { .socket = d->path,
					      .method = method,
					      .target = target };
		struct control_reply_in reply = {};

		if (setgroups(group != (gid_t)-1, &group) || setgid(NOBODY) || setuid(NOBODY))
			_exit(1);
		result = control_call(&rq, &reply, NULL);
		result = result < 0 ? result : reply.status;
		_exit(write(fds[1], &result, sizeof(result)) != sizeof(result));
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &result, sizeof(result)), sizeof(result));
	close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return result;
}

static gid_t gid_of(const char *name)
{
	struct group *g = getgrnam(name);

	assert_non_null(g);
	return g->gr_gid;
}

#define NEEDS_ROOT()                                                         \
	do {                                                                 \
		if (getuid() != 0) {                                         \
			print_message("Skipped: needs root to be others\n"); \
			skip();                                              \
		}                                                            \
	} while (0)

static void groups_decide_who_may_read_and_who_may_change(void **state)
{
	gid_t read = gid_of(READ_GROUP), change = gid_of(CHANGE_GROUP);
	struct daemon *d = *state;
	struct stat st;

	NEEDS_ROOT();
	assert_int_equal(stat(d->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, read);
	assert_int_equal(call_as(d, "GET", "/v1/status", (gid_t)-1), -EACCES);
	assert_int_equal(call_as(d, "GET", "/v1/status", read), 200);
	assert_int_equal(call_as(d, "POST", "/v1/policy", read), 403);
	/* as if an administrator had opened the file to more people: the word of the group holds */
	assert_int_equal(chmod(d->path, 0666), 0);
	assert_int_equal(call_as(d, "GET", "/v1/status", (gid_t)-1), 403);
	assert_int_equal(call_as(d, "GET", "/v1/none", (gid_t)-1), 403);
	assert_int_equal(call_as(d, "GET", "/v1/status", change), 403);
	assert_int_equal(call_as(d, "POST", "/v1/policy", change), 200);
	assert_int_equal(d->calls, 1);
}

static void a_group_that_does_not_exist_admits_nobody_but_root(void **state)
{
	struct daemon *d = *state;

	NEEDS_ROOT();
	assert_int_equal(chmod(d->path, 0666), 0);
	assert_int_equal(call_as(d, "GET", "/v1/status", (gid_t)-1), 403);
	assert_int_equal(call_as(d, "GET", "/v1/status", 0), 403);
	assert_int_equal(call_as(d, "POST", "/v1/policy", NOBODY), 403);
	json_decref(call(d->path, "POST", "/v1/policy", 200));
}

static void a_stranger_cannot_make_the_daemon_hold_a_body(void **state)
{
	struct daemon *d = *state;
	int status;
	pid_t pid;

	NEEDS_ROOT();
	assert_int_equal(chmod(d->path, 0666), 0);
	pid = fork();
	if (pid == 0) {
		struct buf b = {};
		int fd;

		if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
			_exit(2);
		fd = dial_unix(d->path);
		/* no byte of the body is sent: the reply must not wait for it */
		say(fd, "POST /v1/policy HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
		_exit(!hear(fd, &b, " 403 "));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(d->calls, 0);
}

struct lines {
	int n, stop_at;
};

static int on_line(void *ctx, const char *line, size_t len)
{
	struct lines *l = ctx;
	char want[32];

	sprintf(want, "{\"seq\":%d}", ++l->n);
	assert_string_equal(line, want);
	assert_int_equal(len, strlen(want));
	return l->n == l->stop_at ? 7 : 0;
}

static void a_stream_comes_line_by_line_until_the_reader_has_enough(void **state)
{
	struct daemon *d = *state;
	struct control_request rq = { .socket = d->path, .method = "GET", .target = "/v1/events" };
	struct control_reply_in reply = {};
	struct lines l = {};

	assert_int_equal(control_stream(&rq, on_line, &l, &reply, NULL), 0);
	assert_int_equal(reply.status, 200);
	assert_int_equal(l.n, 3);
	l = (struct lines){ .stop_at = 2 };
	assert_int_equal(control_stream(&rq, on_line, &l, &reply, NULL), 7);
	assert_int_equal(l.n, 2);
	rq.target = "/v1/events?x=y";
	assert_int_equal(control_stream(&rq, on_line, &l, &reply, NULL), 0);
	assert_int_equal(reply.status, 400);
	assert_non_null(strstr(reply.body, "bad-request"));
	control_reply_in_free(&reply);
}

static void a_second_daemon_on_the_socket_is_refused(void **state)
{
	struct daemon *d = *state;
	struct control_opts o = { .path = d->path, .verbs = verbs, .n_verbs = 1 };
	struct control_server *s;
	struct diag diag = {};
	struct loop *l;

	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(control_server_new(l, &o, &s, &diag), -EADDRINUSE);
	assert_non_null(strstr(diag.text, d->path));
	loop_free(l);
	json_decref(call(d->path, "GET", "/v1/status", 200));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_verb_replies_with_its_document),
		TEST(errors_have_one_shape_and_a_word_for_each_status),
		TEST(the_wrong_method_is_405_and_says_the_right_one),
		TEST(what_http_refuses_has_the_same_shape),
		TEST(a_document_holds_at_n_and_is_413_at_n_plus_1),
		TEST(groups_decide_who_may_read_and_who_may_change),
		cmocka_unit_test_setup_teardown(a_group_that_does_not_exist_admits_nobody_but_root,
						setup_without_groups, teardown),
		TEST(a_stranger_cannot_make_the_daemon_hold_a_body),
		TEST(a_stream_comes_line_by_line_until_the_reader_has_enough),
		TEST(a_second_daemon_on_the_socket_is_refused),
	};

	return cmocka_run_group_tests_name("control_server", tests, NULL, NULL);
}
