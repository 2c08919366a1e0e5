/* SPDX-License-Identifier: Apache-2.0 */
/* A journal's directory for a test, and the one check of what is in it. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/journal.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/file.h"

#define JOURNAL_DIR_LEN 64
#define DEADLINE_NS	(10 * NS_PER_S)

static inline int journal_dir_setup(void **state)
{
	char *dir = calloc(1, JOURNAL_DIR_LEN);

	strcpy(dir, "/tmp/zta-journal-XXXXXX");
	*state = mkdtemp(dir);
	return *state ? 0 : -1;
}

static inline int journal_dir_teardown(void **state)
{
	char command[JOURNAL_DIR_LEN + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	free(*state);
	return system(command);
}

static inline struct journal *must_open(const char *dir, const struct journal_opts *o)
{
	static const struct journal_opts defaults;
	struct journal *j = NULL;
	struct diag d = {};

	if (journal_open(dir, o ? o : &defaults, &j, &d) < 0)
		fail_msg("%s", d.text);
	return j;
}

static inline json_t *a_record(int number)
{
	return json_pack("{s:s, s:s, s:i, s:i}", "type", "egress", "verdict", "deny", "number",
			 number, "count", 1);
}

/* What a directory holds, every line read. */
struct chain {
	uint64_t first, last; /* seq */
	size_t lines, segments;
	uint64_t decisions;		  /* sum of "count" */
	uint64_t told_lost, told_records; /* of the records "journal-recovered" */
	size_t recovered, cut;
	json_t *newest;
};

static inline bool journal_dir_is_segment(const struct dirent *e)
{
	return strlen(e->d_name) == 26 && !strcmp(e->d_name + 20, ".jsonl");
}

static inline int journal_dir_filter(const struct dirent *e)
{
	return journal_dir_is_segment(e);
}

static inline void chain_line(struct chain *c, const char *line)
{
	json_t *record = json_loads(line, 0, NULL);
	uint64_t seq = (uint64_t)json_integer_value(json_object_get(record, "seq"));
	const char *reason = json_string_value(json_object_get(record, "reason"));

	if (!record)
		fail_msg("no JSON after %" PRIu64 ": %.200s", c->last, line);
	if (c->last && seq != c->last + 1)
		fail_msg("%" PRIu64 " follows %" PRIu64, seq, c->last);
	if (!c->last)
		c->first = seq;
	c->last = seq;
	c->lines++;
	c->decisions += (uint64_t)json_integer_value(json_object_get(record, "count"));
	if (reason && !strcmp(reason, "journal-recovered")) {
		c->recovered++;
		c->told_lost += (uint64_t)json_integer_value(json_object_get(record, "lost"));
		c->told_records +=
			(uint64_t)json_integer_value(json_object_get(record, "lost_records"));
	}
	c->cut += reason && !strcmp(reason, "journal-cut");
	json_decref(c->newest);
	c->newest = record;
}

static inline void chain_file(struct chain *c, const char *path, const char *name)
{
	char *text = NULL, *at, *line;
	size_t len;

	assert_int_equal(file_read_all(path, 1 << 28, &text, &len), 0);
	assert_int_equal(strlen(text), len);
	if (c->last)
		assert_int_equal(strtoull(name, NULL, 10), c->last + 1);
	if (len)
		assert_int_equal(text[len - 1], '\n');
	for (at = text; (line = strsep(&at, "\n")) && at;)
		chain_line(c, line);
	free(text);
}

/* Fails the test unless seq goes up by one from line to line and segment to segment. */
static inline struct chain check_chain(const char *dir)
{
	struct chain c = {};
	struct dirent **v;
	int n = scandir(dir, &v, journal_dir_filter, alphasort);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", dir, v[i]->d_name);
		chain_file(&c, path, v[i]->d_name);
		free(v[i]);
	}
	free(v);
	c.segments = (size_t)n;
	return c;
}

static inline struct chain check_and_drop(const char *dir)
{
	struct chain c = check_chain(dir);

	json_decref(c.newest);
	c.newest = NULL;
	return c;
}

/* journal_tick() until the journal is well again. */
static inline void await_recovery(struct journal *j)
{
	uint64_t end = clock_mono_ns() + DEADLINE_NS;

	while (journal_state(j).failing && clock_mono_ns() < end) {
		poll(NULL, 0, 5);
		journal_tick(j);
	}
	assert_false(journal_state(j).failing);
}

/* Path of the newest segment. */
static inline void newest_segment(const char *dir, char ret[512])
{
	struct dirent **v;
	int n = scandir(dir, &v, journal_dir_filter, alphasort);

	assert_true(n > 0);
	snprintf(ret, 512, "%s/%s", dir, v[n - 1]->d_name);
	for (int i = 0; i < n; i++)
		free(v[i]);
	free(v);
}
