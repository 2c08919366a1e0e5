// SPDX-License-Identifier: Apache-2.0
/* Filters, the last N, time, damage, and a journal that changes while it is read. */
#include <sys/time.h>

#include "audit/reader.h"
#include "base/buf.h"
#include "base/str.h"
#include "unit/audit/journal_dir.h"

/* What was given: seq of each line, in order. */
struct got {
	uint64_t seq[4096];
	size_t n, stop_at;
};

static int on_line(void *ctx, const char *line, size_t len)
{
	struct got *g = ctx;

	assert_int_equal(strlen(line), len);
	assert_int_equal(sscanf(line, "{\"seq\":%" SCNu64 ",", &g->seq[g->n]), 1);
	g->n++;
	return g->n == g->stop_at ? -ECANCELED : 0;
}

/* Reads with @f; the seqs as text, "3 5 9". */
static const char *read_seqs(const char *dir, const struct journal_filter *f)
{
	static struct buf b;
	struct got g = {};

	buf_free(&b);
	assert_int_equal(journal_read(dir, f, on_line, &g, NULL), 0);
	for (size_t i = 0; i < g.n; i++)
		assert_int_equal(buf_printf(&b, i ? " %" PRIu64 : "%" PRIu64, g.seq[i]), 0);
	return b.data ? b.data : "";
}

static json_t *event(const char *type, const char *verdict, const char *reason, const char *cgroup)
{
	return json_pack("{s:s, s:s*, s:s, s:o*}", "type", type, "verdict", verdict, "reason",
			 reason, "workload", cgroup ? json_pack("{s:s}", "cgroup", cgroup) : NULL);
}

static void write_events(const char *dir)
{
	struct journal *j = must_open(dir, NULL);

	assert_int_equal(journal_append(j, event("lifecycle", NULL, "start", NULL)), 0);
	assert_int_equal(journal_append(j, event("egress", "deny", "imds", "/ai/chat")), 0);
	assert_int_equal(journal_append(j, event("egress", "audit", "imds", "/ai/chat/sub")), 0);
	assert_int_equal(journal_append(j, event("egress", "deny", "quic", "/ai/chatter")), 0);
	assert_int_equal(journal_append(j, event("socket", "deny", "protocol", "/")), 0);
	assert_int_equal(journal_append(j, json_pack("{s:s, s:s, s:s, s:{s:s, s:{s:s, s:s}}}",
						     "type", "egress", "verdict", "deny", "reason",
						     "imds", "workload", "cgroup", "/k/pod1", "pod",
						     "namespace", "ml", "name", "chat-0")),
			 0);
	journal_close(j);
}

#define LIST(...)                             \
	(const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

static void filters_of_a_kind_are_or_and_kinds_are_and(void **state)
{
	const struct {
		struct {
			const char *const *v;
			size_t n;
		} type, verdict, reason, workload;
		const char *want;
	} cases[] = {
		{ .want = "1 2 3 4 5 6" },
		{ .type = { LIST("socket") }, .want = "5" },
		{ .type = { LIST("socket", "lifecycle") }, .want = "1 5" },
		{ .verdict = { LIST("audit") }, .want = "3" },
		{ .verdict = { LIST("audit", "deny") }, .want = "2 3 4 5 6" },
		{ .reason = { LIST("imds") }, .verdict = { LIST("deny") }, .want = "2 6" },
		{ .reason = { LIST("imds") }, .type = { LIST("socket") }, .want = "" },
		{ .workload = { LIST("/ai/chat") }, .want = "2 3" },
		{ .workload = { LIST("/ai/chat/") }, .want = "2 3" },
		{ .workload = { LIST("/ai") }, .want = "2 3 4" },
		{ .workload = { LIST("/") }, .want = "2 3 4 5 6" },
		{ .workload = { LIST("/ai/cha") }, .want = "" },
		{ .workload = { LIST("/ai/chatter", "ml/chat-0") }, .want = "4 6" },
		{ .workload = { LIST("ml/chat") }, .want = "" },
		{ .workload = { LIST("m/l/chat-0") }, .want = "" },
	};

	write_events(*state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct journal_filter f = {
			.types = cases[i].type.v,
			.n_types = cases[i].type.n,
			.verdicts = cases[i].verdict.v,
			.n_verdicts = cases[i].verdict.n,
			.reasons = cases[i].reason.v,
			.n_reasons = cases[i].reason.n,
			.workloads = cases[i].workload.v,
			.n_workloads = cases[i].workload.n,
			.last = 100,
		};

		assert_string_equal(read_seqs(*state, &f), cases[i].want);
	}
}

static void last_counts_what_matches_in_the_order_of_seq(void **state)
{
	struct journal_filter f = { .verdicts = (const char *const[]){ "deny" }, .n_verdicts = 1 };

	write_events(*state);
	assert_string_equal(read_seqs(*state, &f), ""); /* last 0 */
	f.last = 1;
	assert_string_equal(read_seqs(*state, &f), "6");
	f.last = 3;
	assert_string_equal(read_seqs(*state, &f), "4 5 6");
	f.last = 4;
	assert_string_equal(read_seqs(*state, &f), "2 4 5 6");
	f.last = SIZE_MAX;
	assert_string_equal(read_seqs(*state, &f), "2 4 5 6");
}

static void the_reader_may_have_enough(void **state)
{
	struct journal_filter f = { .last = 100 };
	struct got g = { .stop_at = 2 };

	write_events(*state);
	assert_int_equal(journal_read(*state, &f, on_line, &g, NULL), -ECANCELED);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.seq[1], 2);
}

static void put_time(struct journal *j, const char *time)
{
	assert_int_equal(journal_append(j, json_pack("{s:s, s:s}", "time", time, "type", "x")), 0);
}

static void since_judges_each_record_also_those_told_late(void **state)
{
	struct journal *j = must_open(*state, NULL);
	struct journal_filter f = { .last = 100 };

	put_time(j, "2026-11-23T10:00:00.000000000Z");
	put_time(j, "2026-11-23T11:00:00.000000000Z");
	put_time(j, "2026-11-23T09:00:00.000000000Z"); /* the first of what was folded */
	put_time(j, "2026-11-23T12:00:00.000000000Z");
	journal_close(j);
	assert_int_equal(rfc3339_parse("2026-11-23T10:30:00Z", &f.since_ns), 0);
	assert_string_equal(read_seqs(*state, &f), "2 4");
	assert_int_equal(rfc3339_parse("2026-11-23T12:00:00Z", &f.since_ns), 0);
	assert_string_equal(read_seqs(*state, &f), "4");
	f.since_ns++;
	assert_string_equal(read_seqs(*state, &f), "");
}

static void segments_from_before_are_not_even_read(void **state)
{
	struct journal_opts o = { .segment_bytes = 1 };
	struct journal *j = must_open(*state, &o);
	struct journal_filter f = { .last = 100, .since_ns = clock_real_ns() - 3600 * NS_PER_S };
	struct timeval tv[2] = {};
	char path[512];

	for (int i = 0; i < 4; i++)
		put_time(j, "2100-01-01T00:00:00Z");
	journal_close(j);
	snprintf(path, sizeof(path), "%s/%020d.jsonl", (char *)*state, 2);
	tv[0].tv_sec = tv[1].tv_sec = 1000;
	assert_int_equal(utimes(path, tv), 0);
	assert_string_equal(read_seqs(*state, &f), "3 4");
}

static void write_many(const char *dir, int n, uint64_t segment_bytes)
{
	struct journal_opts o = { .segment_bytes = segment_bytes };
	struct journal *j = must_open(dir, &o);

	for (int i = 0; i < n; i++)
		assert_int_equal(journal_append(j, a_record(i)), 0);
	journal_close(j);
}

static void one_record_is_found_by_its_seq_in_any_segment(void **state)
{
	write_many(*state, 200, 1500);
	for (uint64_t seq = 1; seq <= 200; seq += 7) {
		struct journal_filter f = { .seq = seq, .last = 1 };
		char want[32];

		sprintf(want, "%" PRIu64, seq);
		assert_string_equal(read_seqs(*state, &f), want);
	}
	assert_string_equal(read_seqs(*state, &(struct journal_filter){ .seq = 201, .last = 1 }),
			    "");
}

static void lines_across_blocks_are_whole(void **state)
{
	char *text = malloc(JOURNAL_LINE_MAX);
	struct journal *j = must_open(*state, NULL);
	struct journal_filter f = { .last = 4096 };
	struct got g = {};

	for (int i = 0; i < 200; i++) { /* 6 MB: two dozen blocks, cut anywhere */
		size_t n = (size_t)(i * 7919 % 60000);

		memset(text, 'x', n);
		text[n] = '\0';
		assert_int_equal(journal_append(j, json_pack("{s:s}", "text", text)), 0);
	}
	journal_close(j);
	free(text);
	assert_int_equal(journal_read(*state, &f, on_line, &g, NULL), 0);
	assert_int_equal(g.n, 200);
	for (size_t i = 0; i < g.n; i++)
		assert_int_equal(g.seq[i], i + 1);
}

static int on_bytes(void *ctx, const char *line, size_t len)
{
	*(size_t *)ctx += len;
	return 0;
}

static void a_step_gives_no_more_than_its_receiver_has_room_for(void **state)
{
	char *text = malloc(JOURNAL_LINE_MAX);
	struct journal *j = must_open(*state, NULL);
	struct journal_filter f = { .last = 4096 };
	size_t bytes = 0, all = 0;
	struct reader *r;
	int n;

	memset(text, 'x', 50000);
	text[50000] = '\0';
	for (int i = 0; i < 50; i++)
		assert_int_equal(journal_append(j, json_pack("{s:s}", "text", text)), 0);
	journal_close(j);
	free(text);
	assert_int_equal(reader_open(*state, &f, &r), 0);
	while ((n = reader_find(r)) > 0)
		;
	assert_int_equal(n, 0);
	do {
		bytes = 0;
		n = reader_give(r, on_bytes, &bytes);
		assert_true(bytes <= 200 * 1024);
		all += bytes;
	} while (n > 0);
	assert_int_equal(n, 0);
	assert_true(all > 50 * 50000);
	reader_close(r);
}

static void append_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void damage_is_passed_over(void **state)
{
	struct journal_filter f = { .last = 100 };
	char path[512], *garbage = malloc(1 << 20);

	write_many(*state, 2, 0);
	newest_segment(*state, path);
	memset(garbage, 'g', (1 << 20) - 1);
	garbage[(1 << 20) - 1] = '\0';
	append_text(path, "not JSON\n\n{\"open\":\n");
	append_text(path, garbage);
	append_text(path, "\n{\"seq\":3,\"type\":\"x\"}\n{\"seq\":4,\"ty");
	free(garbage);
	assert_string_equal(read_seqs(*state, &f), "1 2 3");
}

static void a_directory_that_is_not_there_is_told(void **state)
{
	const struct journal_filter f = { .last = 1 };
	struct got g = {};
	struct diag d = {};
	char path[512];

	snprintf(path, sizeof(path), "%s/none", (char *)*state);
	assert_int_equal(journal_read(path, &f, on_line, &g, &d), -ENOENT);
	assert_non_null(strstr(d.text, path));
	assert_string_equal(read_seqs(*state, &f), ""); /* an empty one is no error */
}

static void remove_first(const char *dir, int n)
{
	struct dirent **v;
	int found = scandir(dir, &v, journal_dir_filter, alphasort);

	assert_true(found >= n);
	for (int i = 0; i < found; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", dir, v[i]->d_name);
		if (i < n)
			assert_int_equal(unlink(path), 0);
		free(v[i]);
	}
	free(v);
}

static void segments_removed_meanwhile_are_passed_over(void **state)
{
	struct journal_filter f = { .last = 1000 };
	struct got g = {};
	struct reader *r;
	int n;

	write_many(*state, 100, 1500);
	assert_int_equal(reader_open(*state, &f, &r), 0);
	while ((n = reader_find(r)) > 0)
		;
	assert_int_equal(n, 0);
	/* the first is still open, the second is not: of a hundred records some ten are gone */
	remove_first(*state, 2);
	write_many(*state, 10, 1500); /* after reader_open(): not of this reading */
	while ((n = reader_give(r, on_line, &g)) > 0)
		;
	assert_int_equal(n, 0);
	assert_true(g.n > 80 && g.n < 100);
	assert_int_equal(g.seq[g.n - 1], 100);
	for (size_t i = 1; i < g.n; i++)
		assert_true(g.seq[i] > g.seq[i - 1]);
	reader_close(r);
}

static void reading_on_gives_what_came_since_over_segments(void **state)
{
	struct journal_filter f = { 0 };
	struct reader_place place;
	struct got g = {};
	struct reader *r;
	int n;

	write_many(*state, 10, 1500);
	assert_int_equal(reader_open(*state, &f, &r), 0);
	assert_int_equal(reader_find(r), 0);
	place = reader_end(r);
	assert_int_equal(reader_on(r, &place, on_line, &g), 0);
	for (int round = 1; round <= 3; round++) {
		write_many(*state, 40, 1500);
		while ((n = reader_on(r, &place, on_line, &g)) > 0)
			;
		assert_int_equal(n, 0);
		assert_int_equal(g.n, round * 40);
	}
	for (size_t i = 0; i < g.n; i++)
		assert_int_equal(g.seq[i], 11 + i);
	reader_close(r);
}

static void reading_on_begins_before_the_first_segment(void **state)
{
	struct journal_filter f = { 0 };
	struct reader_place place;
	struct got g = {};
	struct reader *r;
	int n;

	assert_int_equal(reader_open(*state, &f, &r), 0);
	place = reader_end(r);
	assert_int_equal(reader_on(r, &place, on_line, &g), 0);
	write_many(*state, 5, 0);
	while ((n = reader_on(r, &place, on_line, &g)) > 0)
		;
	assert_int_equal(n, 0);
	assert_int_equal(g.n, 5);
	reader_close(r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_dir_setup, journal_dir_teardown)
	const struct CMUnitTest tests[] = {
		TEST(filters_of_a_kind_are_or_and_kinds_are_and),
		TEST(last_counts_what_matches_in_the_order_of_seq),
		TEST(the_reader_may_have_enough),
		TEST(since_judges_each_record_also_those_told_late),
		TEST(segments_from_before_are_not_even_read),
		TEST(one_record_is_found_by_its_seq_in_any_segment),
		TEST(lines_across_blocks_are_whole),
		TEST(a_step_gives_no_more_than_its_receiver_has_room_for),
		TEST(damage_is_passed_over),
		TEST(a_directory_that_is_not_there_is_told),
		TEST(segments_removed_meanwhile_are_passed_over),
		TEST(reading_on_gives_what_came_since_over_segments),
		TEST(reading_on_begins_before_the_first_segment),
	};

	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
