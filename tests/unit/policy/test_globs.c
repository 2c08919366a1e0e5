// SPDX-License-Identifier: Apache-2.0
/* The walk over the node tree, as the kernel does it, against reading the list of patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "compiled.h"
#include "parity/gen.h"
#include "policy/globs.h"

#define PATHS_EACH 300
#define TREES	   200
#define LONG63	   "012345678901234567890123456789012345678901234567890123456789012"

/* Index in workloads[] by the tree, and the profile that goes with it. */
static int walk(const struct policy_image *image, const char *path, uint16_t *ret_profile)
{
	struct zta_cgstate states[2] = {};
	char *text = strdup(path), *save = NULL;
	unsigned now = 0;
	int entry;

	globs_root(&image->patterns, 1, &states[0]);
	for (char *p = strtok_r(text, "/", &save); p; p = strtok_r(NULL, "/", &save)) {
		globs_step(&image->patterns, 1, &states[now], p, &states[!now]);
		now = !now;
	}
	free(text);
	*ret_profile = states[now].profile[1];
	entry = states[now].entry[1];
	return entry == ZTA_ENTRY_DEFAULT ? -1 : entry;
}

static void assert_agree(const struct compiled *c, const char *path)
{
	uint16_t profile, want = c->image->patterns.default_profile;
	int by_tree = walk(c->image, path, &profile), by_list = policy_workload_of(c->policy, path);

	if (by_list >= 0)
		want = c->image->profile_id[c->policy->workloads[by_list].profile];
	if (by_tree != by_list || profile != want)
		print_error("%s\n%s: tree %d (profile %u), list %d (profile %u)\n", c->policy->text,
			    path, by_tree, profile, by_list, want);
	assert_int_equal(by_tree, by_list);
	assert_int_equal(profile, want);
}

static const char *const pattern_parts[] = { "a", "ab", "a*",  "*b",   "*",  "a*b",   "ab*",
					     "b", "x",	"*a*", "a*b*", "**", "*b*a*", "a*ab*b" };
static const char *const path_parts[] = { "a", "ab",  "aab", "b",      "x",	 "abb",
					  "y", "aXb", "aba", "aXabXb", "bXabXa", "aabb" };

static void add_path(struct rng *r, struct buf *b, const char *const *parts, unsigned n)
{
	unsigned depth = rng_below(r, 5);

	if (!depth)
		assert_int_equal(buf_puts(b, "/"), 0);
	for (unsigned i = 0; i < depth; i++)
		assert_int_equal(buf_printf(b, "/%s", parts[rng_below(r, n)]), 0);
}

static void add_workloads(struct rng *r, struct buf *b)
{
	static const char *const profiles[] = { "host", "no-ai", "closed" };
	unsigned n = rng_below(r, 12);

	assert_int_equal(buf_puts(b, "'mode':'enforce','default_profile':'closed','workloads':["),
			 0);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(buf_printf(b, "%s{'profile':'%s','match':{'cgroup':'",
					    i ? "," : "", profiles[rng_below(r, 3)]),
				 0);
		add_path(r, b, pattern_parts, sizeof(pattern_parts) / sizeof(*pattern_parts));
		assert_int_equal(buf_puts(b, "'}}"), 0);
	}
	assert_int_equal(buf_puts(b, "]"), 0);
}

static void the_tree_finds_the_first_entry_of_the_list(void **state)
{
	const char *text = getenv("GLOBS_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	size_t refused = 0;

	print_message("GLOBS_SEED=%llu\n", (unsigned long long)seed);
	for (uint64_t i = 0; i < TREES; i++) {
		struct rng r = { .state = (seed * 0x9e3779b97f4a7c15ULL + i) | 1 };
		struct buf b = {};
		struct compiled c;

		add_workloads(&r, &b);
		compiled_open(&c, b.data);
		buf_free(&b);
		if (!c.image) /* more nodes at once than the kernel keeps */
			refused++;
		for (int k = 0; c.image && k < PATHS_EACH; k++) {
			struct buf path = {};

			add_path(&r, &path, path_parts, sizeof(path_parts) / sizeof(*path_parts));
			assert_agree(&c, path.data);
			buf_free(&path);
		}
		compiled_close(&c);
	}
	assert_true(refused < TREES / 2);
}

struct match {
	const char *path;
	int entry;
};

static void assert_matches(const struct compiled *c, const struct match *v, size_t n)
{
	assert_non_null(c->image);
	for (size_t i = 0; i < n; i++) {
		if (policy_workload_of(c->policy, v[i].path) != v[i].entry)
			print_error("%s\n", v[i].path);
		assert_int_equal(policy_workload_of(c->policy, v[i].path), v[i].entry);
		assert_agree(c, v[i].path);
	}
}

static void patterns_match_whole_components_and_what_is_below(void **state)
{
	static const struct match v[] = {
		{ "/", -1 },
		{ "/system.slice", -1 },
		{ "/system.slice/chat-1.service", 0 },
		{ "/system.slice/chat-.service", 0 },
		{ "/system.slice/chat-1.service/sub/deeper", 0 },
		{ "/system.slice/chat-1.services", -1 },
		{ "/system.slice/xchat-1.service", -1 },
		{ "/system.slice/chat-1/x.service", -1 },
		{ "/other/chat-1.service", -1 },
		{ "/user.slice/u1", 1 },
		{ "/user.slice", -1 },
		{ "/aa", -1 },
		{ "/aaa", 2 },
		{ "/aa0123456789a", 2 },
		{ "/a0123456789a", -1 },
	};
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','workloads':["
			  "{'match':{'cgroup':'/system.slice/chat-*.service'},'profile':'closed'},"
			  "{'match':{'cgroup':'/user.slice/*'},'profile':'no-ai'},"
			  "{'match':{'cgroup':'/aa*a/'},'profile':'closed'}]");
	assert_matches(&c, v, sizeof(v) / sizeof(*v));
	compiled_close(&c);
}

static void a_component_may_have_several_stars(void **state)
{
	static const struct match v[] = {
		{ "/chat-1-blue.service", 0 },
		{ "/chat--.service", 0 },
		{ "/chat-.service", -1 },
		{ "/xaaab", 1 },
		{ "/aab", 1 },
		{ "/ab", -1 },
		{ "/aaXabYab", 1 },
		{ "/2zxy", 2 },
		{ "/2", -1 },
		/* what prefix and suffix take is not there for the middle */
		{ "/qaq", -1 },
		{ "/qabaq", 3 },
		{ "/x" LONG63 "x", 4 },
		{ "/x" LONG63, 4 },
		{ "/x1" LONG63, 4 },
		{ "/x012345678901234567890123456789012345678901234567890123456789013", -1 },
	};
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','workloads':["
			  "{'match':{'cgroup':'/chat-*-*.service'},'profile':'closed'},"
			  "{'match':{'cgroup':'/*a*ab'},'profile':'no-ai'},"
			  "{'match':{'cgroup':'/2**z*'},'profile':'no-ai'},"
			  "{'match':{'cgroup':'/qa*b*aq'},'profile':'closed'},"
			  "{'match':{'cgroup':'/*" LONG63 "*'},'profile':'closed'}]");
	assert_matches(&c, v, sizeof(v) / sizeof(*v));
	compiled_close(&c);
}

static void the_first_entry_holds_for_deeper_cgroups_too(void **state)
{
	static const struct match v[] = {
		{ "/a", 2 }, { "/a/b", 1 }, { "/a/b/c", 0 }, { "/a/b/c/d", 0 }, { "/a/x/c", 2 },
	};
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','workloads':["
			  "{'match':{'cgroup':'/a/b/c'},'profile':'closed'},"
			  "{'match':{'cgroup':'/a/*b'},'profile':'no-ai'},"
			  "{'match':{'cgroup':'/a'},'profile':'host'},"
			  "{'match':{'cgroup':'/a/b/c/d'},'profile':'no-ai'}]");
	assert_matches(&c, v, sizeof(v) / sizeof(*v));
	compiled_close(&c);
}

static void the_root_pattern_matches_everything(void **state)
{
	static const struct match v[] = { { "/", 1 }, { "/a", 0 }, { "/b/c", 1 } };
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','workloads':["
			  "{'match':{'cgroup':'/a'},'profile':'closed'},"
			  "{'match':{'cgroup':'/'},'profile':'no-ai'},"
			  "{'match':{'kubernetes':{'namespace':'x'}},'profile':'host'}]");
	assert_matches(&c, v, sizeof(v) / sizeof(*v));
	compiled_close(&c);
}

static void assert_fits(const char *members, const char *error)
{
	struct compiled c;

	compiled_open(&c, members);
	if (!error)
		assert_non_null(c.image);
	else
		assert_true(c.errors.n && strstr(c.errors.v[0].message, error));
	compiled_close(&c);
}

/* @n patterns, each matching what the one before matches: "/a*", "/aa*"... */
static char *nested(size_t n, const char *before, const char *after)
{
	struct buf b = {};

	assert_int_equal(buf_puts(&b, "'mode':'enforce','workloads':["), 0);
	for (size_t i = 1; i <= n; i++) {
		assert_int_equal(buf_printf(&b, "%s{'profile':'closed','match':{'cgroup':'/%s",
					    i > 1 ? "," : "", before),
				 0);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(buf_puts(&b, "a"), 0);
		assert_int_equal(buf_printf(&b, "%s'}}", after), 0);
	}
	assert_int_equal(buf_puts(&b, "]"), 0);
	return buf_take(&b);
}

static void what_the_kernel_could_drop_is_refused(void **state)
{
	char *text = nested(ZTA_GLOB_STATES, "", "*");

	assert_fits(text, NULL);
	free(text);
	text = nested(ZTA_GLOB_STATES + 1, "", "*");
	assert_fits(text, "on the way to: 9 needed, 8 fit");
	free(text);
	text = nested(ZTA_GLOB_STATES, "*/", "*");
	assert_fits(text, NULL);
	free(text);
	text = nested(ZTA_GLOB_STATES + 1, "x*/", "*");
	assert_fits(text, "on the way to: 9 needed, 8 fit");
	free(text);
}

static void exclusive_patterns_do_not_count_together(void **state)
{
	struct buf b = {};

	assert_int_equal(buf_puts(&b, "'mode':'enforce','workloads':["), 0);
	for (int i = 0; i < ZTA_GLOBS_PER_NODE; i++)
		assert_int_equal(buf_printf(&b, "%s{'profile':'closed','match':{'cgroup':'/%c-*'}}",
					    i ? "," : "", 'a' + i),
				 0);
	assert_int_equal(buf_puts(&b, "]"), 0);
	assert_fits(b.data, NULL);
	b.len--;
	assert_int_equal(buf_puts(&b, ",{'profile':'closed','match':{'cgroup':'/z-*'}}]"), 0);
	assert_fits(b.data, "below one cgroup: 17 needed, 16 fit");
	buf_free(&b);
}

static void the_longest_component_is_compared_whole(void **state)
{
	char part[ZTA_COMPONENT_LEN + 2], members[512];
	struct match v[] = { { part, 0 }, { part, -1 }, { part, -1 } };
	struct compiled c;

	memset(part, 'a', sizeof(part));
	part[0] = '/';
	part[ZTA_COMPONENT_LEN] = '\0';
	snprintf(members, sizeof(members),
		 "'mode':'enforce','workloads':[{'profile':'closed','match':{'cgroup':'%s'}}]",
		 part);
	compiled_open(&c, members);
	assert_matches(&c, &v[0], 1);
	part[ZTA_COMPONENT_LEN] = 'a'; /* one more than the kernel keeps */
	part[ZTA_COMPONENT_LEN + 1] = '\0';
	assert_matches(&c, &v[1], 1);
	part[ZTA_COMPONENT_LEN - 1] = '\0';
	assert_matches(&c, &v[2], 1);
	compiled_close(&c);
}

static void the_deepest_pattern_is_walked_to_its_end(void **state)
{
	struct buf path = {}, members = {};
	struct match v = { .entry = 0 };
	struct compiled c;

	for (int i = 0; i < ZTA_CGROUP_LEVELS; i++)
		assert_int_equal(buf_puts(&path, "/a"), 0);
	assert_int_equal(buf_printf(&members,
				    "'mode':'enforce','workloads':[{'profile':'closed',"
				    "'match':{'cgroup':'%s'}}]",
				    path.data),
			 0);
	compiled_open(&c, members.data);
	v.path = path.data;
	assert_matches(&c, &v, 1);
	v = (struct match){ path.data + 2, -1 };
	assert_matches(&c, &v, 1);
	buf_free(&path);
	buf_free(&members);
	compiled_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tree_finds_the_first_entry_of_the_list),
		cmocka_unit_test(patterns_match_whole_components_and_what_is_below),
		cmocka_unit_test(a_component_may_have_several_stars),
		cmocka_unit_test(the_first_entry_holds_for_deeper_cgroups_too),
		cmocka_unit_test(the_root_pattern_matches_everything),
		cmocka_unit_test(what_the_kernel_could_drop_is_refused),
		cmocka_unit_test(exclusive_patterns_do_not_count_together),
		cmocka_unit_test(the_longest_component_is_compared_whole),
		cmocka_unit_test(the_deepest_pattern_is_walked_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
