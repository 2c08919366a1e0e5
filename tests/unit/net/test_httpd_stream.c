// SPDX-License-Identifier: Apache-2.0
/* Streams and listeners of the HTTP server. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/diag.h"
#include "base/str.h"
#include "net/httpd.h"
#include "unit/net/on_loop.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: zta\r\nConnection: close\r\n\r\n"
#define NOTICE	    "{\"error\":\"slow-reader\"}\n"

struct server {
	struct on_loop o;
	struct httpd *h;
	char dir[32], path[64];
	struct httpd_stream *stream; /* the latest */
	volatile int streams, closed, refused;
	int written;
};

static void on_closed(void *ctx)
{
	struct server *s = ctx;

	s->closed++;
}

static void on_request(struct httpd_req *req, void *ctx)
{
	struct server *s = ctx;

	if (strcmp(httpd_path(req), "/stream")) {
		httpd_reply(req, 200, "text/plain", "plain", 5);
		return;
	}
	s->stream = httpd_stream_start(req, "application/x-ndjson", on_closed, s);
	if (s->stream)
		s->streams++;
	else
		s->refused++;
}

static int setup(void **state)
{
	struct httpd_opts o = { .request = on_request, .stream_notice = NOTICE };
	struct server *s = calloc(1, sizeof(*s));

	o.ctx = s;
	strcpy(s->dir, "/tmp/zta-stream-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	sprintf(s->path, "%s/sock", s->dir);
	on_loop_new(&s->o);
	assert_int_equal(httpd_new(s->o.l, &o, &s->h), 0);
	assert_int_equal(httpd_listen_unix(s->h, s->path, 0600, (gid_t)-1, NULL), 0);
	on_loop_start(&s->o);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct server *s = *state;

	on_loop_stop(&s->o);
	httpd_free(s->h);
	on_loop_free(&s->o);
	rmdir(s->dir);
	free(s);
	return 0;
}

static void write_line(void *ctx)
{
	struct server *s = ctx;
	char line[32];

	sprintf(line, "line %d\n", ++s->written);
	assert_int_equal(httpd_stream_write(s->stream, line, strlen(line)), 0);
}

static void end_stream(void *ctx)
{
	struct server *s = ctx;

	httpd_stream_end(s->stream);
}

static void a_stream_delivers_each_line_as_it_comes(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);
	struct buf b = {};

	say(fd, GET("/stream"));
	await(s->streams == 1);
	for (int i = 1; i <= 3; i++) {
		char want[32];

		on_loop_call(&s->o, write_line, s);
		sprintf(want, "7\r\nline %d\n\r\n", i);
		assert_true(hear(fd, &b, want));
	}
	assert_non_null(strstr(b.data, "Transfer-Encoding: chunked\r\n"));
	assert_null(strstr(b.data, "0\r\n\r\n"));
	on_loop_call(&s->o, end_stream, s);
	hear_all(fd, &b);
	assert_true(str_ends(b.data, "\r\n0\r\n\r\n"));
	assert_int_equal(s->closed, 0);
	buf_free(&b);
	close(fd);
}

static void http_1_0_gets_the_lines_as_they_are(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);
	struct buf b = {};

	say(fd, "GET /stream HTTP/1.0\r\n\r\n");
	await(s->streams == 1);
	on_loop_call(&s->o, write_line, s);
	on_loop_call(&s->o, end_stream, s);
	hear_all(fd, &b);
	assert_true(str_ends(b.data, "\r\n\r\nline 1\n"));
	buf_free(&b);
	close(fd);
}

static void a_connection_goes_on_after_a_stream(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);
	struct buf b = {};

	say(fd, "GET /stream HTTP/1.1\r\nHost: zta\r\n\r\n");
	await(s->streams == 1);
	on_loop_call(&s->o, end_stream, s);
	assert_true(hear(fd, &b, "0\r\n\r\n"));
	say(fd, GET("/plain"));
	hear_all(fd, &b);
	assert_true(str_ends(b.data, "\r\n\r\nplain"));
	buf_free(&b);
	close(fd);
}

static void a_reader_that_goes_away_is_told_to_the_handler(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);

	say(fd, GET("/stream"));
	await(s->streams == 1);
	close(fd);
	await(s->closed == 1);
}

static void flood(void *ctx)
{
	char *line = malloc(10001);
	struct server *s = ctx;
	int r = 0;

	memset(line, 'x', 10000);
	line[9999] = '\n';
	/* far more than the kernel's socket buffer and ours together */
	for (s->written = 0; r == 0 && s->written < 10000; s->written++) {
		r = httpd_stream_write(s->stream, line, 10000);
		if (r == 0)
			assert_true(httpd_stream_pending(s->stream) <= HTTPD_STREAM_BYTES + 100000);
	}
	free(line);
	assert_int_equal(r, -ENOBUFS);
}

static void a_slow_reader_is_cut_off_with_a_notice_and_blocks_nobody(void **state)
{
	struct server *s = *state;
	int fd = dial_unix(s->path);
	struct buf b = {}, other = {};

	say(fd, GET("/stream"));
	await(s->streams == 1);
	on_loop_call(&s->o, flood, s);
	assert_true(s->written > HTTPD_STREAM_BYTES / 10000 / 2);
	ask(dial_unix(s->path), GET("/plain"), &other);
	assert_non_null(strstr(other.data, "plain"));
	hear_all(fd, &b);
	assert_non_null(strstr(b.data, NOTICE));
	assert_true(str_ends(b.data, "\r\n" NOTICE "\r\n0\r\n\r\n"));
	assert_int_equal(s->closed, 0); /* the failed write was the word */
	buf_free(&b);
	buf_free(&other);
	close(fd);
}

static void streams_leave_places_for_short_requests(void **state)
{
	struct server *s = *state;
	int fds[HTTPD_STREAMS_MAX + 1];
	struct buf b = {};

	for (int i = 0; i <= HTTPD_STREAMS_MAX; i++) {
		fds[i] = dial_unix(s->path);
		say(fds[i], GET("/stream"));
		await(s->streams + s->refused == i + 1);
	}
	assert_int_equal(s->refused, 1);
	hear_all(fds[HTTPD_STREAMS_MAX], &b);
	assert_non_null(strstr(b.data, " 503 "));
	buf_free(&b);
	ask(dial_unix(s->path), GET("/plain"), &b);
	assert_non_null(strstr(b.data, "plain"));
	close(fds[0]);
	await(s->closed == 1);
	fds[0] = dial_unix(s->path);
	say(fds[0], GET("/stream"));
	await(s->streams == HTTPD_STREAMS_MAX + 1);
	for (int i = 0; i <= HTTPD_STREAMS_MAX; i++)
		close(fds[i]);
	buf_free(&b);
}

static void open_streams_are_closed_with_the_server(void **state)
{
	struct server *s;
	int fd;

	setup(state);
	s = *state;
	fd = dial_unix(s->path);
	say(fd, GET("/stream"));
	await(s->streams == 1);
	on_loop_stop(&s->o);
	httpd_free(s->h);
	assert_int_equal(s->closed, 1);
	on_loop_free(&s->o);
	close(fd);
	rmdir(s->dir);
	free(s);
}

static void ignore(struct httpd_req *req, void *ctx)
{
	httpd_reply(req, 200, "text/plain", "x", 1);
}

static struct httpd *bare_server(struct loop *l)
{
	struct httpd_opts o = { .request = ignore };
	struct httpd *h;

	assert_int_equal(httpd_new(l, &o, &h), 0);
	return h;
}

static void a_unix_socket_gets_its_rights_and_replaces_a_stale_one(void **state)
{
	char dir[] = "/tmp/zta-listen-XXXXXX", path[64], longer[256];
	struct httpd *h, *second;
	struct diag d = {};
	struct stat st;
	struct loop *l;

	assert_non_null(mkdtemp(dir));
	sprintf(path, "%s/sock", dir);
	assert_int_equal(loop_new(&l), 0);
	h = bare_server(l);
	second = bare_server(l);
	assert_int_equal(httpd_listen_unix(h, path, 0660, getgid(), &d), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, getgid());
	assert_int_equal(httpd_listen_unix(second, path, 0600, (gid_t)-1, &d), -EADDRINUSE);
	assert_non_null(strstr(d.text, path));
	assert_int_equal(access(path, F_OK), 0);

	/* left behind by a server that was killed */
	sprintf(longer, "%s.old", path);
	assert_int_equal(rename(path, longer), 0);
	httpd_free(h);
	assert_int_equal(rename(longer, path), 0);
	assert_int_equal(dial_unix(path), -ECONNREFUSED);
	assert_int_equal(httpd_listen_unix(second, path, 0600, (gid_t)-1, &d), 0);
	assert_true(dial_unix(path) >= 0);
	httpd_free(second);

	h = bare_server(l);
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[108] = '\0';
	assert_int_equal(httpd_listen_unix(h, longer, 0600, (gid_t)-1, &d), -ENAMETOOLONG);
	sprintf(path, "%s/none/sock", dir);
	assert_int_equal(httpd_listen_unix(h, path, 0600, (gid_t)-1, &d), -ENOENT);
	httpd_free(h);
	loop_free(l);
	assert_int_equal(rmdir(dir), 0);
}

static void tcp_takes_a_free_port_and_refuses_a_taken_one(void **state)
{
	static const char *const bad[] = { "",
					   "9465",
					   "localhost:80",
					   "127.0.0.1:",
					   ":80",
					   "1.2.3.4:x",
					   "127.0.0.1:65536",
					   "::1:80",
					   "[::1]",
					   "[]:80",
					   "[127.0.0.1]:80",
					   "127.0.0.1:-1",
					   "127.0.0.1:080808" };
	struct httpd *h, *second;
	struct diag d = {};
	char text[64];
	uint16_t port = 0;
	struct loop *l;

	assert_int_equal(loop_new(&l), 0);
	h = bare_server(l);
	second = bare_server(l);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (httpd_listen_tcp(h, bad[i], &port, &d) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(httpd_listen_tcp(h, "127.0.0.1:0", &port, &d), 0);
	assert_true(port > 0);
	close(dial_tcp(port));
	sprintf(text, "127.0.0.1:%u", port);
	assert_int_equal(httpd_listen_tcp(second, text, NULL, &d), -EADDRINUSE);
	assert_non_null(strstr(d.text, text));
	assert_int_equal(httpd_listen_tcp(second, "[::1]:0", &port, &d), 0);
	httpd_free(h);
	httpd_free(second);
	assert_int_equal(dial_tcp((uint16_t)atoi(strrchr(text, ':') + 1)), -ECONNREFUSED);
	loop_free(l);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_stream_delivers_each_line_as_it_comes),
		TEST(http_1_0_gets_the_lines_as_they_are),
		TEST(a_connection_goes_on_after_a_stream),
		TEST(a_reader_that_goes_away_is_told_to_the_handler),
		TEST(a_slow_reader_is_cut_off_with_a_notice_and_blocks_nobody),
		TEST(streams_leave_places_for_short_requests),
		cmocka_unit_test(open_streams_are_closed_with_the_server),
		cmocka_unit_test(a_unix_socket_gets_its_rights_and_replaces_a_stale_one),
		cmocka_unit_test(tcp_takes_a_free_port_and_refuses_a_taken_one),
	};

	return cmocka_run_group_tests_name("httpd_stream", tests, NULL, NULL);
}
