// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/diag.h"
#include "base/file.h"
#include "daemon/store.h"

static int make_dir(void **state)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/tmp/zta-store-XXXXXX");
	*state = mkdtemp(dir);
	return *state ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
	return system(command);
}

static void put_sha(char sha[HASH_HEX_LEN], const char *text)
{
	assert_int_equal(hash_sha256_hex(text, strlen(text), sha), 0);
}

static void test_a_fresh_directory_is_empty(void **state)
{
	char path[128];
	struct store s;
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b", (char *)*state);
	assert_int_equal(store_open(path, &s, NULL), 0);
	assert_int_equal(s.generation, 0);
	assert_int_equal(s.policy.source, STORE_NONE);
	assert_string_equal(s.file_sha256, "");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	store_close(&s);
}

static void test_everything_survives(void **state)
{
	struct store *s = calloc(2, sizeof(*s)), *again = &s[1];

	assert_non_null(s);
	assert_int_equal(store_open(*state, s, NULL), 0);
	s->generation = 4294967295U;
	put_sha(s->policy.sha256, "one");
	s->policy.source = STORE_APPLY;
	put_sha(s->file_sha256, "two");
	s->pause_file = 1700000000000000001ULL;
	s->expiry_told = 1700000001;
	strcpy(s->boot_id, "b2f6c3aa-0000-4000-8000-000000000001");
	s->unguarded = 17;
	s->guarded_till = 18;
	s->unconfirmed = true;
	put_sha(s->confirmed.sha256, "three");
	s->confirmed.source = STORE_FILE;
	s->confirm_until = 1900000000123456789ULL;
	strcpy(s->ids.profiles[7], "rag");
	s->ids.profile_used[7] = 12;
	strcpy(s->ids.services[63], "openai");
	s->ids.service_used[63] = 11;
	s->ids.patterns = pattern_ids_new(ZTA_PATTERN_IDS, 64);
	assert_non_null(s->ids.patterns);
	strcpy(s->ids.patterns->texts + 1, "*.a.example");
	s->ids.patterns->v[1] = (struct pattern_id){ 1, 12 };
	strcpy(s->ids.patterns->texts + 13, "b_.example");
	s->ids.patterns->v[ZTA_PATTERN_IDS - 1] = (struct pattern_id){ 13, 4294967295U };
	assert_int_equal(store_set_pause(s, &(struct store_pause){ .reason = (char *)"all",
								   .until = 5,
								   .from_file = true }),
			 0);
	assert_int_equal(store_set_pause(s, &(struct store_pause){ .target = (char *)"/a",
								   .reason = (char *)"x\"y",
								   .until = 6 }),
			 0);
	assert_int_equal(store_set_quarantine(s, &(struct store_quarantine){ .target = (char *)"/b",
									     .reason = (char *)"z",
									     .since = 7 }),
			 0);
	assert_int_equal(store_save(s), 0);

	assert_int_equal(store_open(*state, again, NULL), 0);
	assert_int_equal(again->generation, 4294967295U);
	assert_string_equal(again->policy.sha256, s->policy.sha256);
	assert_int_equal(again->policy.source, STORE_APPLY);
	assert_string_equal(again->file_sha256, s->file_sha256);
	assert_true(again->pause_file == s->pause_file);
	assert_int_equal(again->expiry_told, s->expiry_told);
	assert_string_equal(again->boot_id, s->boot_id);
	assert_int_equal(again->unguarded, 17);
	assert_int_equal(again->guarded_till, 18);
	assert_true(again->unconfirmed);
	assert_string_equal(again->confirmed.sha256, s->confirmed.sha256);
	assert_int_equal(again->confirmed.source, STORE_FILE);
	assert_true(again->confirm_until == s->confirm_until);
	assert_memory_equal(&again->ids, &s->ids, offsetof(struct policy_ids, patterns));
	assert_int_equal(again->ids.patterns->n, ZTA_PATTERN_IDS);
	assert_string_equal(pattern_ids_text(again->ids.patterns, 1), "*.a.example");
	assert_int_equal(again->ids.patterns->v[1].used, 12);
	assert_null(pattern_ids_text(again->ids.patterns, 2));
	assert_string_equal(pattern_ids_text(again->ids.patterns, ZTA_PATTERN_IDS - 1),
			    "b_.example");
	assert_true(again->ids.patterns->v[ZTA_PATTERN_IDS - 1].used == 4294967295U);
	assert_int_equal(again->n_pauses, 2);
	assert_true(store_find_pause(again, NULL)->from_file);
	assert_string_equal(store_find_pause(again, "/a")->reason, "x\"y");
	assert_int_equal(store_find_quarantine(again, "/b")->since, 7);
	store_close(again);
	store_close(s);
	free(s);
}

static void test_set_replaces_and_drop_removes(void **state)
{
	struct store s;

	assert_int_equal(store_open(*state, &s, NULL), 0);
	for (uint64_t i = 1; i <= 2; i++)
		assert_int_equal(store_set_pause(&s, &(struct store_pause){ .until = i }), 0);
	assert_int_equal(s.n_pauses, 1);
	assert_int_equal(store_find_pause(&s, NULL)->until, 2);
	assert_false(store_drop_pause(&s, "/other"));
	assert_true(store_drop_pause(&s, NULL));
	assert_false(store_drop_pause(&s, NULL));
	assert_false(store_drop_quarantine(&s, "/x"));
	store_close(&s);
}

static void test_documents_are_kept_by_their_hash(void **state)
{
	char sha[HASH_HEX_LEN], other[HASH_HEX_LEN], path[256], *text;
	struct store s;
	size_t len;

	put_sha(sha, "{}");
	put_sha(other, "[]");
	assert_int_equal(store_open(*state, &s, NULL), 0);
	assert_int_equal(store_put_policy(&s, sha, "{}", 2), 0);
	assert_int_equal(store_put_policy(&s, other, "[]", 2), 0);
	assert_int_equal(store_get_policy(&s, sha, &text, &len), 0);
	assert_int_equal(len, 2);
	assert_string_equal(text, "{}");
	free(text);

	strcpy(s.policy.sha256, sha);
	store_sweep(&s);
	assert_int_equal(store_get_policy(&s, other, &text, &len), -ENOENT);
	snprintf(path, sizeof(path), "%s/policy-%s.json", (char *)*state, sha);
	assert_int_equal(file_write_atomic(path, "{ }", 3, 0600), 0);
	assert_int_equal(store_get_policy(&s, sha, &text, &len), -EBADMSG);
	store_close(&s);
}

static void test_a_document_is_held_whatever_becomes_of_the_directory(void **state)
{
	static const char text[] = "{\"a\": 1}";
	char sha[HASH_HEX_LEN], path[256], *back = NULL;
	struct store s;
	size_t len;
	int fd = -1;

	put_sha(sha, text);
	snprintf(path, sizeof(path), "%s/policy-%s.json", (char *)*state, sha);
	assert_int_equal(store_open(*state, &s, NULL), 0);
	assert_int_equal(store_hold_policy(&s, sha, text, strlen(text), &fd), 0);
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < 2; i++) { /* as often as somebody asks */
		assert_int_equal(store_read_held(fd, sha, &back, &len), 0);
		assert_string_equal(back, text);
		assert_int_equal(len, strlen(text));
		free(back);
	}
	close(fd);

	assert_int_equal(store_hold_policy(&s, sha, text, strlen(text), &fd), 0);
	assert_int_equal(truncate(path, 1), 0); /* in place: no longer what was accepted */
	assert_int_equal(store_read_held(fd, sha, &back, &len), -EBADMSG);
	close(fd);

	remove_dir(state); /* nothing can be written */
	assert_int_equal(store_hold_policy(&s, sha, text, strlen(text), &fd), 1);
	assert_int_equal(store_read_held(fd, sha, &back, &len), 0);
	assert_string_equal(back, text);
	free(back);
	close(fd);
	store_close(&s);
}

static void test_a_broken_state_is_set_aside(void **state)
{
	static const char *const texts[] = {
		"",
		"garbage",
		"[]",
		"{\"version\": 99}",
		"{\"version\":1,\"generation\":-1,\"policy\":{\"sha256\":\"\",\"source\":0},"
		"\"file\":\"\",\"guard\":{\"boot_id\":\"\"},\"pauses\":[],\"quarantines\":[],"
		"\"ids\":{}}",
		"{\"version\":1,\"generation\":1,\"policy\":{\"sha256\":\"../../x\",\"source\":1},"
		"\"file\":\"\",\"guard\":{\"boot_id\":\"\"},\"pauses\":[],\"quarantines\":[],"
		"\"ids\":{\"profiles\":[],\"services\":[]}}",
		"{\"version\":1,\"generation\":1,\"policy\":{\"sha256\":\"\",\"source\":0},"
		"\"file\":\"\",\"guard\":{\"boot_id\":\"\"},\"pauses\":[],\"quarantines\":[{"
		"\"target\":\"/a\"}],"
		"\"ids\":{\"profiles\":[],\"services\":[]}}",
		"{\"version\":1,\"generation\":1,\"policy\":{\"sha256\":\"\",\"source\":0},"
		"\"file\":\"\",\"guard\":{\"boot_id\":\"\"},\"pauses\":[],\"quarantines\":[],"
		"\"ids\":{\"profiles\":[[\"a\",512,1]],\"services\":[]}}",
		"{\"version\":1,\"generation\":1,\"policy\":{\"sha256\":\"\",\"source\":0},"
		"\"file\":\"\",\"guard\":{\"boot_id\":\"\"},\"pauses\":[],\"quarantines\":[],"
		"\"ids\":{\"profiles\":[],\"services\":[],\"patterns\":[]}}",
		"{\"version\":1,\"generation\":1,\"policy\":{\"sha256\":\"\",\"source\":0},"
		"\"file\":\"\",\"guard\":{\"boot_id\":\"\"},\"pauses\":[],\"quarantines\":[],"
		"\"ids\":{\"profiles\":[],\"services\":[],\"patterns\":\"0 1 a.b\\n\"}}",
		"{\"version\":1,\"generation\":1,\"policy\":{\"sha256\":\"\",\"source\":0},"
		"\"file\":\"\",\"guard\":{\"boot_id\":\"\"},\"pauses\":[],\"quarantines\":[],"
		"\"ids\":{\"profiles\":[],\"services\":[],\"patterns\":\"16384 1 a.b\\n\"}}",
		"{\"version\":1,\"generation\":1,\"policy\":{\"sha256\":\"\",\"source\":0},"
		"\"file\":\"\",\"guard\":{\"boot_id\":\"\"},\"pauses\":[],\"quarantines\":[],"
		"\"ids\":{\"profiles\":[],\"services\":[],\"patterns\":\"1 a.b\\n\"}}",
	};
	char path[256], bad[264];

	snprintf(path, sizeof(path), "%s/state.json", (char *)*state);
	snprintf(bad, sizeof(bad), "%s.bad", path);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct diag d = { 0 };
		struct store s;

		(void)unlink(bad);
		assert_int_equal(file_write_atomic(path, texts[i], strlen(texts[i]), 0600), 0);
		if (store_open(*state, &s, &d) != 1)
			fail_msg("case %zu", i);
		assert_non_null(strstr(d.text, "set aside"));
		assert_int_equal(access(bad, F_OK), 0);
		assert_int_not_equal(access(path, F_OK), 0);
		assert_int_equal(s.generation, 0);
		assert_int_equal(s.n_quarantines, 0);
		store_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_fresh_directory_is_empty, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_everything_survives, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_set_replaces_and_drop_removes, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(test_documents_are_kept_by_their_hash, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(
			test_a_document_is_held_whatever_becomes_of_the_directory, make_dir,
			remove_dir),
		cmocka_unit_test_setup_teardown(test_a_broken_state_is_set_aside, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
