// SPDX-License-Identifier: Apache-2.0
/* The journal as it should go: seq, segments, restarts, retention, followers. */
#include <sys/time.h>

#include "unit/audit/journal_dir.h"
#include "audit/segment.h"

static void seq_starts_at_1_and_goes_on_after_a_restart(void **state)
{
	const char *dir = *state;
	char id[64] = "";
	struct chain c;

	for (int run = 0; run < 3; run++) {
		struct journal *j = must_open(dir, NULL);

		assert_int_equal(journal_state(j).seq, run * 5);
		if (run)
			assert_string_equal(journal_log_id(j), id);
		snprintf(id, sizeof(id), "%s", journal_log_id(j));
		for (int i = 0; i < 5; i++)
			assert_int_equal(journal_append(j, a_record(i)), 0);
		assert_int_equal(journal_state(j).seq, run * 5 + 5);
		assert_int_equal(journal_sync(j), 0);
		journal_close(j);
	}
	c = check_and_drop(dir);
	assert_int_equal(c.first, 1);
	assert_int_equal(c.last, 15);
	assert_int_equal(c.lines, 15);
	assert_int_equal(c.segments, 1);
}

static void a_line_is_the_record_with_seq_host_and_log(void **state)
{
	struct journal_opts o = { .host = json_pack("{s:s}", "name", "node-1") };
	struct journal *j = must_open(*state, &o);
	char want[256], path[512], *text;

	json_decref(o.host);
	assert_int_equal(strlen(journal_log_id(j)), 36);
	assert_int_equal(journal_log_id(j)[14], '4');
	assert_int_equal(journal_append(j, json_pack("{s:i, s:s}", "seq", 99, "type", "admin")), 0);
	snprintf(want, sizeof(want),
		 "{\"seq\":1,\"type\":\"admin\",\"host\":{\"name\":\"node-1\"},\"log\":\"%s\"}\n",
		 journal_log_id(j));
	journal_close(j);
	newest_segment(*state, path);
	assert_non_null(strstr(path, "/00000000000000000001.jsonl"));
	assert_int_equal(file_read_all(path, 4096, &text, NULL), 0);
	assert_string_equal(text, want);
	free(text);
}

static void files_are_for_their_owner_alone(void **state)
{
	char dir[256], path[512];
	struct journal *j;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s/a/b", (char *)*state);
	j = must_open(dir, NULL);
	assert_int_equal(journal_append(j, a_record(1)), 0);
	journal_close(j);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	newest_segment(dir, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void append_bytes(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void a_torn_or_damaged_tail_is_cut_and_told(void **state)
{
	static const char zeros[200000];
	static const struct {
		const char *tail;
		size_t len;
	} cases[] = {
		{ "{\"seq\":4,\"type\":\"egr", 20 },
		{ "{", 1 },
		{ "\n\n\n", 3 },
		{ "{\"seq\":4,\"type\":\"egress\"\n", 25 },
		{ zeros, sizeof(zeros) },
		{ "no json\n{\"seq\":0}\n[]\n", 21 },
	};
	const char *dir = *state;
	struct chain c = {};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct journal *j = must_open(dir, NULL);
		char path[512];

		assert_int_equal(journal_append(j, a_record(1)), 0);
		journal_close(j);
		newest_segment(dir, path);
		append_bytes(path, cases[i].tail, cases[i].len);
		j = must_open(dir, NULL);
		assert_int_equal(journal_append(j, a_record(2)), 0);
		journal_close(j);
		c = check_and_drop(dir);
		assert_int_equal(c.cut, i + 1);
		assert_int_equal(c.lines, 3 * (i + 1));
	}
	assert_int_equal(c.first, 1);
}

static void a_segment_without_one_sound_line_is_put_aside(void **state)
{
	static const char rubbish[SEGMENT_LINE_MAX + 1] = "{";
	struct journal_opts o = { .segment_bytes = 1 }; /* one record each */
	struct journal *j = must_open(*state, &o);
	char path[512], last[512], aside[600];
	struct chain c;

	for (int i = 0; i < 3; i++)
		assert_int_equal(journal_append(j, a_record(i)), 0);
	journal_close(j);
	newest_segment(*state, path);
	assert_non_null(strstr(path, "00000000000000000003.jsonl"));
	assert_int_equal(truncate(path, 0), 0);
	append_bytes(path, "{\"seq\":3,\"torn", 14); /* not worth keeping */
	j = must_open(*state, &o);
	assert_int_equal(journal_append(j, a_record(3)), 0);
	journal_close(j);
	assert_int_equal(truncate(path, 0), 0);
	append_bytes(path, rubbish, sizeof(rubbish));
	newest_segment(*state, last);
	while (strcmp(last, path)) {
		assert_int_equal(unlink(last), 0);
		newest_segment(*state, last);
	}
	j = must_open(*state, &o);
	assert_int_equal(journal_append(j, a_record(3)), 0);
	journal_close(j);
	snprintf(aside, sizeof(aside), "%s.damaged", path);
	assert_int_equal(access(aside, F_OK), 0);
	c = check_and_drop(*state);
	assert_int_equal(c.cut, 1);
	assert_int_equal(c.last, 4);
}

static void segments_change_at_their_size_and_never_in_a_line(void **state)
{
	struct journal_opts o = { .segment_bytes = 1000 };
	struct journal *j = must_open(*state, &o);
	uint64_t bytes;
	struct chain c;

	for (int i = 0; i < 100; i++) {
		assert_int_equal(journal_append(j, a_record(i)), 0);
		if (i % 30 == 29) { /* a restart goes on in the last one */
			journal_close(j);
			j = must_open(*state, &o);
		}
	}
	bytes = journal_state(j).bytes;
	journal_close(j);
	c = check_and_drop(*state);
	assert_int_equal(c.lines, 100);
	assert_true(c.segments > bytes / 1000);
	assert_true(c.segments <= bytes / 800 + 1);
}

static void old_segments_go_when_the_journal_is_too_large(void **state)
{
	struct journal_opts o = { .segment_bytes = 1000, .retain_bytes = 5000 };
	struct journal *j = must_open(*state, &o);
	struct chain c;

	for (int i = 0; i < 300; i++) {
		assert_int_equal(journal_append(j, a_record(i)), 0);
		assert_true(journal_state(j).bytes <= 6000);
	}
	journal_close(j);
	c = check_and_drop(*state);
	assert_true(c.segments >= 3 && c.segments <= 6);
	assert_int_equal(c.last, 300);
	assert_true(c.first > 200);
	/* one that is smaller than its last segment keeps that one */
	o.retain_bytes = 1;
	j = must_open(*state, &o);
	assert_int_equal(journal_state(j).seq, 300);
	journal_close(j);
	c = check_and_drop(*state);
	assert_int_equal(c.segments, 1);
	assert_int_equal(c.last, 300);
}

static void age_by_a_day(const char *path)
{
	struct timeval tv[2] = {};

	tv[0].tv_sec = tv[1].tv_sec = (time_t)(clock_real_ns() / NS_PER_S) - 24 * 3600;
	assert_int_equal(utimes(path, tv), 0);
}

static void old_segments_go_when_their_time_is_over(void **state)
{
	struct journal_opts o = { .segment_bytes = 1, .retain_ns = 3600 * NS_PER_S };
	struct journal *j = must_open(*state, &o);
	char path[512];
	struct chain c;

	for (int i = 0; i < 4; i++)
		assert_int_equal(journal_append(j, a_record(i)), 0);
	journal_close(j);
	for (int i = 1; i <= 2; i++) {
		snprintf(path, sizeof(path), "%s/%020d.jsonl", (char *)*state, i);
		age_by_a_day(path);
	}
	j = must_open(*state, &o);
	assert_int_equal(journal_append(j, a_record(4)), 0);
	journal_close(j);
	c = check_and_drop(*state);
	assert_int_equal(c.first, 3);
	assert_int_equal(c.last, 5);
}

static void a_quiet_journal_lets_go_of_its_old_records_too(void **state)
{
	/* so short that the segment being written is too old at once */
	struct journal_opts o = { .retain_ns = 8 };
	struct journal *j = must_open(*state, NULL);
	struct chain c;

	assert_int_equal(journal_append(j, a_record(1)), 0);
	journal_close(j);
	poll(NULL, 0, 2);
	j = must_open(*state, &o);
	journal_close(j);
	c = check_and_drop(*state);
	assert_int_equal(c.lines, 0);
	assert_int_equal(c.segments, 1); /* empty, and its name is the next seq */
	j = must_open(*state, NULL);
	assert_int_equal(journal_state(j).seq, 1);
	assert_int_equal(journal_append(j, a_record(2)), 0);
	journal_close(j);
	c = check_and_drop(*state);
	assert_int_equal(c.first, 2);
}

static void only_one_process_may_write(void **state)
{
	struct journal *j = must_open(*state, NULL), *second = NULL;
	const struct journal_opts o = {};
	struct diag d = {};

	assert_int_equal(journal_open(*state, &o, &second, &d), -EBUSY);
	assert_non_null(strstr(d.text, *state));
	assert_null(second);
	assert_int_equal(journal_append(j, a_record(1)), 0);
	journal_close(j);
	journal_close(must_open(*state, NULL));
}

static void what_cannot_be_a_line_is_counted_and_told(void **state)
{
	struct journal *j = must_open(*state, NULL);
	char *text = malloc(JOURNAL_LINE_MAX + 1);
	struct chain c;

	memset(text, 'x', JOURNAL_LINE_MAX);
	text[JOURNAL_LINE_MAX] = '\0';
	assert_int_equal(journal_append(j, json_pack("{s:s, s:i}", "text", text, "count", 5)),
			 -EMSGSIZE);
	assert_int_equal(journal_append(j, json_array()), -EINVAL);
	assert_int_equal(journal_append(j, NULL), -EINVAL);
	free(text);
	assert_int_equal(journal_append(j, a_record(1)), 0);
	assert_int_equal(journal_state(j).lost, 7);
	assert_int_equal(journal_state(j).lost_records, 3);
	assert_false(journal_state(j).failing);
	journal_tick(j);
	journal_tick(j);
	journal_close(j);
	c = check_and_drop(*state);
	assert_int_equal(c.recovered, 1);
	assert_int_equal(c.told_lost, 7);
	assert_int_equal(c.told_records, 3);
}

struct heard {
	struct journal_follower *self, *other;
	uint64_t seq[8];
	int n, leave_at;
};

static void on_record(void *ctx, uint64_t seq, const char *line, size_t len)
{
	struct heard *h = ctx;
	char start[32];

	snprintf(start, sizeof(start), "{\"seq\":%" PRIu64 ",", seq);
	assert_int_equal(strncmp(line, start, strlen(start)), 0);
	assert_int_equal(line[len - 1], '\n');
	h->seq[h->n++] = seq;
	if (h->n == h->leave_at) {
		journal_unfollow(h->self);
		journal_unfollow(h->other);
	}
}

static void followers_get_each_line_once_in_order_and_may_leave(void **state)
{
	struct journal *j = must_open(*state, NULL);
	struct heard a = {}, b = { .leave_at = 2 }, c = {};

	assert_int_equal(journal_append(j, a_record(0)), 0);
	a.self = journal_follow(j, on_record, &a);
	c.self = journal_follow(j, on_record, &c);
	b.self = journal_follow(j, on_record, &b);
	b.other = c.self;
	for (int i = 1; i <= 4; i++)
		assert_int_equal(journal_append(j, a_record(i)), 0);
	assert_int_equal(a.n, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(a.seq[i], i + 2);
	assert_int_equal(b.n, 2);
	assert_true(c.n <= 2);
	journal_close(j); /* frees a's */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_dir_setup, journal_dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(seq_starts_at_1_and_goes_on_after_a_restart),
		TEST(a_line_is_the_record_with_seq_host_and_log),
		TEST(files_are_for_their_owner_alone),
		TEST(a_torn_or_damaged_tail_is_cut_and_told),
		TEST(a_segment_without_one_sound_line_is_put_aside),
		TEST(segments_change_at_their_size_and_never_in_a_line),
		TEST(old_segments_go_when_the_journal_is_too_large),
		TEST(old_segments_go_when_their_time_is_over),
		TEST(a_quiet_journal_lets_go_of_its_old_records_too),
		TEST(only_one_process_may_write),
		TEST(what_cannot_be_a_line_is_counted_and_told),
		TEST(followers_get_each_line_once_in_order_and_may_leave),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
