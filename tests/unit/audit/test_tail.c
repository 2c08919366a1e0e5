// SPDX-License-Identifier: Apache-2.0
/* Following a journal on the loop: nothing missed, nothing twice, also when the receiver is slow.
 */
#include "audit/reader.h"
#include "audit/tail.h"
#include "net/loop.h"
#include "unit/audit/journal_dir.h"

struct scene {
	const char *dir;
	struct loop *l;
	struct journal *j;
	struct tail *t;
	struct loop_event *writer, *watch, *limit;
	uint64_t seq[8192];
	size_t n, until; /* quit when that many came */
	int to_write, written;
	int busy_for; /* times that we have no room */
	size_t free_at;
	bool ended;
	int end;
};

static void on_limit(void *ctx)
{
	fail_msg("the loop ran for too long");
}

static void on_quit(void *ctx)
{
	struct scene *s = ctx;

	loop_quit(s->l);
}

static void check_done(struct scene *s)
{
	if (s->n == s->until && s->written == s->to_write)
		loop_quit(s->l);
}

static void on_line(void *ctx, const char *line, size_t len)
{
	struct scene *s = ctx;

	assert_int_equal(line[len - 1], '\n');
	assert_int_equal(sscanf(line, "{\"seq\":%" SCNu64 ",", &s->seq[s->n]), 1);
	s->n++;
	if (s->n == s->free_at) {
		tail_free(s->t);
		s->t = NULL;
	}
	check_done(s);
}

static void on_end(void *ctx, int r)
{
	struct scene *s = ctx;

	s->ended = true;
	s->end = r;
	loop_quit(s->l);
}

static bool on_busy(void *ctx)
{
	struct scene *s = ctx;

	return s->busy_for && s->busy_for--;
}

/* One record a turn of the loop: between the steps of the reading. */
static void on_writer(void *ctx)
{
	struct scene *s = ctx;

	if (s->written < s->to_write) {
		assert_int_equal(journal_append(s->j, a_record(s->written)), 0);
		s->written++;
		assert_int_equal(loop_timer_set(s->writer, 0), 0);
	}
	check_done(s);
}

static int setup(void **state)
{
	struct journal_opts o = { .segment_bytes = 20000 };
	struct scene *s = calloc(1, sizeof(*s));

	journal_dir_setup((void **)&s->dir);
	s->j = must_open(s->dir, &o);
	assert_int_equal(loop_new(&s->l), 0);
	s->limit = loop_add_timer(s->l, 10000, false, on_limit, s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	tail_free(s->t);
	loop_event_free(s->writer);
	loop_event_free(s->limit);
	journal_close(s->j);
	loop_free(s->l);
	journal_dir_teardown((void **)&s->dir);
	free(s);
	return 0;
}

static void write_before(struct scene *s, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(journal_append(s->j, a_record(i)), 0);
}

static void start(struct scene *s, const struct journal_filter *f, bool follow)
{
	const struct tail_opts o = { follow, on_line, on_end, on_busy, s };

	assert_int_equal(tail_new(s->l, s->j, f, &o, &s->t), 0);
	if (s->to_write)
		s->writer = loop_add_timer(s->l, 0, false, on_writer, s);
}

static void expect_run(const struct scene *s, uint64_t first, size_t n)
{
	assert_int_equal(s->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(s->seq[i], first + i);
}

static void without_follow_it_ends_after_the_last(void **state)
{
	struct journal_filter f = { .last = 10 };
	struct scene *s = *state;

	write_before(s, 50);
	start(s, &f, false);
	assert_int_equal(s->n, 0); /* nothing before the loop's turn */
	assert_int_equal(loop_run(s->l), 0);
	assert_true(s->ended);
	assert_int_equal(s->end, 0);
	expect_run(s, 41, 10);
}

static void nothing_is_missed_or_told_twice_between_files_and_live(void **state)
{
	struct journal_filter f = { .last = 1000 };
	struct scene *s = *state;

	write_before(s, 2000);
	s->to_write = 3000;
	s->until = 4000;
	start(s, &f, true);
	assert_int_equal(loop_run(s->l), 0);
	assert_false(s->ended);
	expect_run(s, 1001, 4000);
}

static void a_follower_of_an_empty_journal_gets_the_first_record(void **state)
{
	struct journal_filter f = { .last = 0 };
	struct scene *s = *state;

	s->to_write = 5;
	s->until = 5;
	start(s, &f, true);
	assert_int_equal(loop_run(s->l), 0);
	expect_run(s, 1, 5);
}

static void who_has_no_room_is_waited_for(void **state)
{
	struct journal_filter f = { .last = 100 };
	struct scene *s = *state;

	write_before(s, 500);
	s->busy_for = 3;
	s->to_write = 500;
	s->until = 600;
	start(s, &f, true);
	assert_int_equal(loop_run(s->l), 0);
	assert_int_equal(s->busy_for, 0);
	expect_run(s, 401, 600);
}

static void filters_hold_for_the_past_and_for_what_comes(void **state)
{
	char reason[] = "quic", type[] = "egress";
	const char *reasons[] = { reason }, *types[] = { type };
	struct journal_filter f = {
		.reasons = reasons, .n_reasons = 1, .types = types, .n_types = 1, .last = 10
	};
	struct scene *s = *state;

	for (int i = 0; i < 20; i++)
		assert_int_equal(journal_append(s->j, json_pack("{s:s, s:s}", "type", "egress",
								"reason", i % 4 ? "imds" : "quic")),
				 0);
	start(s, &f, true);
	reason[0] = type[0] = 'x'; /* the filter was copied */
	s->until = 5;
	assert_int_equal(loop_run(s->l), 0);
	assert_int_equal(s->seq[0], 1);
	assert_int_equal(s->seq[4], 17);
	/* live now: these come at once, within the append */
	s->until = 0;
	while (s->n == 5) {
		assert_int_equal(journal_append(s->j, json_pack("{s:s, s:s}", "type", "egress",
								"reason", "quic")),
				 0);
		s->watch = loop_add_timer(s->l, 1, false, on_quit, s);
		assert_int_equal(loop_run(s->l), 0);
		loop_event_free(s->watch);
	}
	assert_int_equal(journal_append(s->j, a_record(1)), 0);
	assert_int_equal(s->n, 6);
}

static void the_receiver_may_leave_in_the_middle_of_a_line(void **state)
{
	static const size_t moments[] = { 1, 5, 120 }; /* of the past; and live */
	struct journal_filter f = { .last = 100 };
	struct scene *s = *state;

	for (size_t i = 0; i < 3; i++) {
		write_before(s, 100);
		s->n = 0;
		s->free_at = moments[i];
		s->until = moments[i];
		s->written = 0;
		s->to_write = 50;
		start(s, &f, true);
		assert_int_equal(loop_run(s->l), 0);
		assert_null(s->t);
		assert_int_equal(s->n, moments[i]);
		loop_event_free(s->writer);
		s->writer = NULL;
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(without_follow_it_ends_after_the_last),
		TEST(nothing_is_missed_or_told_twice_between_files_and_live),
		TEST(a_follower_of_an_empty_journal_gets_the_first_record),
		TEST(who_has_no_room_is_waited_for),
		TEST(filters_hold_for_the_past_and_for_what_comes),
		TEST(the_receiver_may_leave_in_the_middle_of_a_line),
	};

	return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
