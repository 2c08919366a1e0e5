// SPDX-License-Identifier: Apache-2.0
/* The cache, with an origin and clocks of the test's own: nothing here waits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/secret.h"
#include "net/loop.h"
#include "token/reply.h"
#include "token/tokens.h"

#define A "https://cognitiveservices.azure.com"

struct world {
	struct loop *l;
	struct tokens *t;
	int64_t now, mono;
	struct {
		fetch_fn fn;
		void *ctx;
		struct token_key key;
		bool open;
	} fetches[2048];
	unsigned int n, cancelled;
};
static struct world W;

static int start(const struct token_key *k, int fd, fetch_fn fn, void *fn_ctx, struct fetch **ret,
		 void *ctx)
{
	W.fetches[W.n].fn = fn;
	W.fetches[W.n].ctx = fn_ctx;
	W.fetches[W.n].key = *k;
	W.fetches[W.n].open = true;
	*ret = (struct fetch *)(void *)&W.fetches[W.n++];
	return 0;
}

static void cancel(struct fetch *f, void *ctx)
{
	W.cancelled++;
}

static int64_t now(void *ctx)
{
	return W.now;
}

static int64_t mono(void *ctx)
{
	return W.mono;
}

static void pass(int64_t seconds)
{
	for (int64_t i = 0; i < seconds; i += 10) {
		W.now += 10;
		W.mono += 10;
		tokens_tick(W.t);
	}
}

static int set_up(void **state)
{
	static const struct token_site site = { .source = TOKEN_SOURCE_IMDS };
	static const struct tokens_origin o = {
		.start = start, .cancel = cancel, .now = now, .mono = mono
	};

	memset(&W, 0, sizeof(W));
	W.now = 1781900000;
	W.mono = 1000;
	assert_int_equal(loop_new(&W.l), 0);
	assert_int_equal(tokens_new(W.l, &site, &o, &W.t), 0);
	return 0;
}

static int tear_down(void **state)
{
	tokens_free(W.t);
	loop_free(W.l);
	return 0;
}

/* The nth fetch ends with a token that lives for @life seconds. */
static void give(unsigned int n, const char *text, int64_t life)
{
	struct fetch_result r = { .status = 200, .reply.expires = W.now + life };

	assert_true(n < W.n && W.fetches[n].open);
	W.fetches[n].open = false;
	assert_int_equal(secret_new(text, strlen(text), &r.reply.token), 0);
	strcpy(r.reply.type, "Bearer");
	W.fetches[n].fn(&r, W.fetches[n].ctx);
}

static void refuse(unsigned int n, int status, unsigned int retry_s, bool outage)
{
	struct fetch_result r = { .error = outage ? -EHOSTDOWN : -EACCES,
				  .status = status,
				  .retry_s = retry_s,
				  .outage = outage,
				  .text = "no" };

	assert_true(n < W.n && W.fetches[n].open);
	W.fetches[n].open = false;
	W.fetches[n].fn(&r, W.fetches[n].ctx);
}

struct heard {
	unsigned int n, good, cached;
	int error;
	unsigned int retry_s;
	char text[64];
};

static void hear(const struct tokens_result *r, void *ctx)
{
	struct heard *h = ctx;

	h->n++;
	h->error = r->error;
	h->retry_s = r->retry_s;
	if (!r->token)
		return;
	h->good++;
	h->cached += r->cached;
	strcpy(h->text, secret_text(r->token->text));
}

static void get_as(const char *client, const char *audience, struct heard *h)
{
	const struct tokens_want w = { .selector = *client ? WORKER_SELECT_CLIENT
							   : WORKER_SELECT_NONE,
				       .selected = client,
				       .tenant_id = "",
				       .audience = audience,
				       .subject_fd = -1 };

	tokens_get(W.t, &w, hear, h, NULL);
}

static void test_a_thousand_wait_for_one(void **state)
{
	struct heard h = { 0 };

	for (int i = 0; i < 1000; i++)
		get_as("", A, &h);
	assert_int_equal(W.n, 1);
	assert_int_equal(h.n, 0);
	give(0, "t1", 86400);
	assert_int_equal(h.good, 1000);
	assert_int_equal(h.cached, 0);
	get_as("", A, &h);
	assert_int_equal(h.cached, 1);
	assert_int_equal(W.n, 1);
}

static void test_each_identity_and_audience_has_its_own(void **state)
{
	struct heard h = { 0 };

	get_as("", A, &h);
	get_as("aa", A, &h); /* two at once, the others stand in line */
	get_as("AA", A, &h); /* the same as the one before */
	get_as("", A "/", &h);
	get_as("bb", A, &h);
	assert_int_equal(W.n, 2);
	give(0, "system", 86400);
	assert_string_equal(h.text, "system");
	assert_int_equal(W.n, 3);
	give(1, "aa", 86400);
	assert_int_equal(h.good, 3);
	assert_int_equal(W.n, 4);
	give(2, "slash", 86400);
	give(3, "bb", 86400);
	assert_string_equal(h.text, "bb");
	get_as("aa", A, &h);
	assert_string_equal(h.text, "aa");
	assert_int_equal(W.n, 4);
}

static void test_renewed_at_half_its_life(void **state)
{
	struct heard h = { 0 };

	get_as("", A, &h);
	give(0, "first", 86400);
	pass(43200 - 4320 - 10); /* a tenth of jitter */
	get_as("", A, &h);
	assert_int_equal(W.n, 1);
	for (int i = 0; i < 9; i++) {
		get_as("", A, &h);
		pass(970);
	}
	assert_int_equal(W.n, 2); /* by itself: it is in use... */
	get_as("", A, &h);
	assert_string_equal(h.text, "first");
	give(1, "second", 86400);
	get_as("", A, &h);
	assert_string_equal(h.text, "second");
	pass(86000);
	assert_int_equal(W.n, 2); /* ...and now it is not */
}

static void test_served_while_renewing_fails(void **state)
{
	struct heard h = { 0 };
	unsigned int failed = 0;

	get_as("", A, &h);
	give(0, "t", 3600);
	while (h.n == h.good) {
		pass(10);
		for (unsigned int i = 0; i < W.n; i++)
			if (W.fetches[i].open) {
				refuse(i, 500, 0, true);
				failed++;
			}
		get_as("", A, &h);
		assert_true(W.now < 1781900000 + 3600);
	}
	assert_in_range(W.now, 1781900000 + 3300, 1781900000 + 3310); /* five minutes before */
	assert_in_range(failed, 4, 30);
}

static void test_a_refusal_is_kept_for_a_moment(void **state)
{
	struct heard h = { 0 };

	get_as("", A, &h);
	refuse(0, 400, 0, false);
	assert_int_equal(h.error, -EACCES);
	get_as("", A, &h);
	assert_int_equal(W.n, 1);
	assert_int_equal(h.n, 2);
	pass(10);
	get_as("", A, &h);
	assert_int_equal(W.n, 2);
	get_as("", A "/b", &h); /* another one is not refused by that */
	assert_int_equal(W.n, 3);
	give(1, "t", 3600);
	give(2, "t", 3600);
	assert_int_equal(h.good, 2);
}

static void test_an_ill_source_rests(void **state)
{
	struct heard h = { 0 };
	char audience[32];

	for (unsigned int i = 0; i < 3; i++) {
		(void)snprintf(audience, sizeof(audience), "api://%u", i);
		get_as("", audience, &h);
		refuse(i, 503, 0, true);
	}
	get_as("", A, &h);
	assert_int_equal(W.n, 3);
	assert_int_equal(h.error, -EBUSY);
	assert_in_range(h.retry_s, 1, 10);
	pass(10);
	get_as("", A, &h);
	get_as("", A "/b", &h);
	assert_int_equal(W.n, 4); /* one tries */
	refuse(3, 503, 0, true);
	assert_int_equal(h.n, 6); /* the one in line hears it too */
	assert_in_range(h.retry_s, 11, 20);
	pass(20);
	get_as("", A, &h);
	give(4, "t", 3600);
	get_as("", "api://0", &h);
	get_as("", "api://1", &h);
	assert_int_equal(W.n, 7); /* it is well */
	give(5, "t", 3600);
	give(6, "t", 3600);
}

static void test_its_own_word_counts(void **state)
{
	struct heard h = { 0 };

	get_as("", A, &h);
	refuse(0, 429, 77, true);
	assert_int_equal(h.retry_s, 77);
	get_as("", A, &h);
	assert_int_equal(h.error, -EBUSY);
	assert_int_equal(h.retry_s, 77);
}

static void test_one_that_gives_up_hears_nothing(void **state)
{
	const struct tokens_want w = {
		.selected = "", .tenant_id = "", .audience = A, .subject_fd = -1
	};
	struct heard h = { 0 };
	struct tokens_wait *wait;

	tokens_get(W.t, &w, hear, &h, &wait);
	assert_non_null(wait);
	tokens_give_up(wait);
	give(0, "t", 3600);
	assert_int_equal(h.n, 0);
	tokens_get(W.t, &w, hear, &h, &wait);
	assert_null(wait);
	assert_int_equal(h.cached, 1);
}

static void again(const struct tokens_result *r, void *ctx)
{
	get_as("", "api://again", ctx);
}

static void test_more_than_there_is_room_for(void **state)
{
	const struct tokens_want w = {
		.selected = "", .tenant_id = "", .audience = A, .subject_fd = -1
	};
	struct heard h = { 0 };
	char audience[32];

	tokens_get(W.t, &w, again, &h, NULL); /* asks from inside */
	for (unsigned int i = 1; i < TOKENS_MAX; i++) {
		(void)snprintf(audience, sizeof(audience), "api://%u", i);
		get_as("", audience, &h);
	}
	get_as("", "api://too-many", &h);
	assert_int_equal(h.error, -EBUSY);
	for (unsigned int i = 0; i < W.n; i++)
		give(i, "t", 86400);
	get_as("", "api://fits-now", &h); /* the least recently used has gone */
	give(W.n - 1, "new", 86400);
	assert_string_equal(h.text, "new");
}

static void test_the_end_is_told(void **state)
{
	struct heard h = { 0 };

	get_as("", A, &h);
	tokens_free(W.t);
	W.t = NULL;
	assert_int_equal(h.error, -ECANCELED);
	assert_int_equal(W.cancelled, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_thousand_wait_for_one),
		TEST(test_each_identity_and_audience_has_its_own),
		TEST(test_renewed_at_half_its_life),
		TEST(test_served_while_renewing_fails),
		TEST(test_a_refusal_is_kept_for_a_moment),
		TEST(test_an_ill_source_rests),
		TEST(test_its_own_word_counts),
		TEST(test_one_that_gives_up_hears_nothing),
		TEST(test_more_than_there_is_room_for),
		TEST(test_the_end_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
