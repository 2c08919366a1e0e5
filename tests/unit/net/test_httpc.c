// SPDX-License-Identifier: Apache-2.0
/* Calls out, against our own server and against what no server should say. */
#include "on_loop.h"

#include "crypto/secret.h"
#include "net/httpc.h"
#include "net/httpd.h"

struct heard {
	struct loop *l;
	unsigned int n;
	int error, status;
	unsigned int after_s;
	char body[128], challenge[64], type[32];
	bool quits;
};

struct site {
	struct loop *l;
	struct httpd *d;
	struct httpc *c;
	uint16_t port;
	char url[64];
	unsigned int asked;
	bool silent;
	struct httpd_req *kept;
	char got[128];
};
static struct site S;

static void serve(struct httpd_req *req, void *ctx)
{
	size_t len;
	const void *body = httpd_body(req, &len);

	S.asked++;
	(void)snprintf(S.got, sizeof(S.got), "%s %s %.*s", httpd_method(req), httpd_path(req),
		       (int)len, len ? (const char *)body : "");
	if (S.silent) {
		S.kept = req;
		return;
	}
	httpd_add_field(req, "WWW-Authenticate", "Basic realm=/x");
	httpd_add_field(req, "Retry-After", "7");
	if (!strcmp(httpd_path(req), "/away"))
		httpd_add_field(req, "Location", S.url);
	httpd_reply(req, !strcmp(httpd_path(req), "/away") ? 302 : 200, "application/json",
		    "0123456789", 10);
}

static int set_up(void **state)
{
	const struct httpd_opts o = { .request = serve, .max_body = 1000 };
	const struct httpc_opts c = { 0 };
	struct diag *none = NULL;

	memset(&S, 0, sizeof(S));
	assert_int_equal(loop_new(&S.l), 0);
	assert_int_equal(httpd_new(S.l, &o, &S.d), 0);
	assert_int_equal(httpd_listen_tcp(S.d, "127.0.0.1:0", &S.port, none), 0);
	assert_int_equal(httpc_new(S.l, &c, &S.c), 0);
	(void)snprintf(S.url, sizeof(S.url), "http://127.0.0.1:%u/a", S.port);
	return 0;
}

static int tear_down(void **state)
{
	httpc_free(S.c);
	if (S.kept)
		httpd_reply(S.kept, 200, "a/b", "", 0);
	httpd_free(S.d);
	loop_free(S.l);
	return 0;
}

static void on_reply(const struct httpc_reply *r, void *ctx)
{
	struct heard *h = ctx;

	h->n++;
	h->error = r->error;
	h->status = r->status;
	h->after_s = r->retry_after_s;
	(void)snprintf(h->body, sizeof(h->body), "%s", r->body);
	if (!r->error) {
		(void)snprintf(h->challenge, sizeof(h->challenge), "%s", r->www_authenticate);
		(void)snprintf(h->type, sizeof(h->type), "%s", r->content_type);
	} else {
		assert_true(*r->error_text);
	}
	if (h->quits)
		loop_quit(S.l);
}

static struct heard call(const struct httpc_request *q)
{
	struct heard h = { .quits = true };
	struct httpc_call *c;

	assert_int_equal(httpc_start(S.c, q, on_reply, &h, &c), 0);
	assert_int_equal(h.n, 0); /* never from inside */
	assert_int_equal(loop_run(S.l), 0);
	assert_int_equal(h.n, 1);
	return h;
}

static void test_get(void **state)
{
	const struct httpc_request q = { .url = S.url, .timeout_ms = 5000, .max_body = 10 };
	struct heard h = call(&q);

	assert_int_equal(h.error, 0);
	assert_int_equal(h.status, 200);
	assert_string_equal(h.body, "0123456789");
	assert_string_equal(h.challenge, "Basic realm=/x");
	assert_string_equal(h.type, "application/json");
	assert_int_equal(h.after_s, 7);
	assert_string_equal(S.got, "GET /a ");
}

static void test_post(void **state)
{
	struct httpc_request q = { .url = S.url, .timeout_ms = 5000, .max_body = 10 };

	assert_int_equal(secret_new("a=b", 3, &q.body), 0);
	assert_int_equal(call(&q).status, 200);
	assert_string_equal(S.got, "POST /a a=b");
}

static void test_more_than_asked_for(void **state)
{
	const struct httpc_request q = { .url = S.url, .timeout_ms = 5000, .max_body = 9 };
	struct heard h = call(&q);

	assert_int_equal(h.error, -EFBIG);
	assert_int_equal(h.status, 0);
	assert_string_equal(h.body, "");
}

static void test_redirects_are_not_followed(void **state)
{
	char url[80];
	const struct httpc_request q = { .url = url, .timeout_ms = 5000, .max_body = 10 };

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/away", S.port);
	assert_int_equal(call(&q).status, 302);
	assert_int_equal(S.asked, 1);
}

static void test_silence(void **state)
{
	const struct httpc_request q = { .url = S.url, .timeout_ms = 200, .max_body = 10 };
	uint64_t began = clock_mono_ns();

	S.silent = true;
	assert_int_equal(call(&q).error, -ETIMEDOUT);
	assert_in_range((clock_mono_ns() - began) / NS_PER_MS, 190, 5000);
}

static void test_nobody_there(void **state)
{
	const struct httpc_request q = { .url = "http://127.0.0.1:1/",
					 .timeout_ms = 5000,
					 .max_body = 10 };

	assert_int_equal(call(&q).error, -ECONNREFUSED);
}

static void test_not_our_urls(void **state)
{
	static const char *const urls[] = { "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://a",
					    "http://" };
	struct heard h = { .quits = true };

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const struct httpc_request q = { .url = urls[i],
						 .timeout_ms = 1000,
						 .max_body = 10 };
		struct httpc_call *c;

		if (httpc_start(S.c, &q, on_reply, &h, &c) < 0)
			continue;
		assert_int_equal(loop_run(S.l), 0);
		assert_true(h.error < 0);
	}
	assert_int_equal(S.asked, 0);
}

static struct httpc_call *victim;

static void cancels(const struct httpc_reply *r, void *ctx)
{
	httpc_cancel(victim);
	loop_quit(S.l);
}

static void test_many_and_one_that_is_cancelled(void **state)
{
	const struct httpc_request q = { .url = S.url, .timeout_ms = 5000, .max_body = 10 };
	struct heard h[20] = { 0 }, never = { 0 };
	struct httpc_call *c;

	for (int i = 0; i < 20; i++) {
		h[i].quits = i == 19;
		assert_int_equal(httpc_start(S.c, &q, on_reply, &h[i], &c), 0);
	}
	for (unsigned int n = 0; n < 20;) {
		assert_int_equal(loop_run(S.l), 0);
		n = 0;
		for (int i = 0; i < 20; i++) {
			n += h[i].n;
			h[i].quits = true;
		}
	}
	S.silent = true;
	assert_int_equal(httpc_start(S.c, &q, on_reply, &never, &victim), 0);
	const struct httpc_request dead = { .url = "http://127.0.0.1:1/",
					    .timeout_ms = 5000,
					    .max_body = 10 };
	assert_int_equal(httpc_start(S.c, &dead, cancels, NULL, &c), 0);
	assert_int_equal(loop_run(S.l), 0);
	assert_int_equal(never.n, 0);
	assert_int_equal(httpc_start(S.c, &q, on_reply, &never, &c), 0); /* runs at the end */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_get),
		TEST(test_post),
		TEST(test_more_than_asked_for),
		TEST(test_redirects_are_not_followed),
		TEST(test_silence),
		TEST(test_nobody_there),
		TEST(test_not_our_urls),
		TEST(test_many_and_one_that_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
